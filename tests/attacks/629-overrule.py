#!/usr/bin/env python3
# Attach a program of its own that allows everything, beside the agent's, and open the camera
# as: root
# stands: the kernel: one program that refuses is enough
# expect: refused
# machine: alone
# control: the enforcer stands only under a policy
import os

import bpf
from attack import attempt

mine = attempt(bpf.load, bpf.CGROUP_DEVICE, bpf.RETURN_1, bpf.AT_CGROUP_DEVICE)
root = os.open("/sys/fs/cgroup", os.O_RDONLY)
# BPF_F_ALLOW_MULTI.
attempt(bpf.bpf, bpf.ATTACH, root, mine, bpf.AT_CGROUP_DEVICE, 2, form="IIII")
bpf.is_open()
