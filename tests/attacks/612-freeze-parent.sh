#!/bin/sh
# Freeze the control group above the agent's
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
echo $$ >/sys/fs/cgroup/cgroup.procs
group=/sys/fs/cgroup/system.slice
said=$( (echo 1 >$group/cgroup.freeze) 2>&1) || refused "${said##*: }"
frozen=no
for turn in $(seq 200); do
    grep -qx 'frozen 1' $group/cardwardend.service/cgroup.events && frozen=yes && break
done
echo 0 >$group/cgroup.freeze
[ $frozen = yes ] && succeeded "it was frozen"
refused "it goes on"
