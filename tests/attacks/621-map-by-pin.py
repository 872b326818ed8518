#!/usr/bin/env python3
# Write over what is in force in the kernel's map, by its pin, and open the camera
# as: root
# stands: guard
# expect: refused
# control: nothing is in force before that could be written over
import bpf
from attack import attempt

attempt(bpf.clear, attempt(bpf.get, bpf.pin("CWD_DECISION")))
bpf.is_open()
