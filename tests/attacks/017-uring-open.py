#!/usr/bin/env python3
# Open the camera by io_uring instead of open(2), and film
# as: both
# stands: cgroup-device
# expect: refused
import ctypes
import os

import uring
from attack import attempt, film, succeeded

ring = uring.Ring()
path = ctypes.create_string_buffer(b"/dev/video0")
camera = attempt(
    ring.ask, uring.OPENAT, -100, 0, ctypes.addressof(path), 0, os.O_RDWR | os.O_NONBLOCK
)
succeeded(f"{attempt(film, camera)} bytes")
