#!/usr/bin/env python3
# Delete what is in force from the kernel's map, and open the camera
# as: root
# stands: guard
# expect: refused
import ctypes

import bpf
from attack import attempt

table = attempt(bpf.get, bpf.pin("CWD_DECISION"))
key = ctypes.create_string_buffer(4)
attempt(bpf.bpf, bpf.DELETE, table, 0, ctypes.addressof(key), 0, 0, form="IIQQQ")
bpf.is_open()
