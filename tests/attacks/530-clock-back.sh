#!/bin/sh
# Set the clock to before the restriction, and film
# as: root
# stands: the highest time seen
# expect: refused
# start: hours
# machine: alone
. /srv/attacks/attack.sh
may date --utc --set 2019-06-01
cardwarden sync >/dev/null 2>&1
judge "$(lab try stream /dev/video0)" works
