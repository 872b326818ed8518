#!/usr/bin/env python3
# Open the camera as a 32-bit program, and film
# as: both
# stands: cgroup-device
# expect: refused
import os

from attack import attempt, film, succeeded
from compat import compat, put

camera = attempt(compat, 5, put(b"/dev/video0\0"), os.O_RDWR | os.O_NONBLOCK)
succeeded(f"{attempt(film, camera)} bytes")
