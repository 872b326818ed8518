#!/usr/bin/env python3
# Put a program of its own in the place of the agent's (BPF_LINK_UPDATE), and open the camera
# as: root
# stands: guard
# expect: refused
import struct

import bpf
from attack import attempt

mine = attempt(bpf.load, bpf.CGROUP_DEVICE, bpf.RETURN_1, bpf.AT_CGROUP_DEVICE)
for link in bpf.by_id(bpf.NEXT_LINK, bpf.LINK_BY_ID):
    if struct.unpack_from("I", bpf.info(link))[0] == 3:
        attempt(bpf.bpf, bpf.LINK_UPDATE, link, mine, 0, 0, form="IIII")
bpf.is_open()
