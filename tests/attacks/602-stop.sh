#!/bin/sh
# Stop the agent with SIGSTOP
# as: both
# stands: guard
# expect: open as root
# why: no guard yet: what was in force stays
# listed: root ends, stops or starves the agent
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
may kill -STOP "$pid"
comes "grep -q '^State:.*T' /proc/$pid/status" || refused "it goes on"
succeeded "process $pid is stopped"
