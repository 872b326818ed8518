#!/usr/bin/env python3
# Write to the agent's memory (process_vm_writev)
# as: both
# stands: guard
# expect: refused
# machine: unchanged
import ctypes
import struct
import subprocess

from attack import attempt, succeeded, syscall

pid = int(subprocess.check_output(["systemctl", "show", "-P", "MainPID", "cardwardend"]))
try:
    maps = open(f"/proc/{pid}/maps").read()
    at = int(maps[: maps.index("[stack]")].splitlines()[-1].split("-")[1].split()[0], 16) - 8
except OSError:
    # Nobody who may not look knows where; any place will be refused.
    at = 0x1000
space = ctypes.create_string_buffer(8)
mine = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(space), 8))
other = ctypes.create_string_buffer(struct.pack("QQ", at, 8))
attempt(syscall, 310, pid, mine, 1, other, 1, 0)
attempt(syscall, 311, pid, mine, 1, other, 1, 0)
succeeded("8 bytes")
