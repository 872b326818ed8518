#!/usr/bin/env python3
# Send a control transfer to a device that is not authorised, through usbfs
# as: root
# stands: cgroup-device
# expect: refused
import ctypes
import fcntl
import os
import struct

from attack import attempt, succeeded

device = "/sys/bus/usb/devices/" + open("/srv/names/other").read().strip()
bus, number = (int(open(f"{device}/{name}").read()) for name in ("busnum", "devnum"))
node = attempt(os.open, "/dev/bus/usb/%03d/%03d" % (bus, number), os.O_RDWR)
space = ctypes.create_string_buffer(18)
# GET_DESCRIPTOR to the device, as struct usbdevfs_ctrltransfer.
ask = struct.pack("=BBHHHIIQ", 0x80, 6, 0x0100, 0, 18, 1000, 0, ctypes.addressof(space))
length = attempt(fcntl.ioctl, node, 0xC0185500, ask)
succeeded(f"{len(space.raw)} bytes came back")
