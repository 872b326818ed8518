#!/bin/sh
# End everything in the agent's control group (cgroup.kill)
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
said=$( (echo 1 >/sys/fs/cgroup/system.slice/cardwardend.service/cgroup.kill) 2>&1) || refused "${said##*: }"
comes "! test -e /proc/$pid || grep -q '^State:.*Z' /proc/$pid/status" && succeeded "process $pid is gone"
refused "it lives on"
