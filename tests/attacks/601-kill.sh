#!/bin/sh
# End the agent with SIGKILL
# as: both
# stands: guard
# expect: open as root
# why: no guard yet: it is started again, and what was in force stays meanwhile
# listed: root ends, stops or starves the agent
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID cardwardend)
may kill -KILL "$pid"
comes "! test -e /proc/$pid || grep -q '^State:.*Z' /proc/$pid/status" || refused "it lives on"
succeeded "process $pid is gone"
