#!/bin/sh
# Stop the agent with SIGSTOP
# as: both
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
may kill -STOP "$pid"
comes "grep -q '^State:.*T' /proc/$pid/status" || refused "it goes on"
succeeded "process $pid is stopped"
