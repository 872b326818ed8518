#!/usr/bin/env python3
# Make a Bluetooth socket as a 32-bit program (socketcall)
# as: both
# stands: lsm/socket_create
# expect: refused
import struct

from attack import attempt, succeeded
from compat import compat, put

line = attempt(compat, 102, 1, put(struct.pack("3I", 31, 5, 0)))
succeeded(f"socket {line}")
