#!/bin/sh
# End the agent with SIGKILL
# as: both
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
may kill -KILL "$pid"
comes "! test -e /proc/$pid || grep -q '^State:.*Z' /proc/$pid/status" || refused "it lives on"
succeeded "process $pid is gone"
