#!/bin/sh
# Change the system's zone, and film
# as: root
# stands: the policy's own zone
# expect: refused
# start: hours
# machine: alone
. /srv/attacks/attack.sh
must ln -sf /usr/share/zoneinfo/Pacific/Kiritimati /etc/localtime
must cardwarden sync
judge "$(lab try stream /dev/video0)" works
