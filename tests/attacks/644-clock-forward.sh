#!/bin/sh
# Set the clock to after the restriction (date), and film
# as: root
# stands: guard
# expect: refused
# start: hours
. /srv/attacks/attack.sh
may date --utc --set 2091-01-01
timeout 25 cardwarden sync >/dev/null 2>&1
judge "$(lab try stream /dev/video0)" works
