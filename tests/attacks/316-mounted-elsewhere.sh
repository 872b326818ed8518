#!/bin/sh
# Read a stick that is mounted in a mount namespace of its own since before the policy came
# as: root
# stands: the agent unmounts it everywhere
# expect: refused
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID mounted)
must test -d "/proc/$pid"
nsenter -t "$pid" -m findmnt -n /mnt/stick >/dev/null && succeeded "it is still mounted"
refused "nothing is mounted there"
