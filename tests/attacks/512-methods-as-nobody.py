#!/usr/bin/env python3
# The same as a user who does not sit at the device
# as: root
# stands: polkit, signatures
# expect: refused
# control: the bus asks the same of everybody, whatever is in force
import subprocess

from attack import refused, succeeded

calls = [
    ("AskPin",),
    ("Associate", "s", "0000"),
    ("Deliver", "ay", "3", "1", "2", "3"),
    ("RegisterPrompter", "o", "/mine"),
    ("Release", "ay", "3", "1", "2", "3"),
    ("Sync",),
]
nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
place = ["org.cardwarden.Agent1", "/org/cardwarden/Agent1", "org.cardwarden.Agent1"]
admitted = []
for call in calls:
    done = subprocess.run(
        [*nobody, "busctl", "--timeout=10", "call", *place, *call], capture_output=True, text=True
    )
    if done.returncode == 0:
        admitted.append(call[0])
if admitted:
    succeeded("; ".join(admitted))
refused("none does anything")
