#!/bin/sh
# Give the agent other settings, restart it, and film
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
must mkdir -p /dev/shm/empty
said=$( (printf 'state = "/dev/shm/empty"\nfloor = "/dev/shm/empty/floor"\ntrust = "/dev/shm/empty"\n' >/etc/cardwarden/agent.toml) 2>&1) || refused "${said##*: }"
must systemctl restart cardwardend
timeout 20 cardwarden wait --settled --timeout 15
judge "$(lab try stream /dev/video0)" works
