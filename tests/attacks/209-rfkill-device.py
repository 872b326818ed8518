#!/usr/bin/env python3
# Unblock the radio through /dev/rfkill
# as: both
# stands: cgroup-device, rfkill
# expect: refused
import glob
import os
import struct

from attack import attempt, stays_unblocked

(soft,) = glob.glob("/sys/class/bluetooth/hci0/rfkill*/soft")
line = attempt(os.open, "/dev/rfkill", os.O_RDWR)
# struct rfkill_event: all radios of Bluetooth (2), RFKILL_OP_CHANGE_ALL (3), not blocked.
attempt(os.write, line, struct.pack("IBBBB", 0, 2, 3, 0, 0))
stays_unblocked(soft)
