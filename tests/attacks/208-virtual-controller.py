#!/usr/bin/env python3
# Make a controller of software (/dev/vhci)
# as: root
# stands: cgroup-device
# expect: refused
# machine: alone
import os

from attack import attempt, succeeded

line = attempt(os.open, "/dev/vhci", os.O_RDWR)
attempt(os.write, line, bytes([0xFF, 0]))
succeeded("a controller")
