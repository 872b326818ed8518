#!/usr/bin/env python3
# Write 1 to a controller's `authorized_default`, for a moment
# as: root
# stands: guard
# expect: refused
# machine: unchanged
import os

from attack import attempt, succeeded

hub = os.path.dirname(os.path.realpath("/sys/bus/usb/devices/" + open("/srv/names/serial").read().strip()))
attempt(os.write, attempt(os.open, hub + "/authorized_default", os.O_WRONLY), b"1")
succeeded("it was written")
