#!/usr/bin/env python3
# The same by the map's number
# as: root
# stands: guard
# expect: refused
import bpf
from attack import attempt

attempt(bpf.clear, attempt(bpf.map_by_id, "CWD_DECISION"))
bpf.is_open()
