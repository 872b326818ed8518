#!/bin/sh
# Take the memory from the agent's control group (memory.max)
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
place=/sys/fs/cgroup/system.slice/cardwardend.service/memory.max
if ! test -e $place; then
    must sh -c 'echo +memory >/sys/fs/cgroup/cgroup.subtree_control && echo +memory >/sys/fs/cgroup/system.slice/cgroup.subtree_control'
fi
must test -e $place
before=$(systemctl show -P MainPID cardwardend)
said=$( (echo 65536 >$place) 2>&1) || refused "${said##*: }"
pid=$(systemctl show -P MainPID cardwardend)
[ "$pid" = "$before" ] || succeeded "it was ended"
grep -qx 65536 $place && succeeded "64 KiB are left to it"
refused "the limit is another"
