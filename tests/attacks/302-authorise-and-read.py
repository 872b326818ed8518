#!/usr/bin/env python3
# Write 1 to a stick's `authorized`, and read it before it is taken away again
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
import glob
import os
import time

from attack import attempt, refused, succeeded

device = "/sys/bus/usb/devices/" + open("/srv/names/stick").read().strip()
attempt(os.write, attempt(os.open, device + "/authorized", os.O_WRONLY), b"1")
end = time.monotonic() + 8
said = "no disk came"
while time.monotonic() < end:
    for disk in glob.glob("/dev/sd[a-z]"):
        try:
            read = os.read(os.open(disk, os.O_RDONLY), 4096)
            succeeded(f"{len(read)} bytes of {disk}")
        except OSError as error:
            said = os.strerror(error.errno)
    if open(device + "/authorized").read().strip() == "0":
        refused("it is taken away again: " + said)
refused(said)
