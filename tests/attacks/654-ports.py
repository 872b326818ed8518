#!/usr/bin/env python3
# Speak to the hardware past the kernel (/dev/port)
# as: root
# stands: nothing: needs verified boot
# expect: open as root
# why: the kernel lets root, unless it is locked down
# machine: unchanged
# listed: another kernel, another boot medium
import os

from attack import attempt, succeeded

ports = attempt(os.open, "/dev/port", os.O_RDWR)
succeeded(attempt(os.pread, ports, 1, 0x71).hex())
