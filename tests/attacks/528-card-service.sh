#!/bin/sh
# Stop the card service, restart the agent, and film
# as: root
# stands: the saved state
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop pcscd.socket pcscd.service
must systemctl restart cardwardend
judge "$(lab try stream /dev/video0)" works
