#!/usr/bin/env python3
# Be a USB device by a program of its own (FunctionFS)
# as: root
# stands: gadget
# expect: refused
# start: gadget
# machine: alone
import os
import struct
import time

from attack import attempt, refused, succeeded

place = "/sys/kernel/config/usb_gadget/mine"
for folder in ("strings/0x409", "configs/c.1", "functions/ffs.mine"):
    os.makedirs(f"{place}/{folder}", exist_ok=True)
open(place + "/idVendor", "w").write("0x1d6b")
open(place + "/idProduct", "w").write("0x0111")
os.makedirs("/run/mine", exist_ok=True)
if os.system("mount -t functionfs mine /run/mine") != 0:
    refused("it cannot be mounted")
control = os.open("/run/mine/ep0", os.O_RDWR)
# One interface of its maker's own class with one bulk endpoint, for full and high speed.
parts = bytes([9, 4, 0, 0, 1, 255, 0, 0, 1])
full, high = (parts + struct.pack("=BBBBHB", 7, 5, 0x81, 2, size, 0) for size in (64, 512))
body = struct.pack("<II", 2, 2) + full + high
os.write(control, struct.pack("<III", 3, 12 + len(body), 3) + body)
texts = struct.pack("<HH", 0x409, 0)[:2] + b"mine\0"
os.write(control, struct.pack("<IIII", 2, 16 + len(texts), 1, 1) + texts)
os.symlink(place + "/functions/ffs.mine", place + "/configs/c.1/ffs.mine")
attempt(os.write, attempt(os.open, place + "/UDC", os.O_WRONLY), b"dummy_udc.4")
end = time.monotonic() + 8
while time.monotonic() < end:
    if not open(place + "/UDC").read().strip():
        refused("it is unbound again")
succeeded("it stays bound")
