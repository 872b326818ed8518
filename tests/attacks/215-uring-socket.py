#!/usr/bin/env python3
# Make a Bluetooth socket by io_uring
# as: both
# stands: lsm/socket_create
# expect: refused
import uring
from attack import attempt, succeeded

line = attempt(uring.Ring().ask, uring.SOCKET, 31, 5, 0, 0)
succeeded(f"socket {line}")
