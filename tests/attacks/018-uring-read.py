#!/usr/bin/env python3
# Read pictures by io_uring from a camera that was made a file of the ring's own before the policy came
# as: user
# stands: lsm/file_permission
# expect: refused
# machine: alone
import ctypes
import errno
import os
import time

import uring
from attack import KEPT_RING, as_the_keeper, refused, succeeded

as_the_keeper()
ring = uring.Ring(KEPT_RING, bytes.fromhex(os.environ["KEPT_RING"]))
space = ctypes.create_string_buffer(1 << 20)
end = time.monotonic() + 5
while True:
    try:
        got = ring.ask(
            uring.READ, 0, 0, ctypes.addressof(space), len(space), 0, uring.FIXED_FILE
        )
        succeeded(f"{got} bytes")
    except OSError as error:
        if error.errno != errno.EAGAIN or time.monotonic() > end:
            refused(errno.errorcode[error.errno])
