#!/bin/sh
# Have the service start another program in place of the agent, and film
# as: root
# stands: pinned programs
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must mkdir -p /run/systemd/system/cardwardend.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/bin/sleep infinity\nType=simple\n' >/run/systemd/system/cardwardend.service.d/mine.conf
must systemctl daemon-reload
must systemctl restart cardwardend
judge "$(lab try stream /dev/video0)" works
