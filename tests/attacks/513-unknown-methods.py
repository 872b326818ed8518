#!/usr/bin/env python3
# Find a method that the bus admits and nobody knows of, or the other way round
# as: user
# stands: the bus policy
# expect: refused
# control: there is none by design, whatever is in force
import re
import subprocess

from attack import refused, succeeded

objects = subprocess.run(
    ["busctl", "tree", "--list", "org.cardwarden.Agent1"], capture_output=True, text=True, check=True
)
paths = [line for line in objects.stdout.split() if line.startswith("/org/cardwarden/Agent1")]
served = set()
for path in paths[:3]:
    call = ["busctl", "call", "org.cardwarden.Agent1", path, "org.freedesktop.DBus.Introspectable", "Introspect"]
    text = subprocess.run(call, capture_output=True, text=True, check=True).stdout.replace('\\"', '"')
    for interface, body in re.findall(r'<interface name="([^"]+)">(.*?)</interface>', text, re.S):
        served |= {(interface, method) for method in re.findall(r'<method name="([^"]+)"', body)}
policy = open("/usr/share/dbus-1/system.d/org.cardwarden.Agent1.conf").read()
default = policy.split('context="default"')[1]
pattern = r'<allow send_destination="[^"]+" send_interface="([^"]+)" send_member="([^"]+)"'
admitted = set(re.findall(pattern, default))
# Nobody may set a property, since there is none to set.
served.discard(("org.freedesktop.DBus.Properties", "Set"))
strange = {f"{one}.{two}" for one, two in admitted ^ served}
if not served or not admitted:
    raise LookupError("nothing is served, or nothing admitted")
if strange:
    succeeded(", ".join(sorted(strange)))
refused(f"the {len(served)} that are served are those that are admitted")
