#!/bin/sh
# Stop the agent's service, and film
# as: root
# stands: pinned programs
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop cardwardend
judge "$(lab try stream /dev/video0)" works
