#!/usr/bin/env python3
# Reset a device through usbfs, so that it is enumerated again
# as: root
# stands: cgroup-device
# expect: refused
import fcntl
import os

from attack import attempt, succeeded

device = "/sys/bus/usb/devices/" + open("/srv/names/serial").read().strip()
bus, number = (int(open(f"{device}/{name}").read()) for name in ("busnum", "devnum"))
node = attempt(os.open, "/dev/bus/usb/%03d/%03d" % (bus, number), os.O_RDWR)
# USBDEVFS_RESET.
attempt(fcntl.ioctl, node, 0x5514)
succeeded("it was reset")
