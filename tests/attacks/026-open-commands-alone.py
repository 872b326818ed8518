#!/usr/bin/env python3
# Open the camera for commands alone (access mode 3), and film
# as: both
# stands: cgroup-device
# expect: refused
import os

from attack import attempt, film, succeeded

camera = attempt(os.open, "/dev/video0", 3 | os.O_NONBLOCK)
succeeded(f"{attempt(film, camera)} bytes")
