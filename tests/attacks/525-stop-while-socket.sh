#!/bin/sh
# Stop the agent's service, and make a Bluetooth socket
# as: root
# stands: pinned programs
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop cardwardend
judge "$(lab try bluetooth)" open
