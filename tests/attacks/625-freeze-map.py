#!/usr/bin/env python3
# Make the kernel's map read-only, so that no other policy comes into force (BPF_MAP_FREEZE)
# as: root
# stands: guard
# expect: refused
import bpf
from attack import attempt, succeeded

attempt(bpf.bpf, bpf.FREEZE, attempt(bpf.get, bpf.pin("CWD_DECISION")), 0, form="II")
succeeded("it is frozen")
