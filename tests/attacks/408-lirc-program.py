#!/usr/bin/env python3
# Attach a BPF program to an infrared receiver (BPF_LIRC_MODE2)
# as: root
# stands: cgroup-device
# expect: refused
# control: the lab's kernels are built without BPF_LIRC_MODE2
import os

import bpf
from attack import attempt, succeeded

device = attempt(os.open, "/dev/lirc0", os.O_RDWR)
program = attempt(bpf.load, bpf.LIRC_MODE2, bpf.RETURN_0)
attempt(bpf.attach, device, program, bpf.AT_LIRC_MODE2)
succeeded("it is attached")
