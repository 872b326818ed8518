#!/usr/bin/env python3
# Have the kernel decode infrared signals again, by the protocols in sysfs
# as: root
# stands: infrared protocols
# expect: refused
import glob
import os
import time

from attack import attempt, refused, succeeded

(place,) = glob.glob("/sys/class/rc/rc*/lirc0/../protocols")
attempt(os.write, attempt(os.open, place, os.O_WRONLY), b"+nec")
end = time.monotonic() + 5
while time.monotonic() < end:
    if "[nec]" not in open(place).read():
        refused("they are off again")
succeeded("they stay on")
