#!/usr/bin/env python3
# Open a microphone as a 32-bit program
# as: both
# stands: cgroup-device
# expect: refused
import os

from attack import attempt, succeeded
from compat import compat, put

attempt(compat, 5, put(b"/dev/snd/pcmC0D0c\0"), os.O_RDONLY | os.O_NONBLOCK)
succeeded("it is open")
