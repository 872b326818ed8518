#!/usr/bin/env python3
# Let the agent run only when nobody else does (SCHED_IDLE)
# as: both
# stands: guard
# expect: refused
import os
import subprocess

from attack import attempt, succeeded

pid = int(subprocess.check_output(["systemctl", "show", "-P", "MainPID", "cardwardend"]))
attempt(os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
succeeded(f"policy {os.sched_getscheduler(pid)}")
