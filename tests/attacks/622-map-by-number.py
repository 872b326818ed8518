#!/usr/bin/env python3
# The same by the map's number
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# control: nothing is in force before that could be written over
# listed: writes the maps
import bpf
from attack import attempt

attempt(bpf.clear, attempt(bpf.map_by_id, "DECISION"))
bpf.is_open()
