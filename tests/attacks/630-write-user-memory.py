#!/usr/bin/env python3
# Load a program that writes to the memory of programs (bpf_probe_write_user)
# as: both
# stands: guard
# expect: refused
# machine: unchanged
import struct

import bpf
from attack import attempt, succeeded


def code(operation, target=0, source=0, offset=0, value=0):
    return struct.pack("=BBhi", operation, source << 4 | target, offset, value)


# r1 = 0; r2 = r10 - 8, where 0 is put; r3 = 8; bpf_probe_write_user; return 0
program = (
    code(0x7A, 10, 0, -8)
    + code(0xB7, 1)
    + code(0xBF, 2, 10)
    + code(0x07, 2, 0, 0, -8)
    + code(0xB7, 3, 0, 0, 8)
    + code(0x85, 0, 0, 0, 36)
    + bpf.RETURN_0
)
attempt(bpf.load, bpf.KPROBE, program)
succeeded("it is loaded")
