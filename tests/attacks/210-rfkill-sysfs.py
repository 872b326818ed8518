#!/usr/bin/env python3
# Unblock the radio by its attribute in sysfs
# as: root
# stands: rfkill
# expect: refused
import glob
import os

from attack import attempt, stays_unblocked

(soft,) = glob.glob("/sys/class/bluetooth/hci0/rfkill*/soft")
attempt(os.write, attempt(os.open, soft, os.O_WRONLY), b"0")
stays_unblocked(soft)
