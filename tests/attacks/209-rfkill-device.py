#!/usr/bin/env python3
# Unblock the radio through /dev/rfkill
# as: both
# stands: cgroup-device, rfkill
# expect: refused
import glob
import os
import struct
import time

from attack import attempt, refused, succeeded

(soft,) = glob.glob("/sys/class/bluetooth/hci0/rfkill*/soft")
line = attempt(os.open, "/dev/rfkill", os.O_RDWR)
# struct rfkill_event: all radios of Bluetooth (2), RFKILL_OP_CHANGE_ALL (3), not blocked.
attempt(os.write, line, struct.pack("IBBBB", 0, 2, 3, 0, 0))
end = time.monotonic() + 5
while time.monotonic() < end:
    if open(soft).read().strip() == "1":
        refused("it is blocked again")
succeeded("it stays unblocked")
