#!/usr/bin/env python3
# Unblock the radio by its attribute in sysfs
# as: root
# stands: rfkill
# expect: refused
import glob
import os
import time

from attack import attempt, refused, succeeded

(soft,) = glob.glob("/sys/class/bluetooth/hci0/rfkill*/soft")
attempt(os.write, attempt(os.open, soft, os.O_WRONLY), b"0")
end = time.monotonic() + 5
while time.monotonic() < end:
    if open(soft).read().strip() == "1":
        refused("it is blocked again")
succeeded("it stays unblocked")
