#!/usr/bin/env python3
# Open a place that was looked up (O_PATH) before the policy came, and film
# as: user
# stands: cgroup-device
# expect: refused
import os

from attack import KEPT_PATH, as_the_keeper, attempt, film, succeeded

as_the_keeper()
camera = attempt(os.open, f"/proc/self/fd/{KEPT_PATH}", os.O_RDWR | os.O_NONBLOCK)
succeeded(f"{attempt(film, camera)} bytes")
