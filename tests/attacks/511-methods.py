#!/usr/bin/env python3
# Call every method that changes what is in force, over D-Bus
# as: user
# stands: polkit, signatures
# expect: refused
# control: the bus asks the same of everybody, whatever is in force
import subprocess

from attack import refused, succeeded

calls = [
    ("Associate", "s", "0000"),
    ("Deliver", "ay", "3", "1", "2", "3"),
    ("Release", "ay", "3", "1", "2", "3"),
]
place = ["org.cardwarden.Agent1", "/org/cardwarden/Agent1", "org.cardwarden.Agent1"]
admitted = []
for call in calls:
    done = subprocess.run(["busctl", "--timeout=10", "call", *place, *call], capture_output=True, text=True)
    if done.returncode == 0:
        admitted.append(call[0])
if admitted:
    succeeded("; ".join(admitted))
refused("none does anything")
