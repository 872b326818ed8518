#!/usr/bin/env python3
# Take the driver of a USB controller away
# as: root
# stands: guard
# expect: refused
import os

from attack import attempt, succeeded

device = os.path.realpath("/sys/bus/usb/devices/" + open("/srv/names/serial").read().strip())
controller = device.split("/usb")[0].rsplit("/", 1)[1]
place = "/sys/bus/platform/drivers/dummy_hcd/unbind"
attempt(os.write, attempt(os.open, place, os.O_WRONLY), controller.encode())
succeeded("it has none")
