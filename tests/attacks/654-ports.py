#!/usr/bin/env python3
# Speak to the hardware past the kernel (/dev/port)
# as: root
# stands: guard
# expect: refused
# machine: unchanged
import os

from attack import attempt, succeeded

ports = attempt(os.open, "/dev/port", os.O_RDWR)
succeeded(attempt(os.pread, ports, 1, 0x71).hex())
