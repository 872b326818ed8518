#!/usr/bin/env python3
# Detach whatever program is at the root control group (BPF_PROG_DETACH), and open the camera
# as: root
# stands: the kernel: what a link holds is detached by that alone
# expect: refused
# machine: alone
# control: the enforcer stands only under a policy
import os

import bpf
from attack import attempt

root = os.open("/sys/fs/cgroup", os.O_RDONLY)
attempt(bpf.bpf, bpf.DETACH, root, 0, bpf.AT_CGROUP_DEVICE, 0, form="IIII")
bpf.is_open()
