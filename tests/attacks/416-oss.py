#!/usr/bin/env python3
# Record by the older interface (/dev/dsp)
# as: both
# stands: cgroup-device
# expect: refused
# control: the lab's kernels have no OSS
import os

from attack import attempt, refused, succeeded

if not os.path.exists("/dev/dsp") and os.geteuid() == 0:
    attempt(os.mknod, "/run/dsp", 0o020666, os.makedev(14, 3))
    attempt(os.open, "/run/dsp", os.O_RDONLY)
    succeeded("it is open")
attempt(os.open, "/dev/dsp", os.O_RDONLY)
succeeded("it is open")
