#!/bin/sh
# End everything in the agent's control group (cgroup.kill)
# as: root
# stands: guard
# expect: open as root
# why: no guard yet: it is started again, and what was in force stays meanwhile
# listed: root ends, stops or starves the agent
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
said=$( (echo 1 >/sys/fs/cgroup/system.slice/cardwardend.service/cgroup.kill) 2>&1) || refused "${said##*: }"
comes "! test -e /proc/$pid || grep -q '^State:.*Z' /proc/$pid/status" && succeeded "process $pid is gone"
refused "it lives on"
