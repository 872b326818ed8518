#!/usr/bin/env python3
# Write 1 to a device's `authorized`, for a moment
# as: root
# stands: guard
# expect: refused
# machine: unchanged
import os

from attack import attempt, refused, succeeded

device = "/sys/bus/usb/devices/" + open("/srv/names/serial").read().strip()
attempt(os.write, attempt(os.open, device + "/authorized", os.O_WRONLY), b"1")
if open(device + "/authorized").read().strip() == "1":
    succeeded("it is authorised")
refused("it is not authorised")
