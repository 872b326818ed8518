#!/usr/bin/env python3
# Write to the agent's memory through /proc
# as: both
# stands: guard
# expect: refused
# machine: unchanged
import os
import subprocess

from attack import attempt, succeeded

pid = subprocess.check_output(["systemctl", "show", "-P", "MainPID", "cardwardend"], text=True).strip()
memory = attempt(os.open, f"/proc/{pid}/mem", os.O_RDWR)
with open(f"/proc/{pid}/maps") as maps:
    place = next(line for line in maps if "[stack]" in line).split("-")[1].split()[0]
at = int(place, 16) - 8
attempt(os.pwrite, memory, attempt(os.pread, memory, 8, at), at)
succeeded("8 bytes")
