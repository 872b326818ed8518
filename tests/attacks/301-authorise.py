#!/usr/bin/env python3
# Write 1 to a device's `authorized`, and have it
# as: root
# stands: usb authorisation
# expect: refused
import os
import time

from attack import attempt, refused, succeeded

device = "/sys/bus/usb/devices/" + open("/srv/names/serial").read().strip()
attempt(os.write, attempt(os.open, device + "/authorized", os.O_WRONLY), b"1")
end = time.monotonic() + 5
while time.monotonic() < end:
    if open(device + "/authorized").read().strip() == "0":
        refused("it is taken away again")
succeeded("it stays authorised")
