#!/bin/sh
# Freeze the agent's control group
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
group=/sys/fs/cgroup/system.slice/cardwardend.service
must test -e $group/cgroup.freeze
said=$( (echo 1 >$group/cgroup.freeze) 2>&1) || refused "${said##*: }"
comes "grep -qx 'frozen 1' $group/cgroup.events" && succeeded "it is frozen"
refused "it goes on"
