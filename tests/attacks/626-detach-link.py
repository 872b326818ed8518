#!/usr/bin/env python3
# Detach the program at the root control group by its link (BPF_LINK_DETACH), and open the camera
# as: root
# stands: guard
# expect: refused
import struct

import bpf
from attack import attempt

for link in bpf.by_id(bpf.NEXT_LINK, bpf.LINK_BY_ID):
    # BPF_LINK_TYPE_CGROUP.
    if struct.unpack_from("I", bpf.info(link))[0] == 3:
        attempt(bpf.bpf, bpf.LINK_DETACH, link, 0, form="II")
bpf.is_open()
