#!/usr/bin/env python3
# Trace the agent (ptrace)
# as: both
# stands: guard
# expect: refused
import subprocess

from attack import attempt, succeeded, syscall

pid = int(subprocess.check_output(["systemctl", "show", "-P", "MainPID", "cardwardend"]))
# PTRACE_SEIZE, PTRACE_INTERRUPT.
attempt(syscall, 101, 0x4206, pid, 0, 0)
attempt(syscall, 101, 0x4207, pid, 0, 0)
succeeded(f"process {pid} is traced")
