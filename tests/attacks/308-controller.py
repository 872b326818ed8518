#!/usr/bin/env python3
# Take a controller's driver away and give it back: a new root hub appears
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
import glob
import os
import time

from attack import attempt, refused, succeeded

device = os.path.realpath("/sys/bus/usb/devices/" + open("/srv/names/serial").read().strip())
controller = device.split("/usb")[0].rsplit("/", 1)[1]
driver = "/sys/bus/platform/drivers/dummy_hcd/"
attempt(os.write, attempt(os.open, driver + "unbind", os.O_WRONLY), controller.encode())
attempt(os.write, attempt(os.open, driver + "bind", os.O_WRONLY), controller.encode())
end = time.monotonic() + 12
seen = "no device came"
while time.monotonic() < end:
    for name in glob.glob(f"/sys/devices/platform/{controller}/usb*/*-1/*:1.0/driver"):
        if os.path.exists(name):
            seen = "a driver had it for a moment"
    for name in glob.glob(f"/sys/devices/platform/{controller}/usb*/*-1/authorized"):
        try:
            word = open(name).read().strip()
        except OSError:
            continue
        if word == "0":
            refused("it is not authorised; before that, " + seen)
if seen.startswith("a driver"):
    succeeded("a driver has it")
refused(seen)
