#!/usr/bin/env python3
# Give itself the permission that the agent gives itself for a moment
# as: root
# stands: guard
# expect: refused
import struct

import bpf
from attack import attempt, succeeded

table = attempt(bpf.get, bpf.pin("CWD_PERMIT"))
size = struct.unpack_from("4I", bpf.info(table))[3]
attempt(bpf.put, table, b"\xff" * size)
succeeded("it is written")
