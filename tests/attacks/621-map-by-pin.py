#!/usr/bin/env python3
# Write over what is in force in the kernel's map, by its pin, and open the camera
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# control: nothing is in force before that could be written over
# listed: writes the maps
import bpf
from attack import attempt

attempt(bpf.clear, attempt(bpf.get, bpf.pin("DECISION")))
bpf.is_open()
