#!/usr/bin/env python3
# Take descriptors of the agent's (pidfd_getfd)
# as: both
# stands: guard
# expect: refused
# machine: unchanged
import subprocess

from attack import attempt, succeeded, syscall

pid = int(subprocess.check_output(["systemctl", "show", "-P", "MainPID", "cardwardend"]))
process = syscall(434, pid, 0)
taken = attempt(syscall, 438, process, 3, 0)
succeeded(f"descriptor {taken}")
