#!/bin/sh
# Take the agent's memory and descriptors away by limits (prlimit)
# as: both
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
may prlimit --pid "$pid" --nofile=1:1
prlimit --pid "$pid" --nofile --noheadings -o SOFT | grep -qx ' *1' && succeeded "it may open nothing"
refused "the limit is another"
