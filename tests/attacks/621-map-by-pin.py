#!/usr/bin/env python3
# Write over what is in force in the kernel's map, by its pin, and open the camera
# as: root
# stands: guard
# expect: refused
import bpf
from attack import attempt

attempt(bpf.clear, attempt(bpf.get, bpf.pin("CWD_DECISION")))
bpf.is_open()
