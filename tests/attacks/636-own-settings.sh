#!/bin/sh
# Give the agent other settings, restart it, and film
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# listed: root changes the settings, the trusted keys or the executable
. /srv/attacks/attack.sh
must mkdir -p /var/lib/cardwarden/empty
said=$( (printf 'state = "/var/lib/cardwarden/empty"\nfloor = "/var/lib/cardwarden/empty/floor"\ntrust = "/var/lib/cardwarden/empty"\n' >/etc/cardwarden/agent.toml) 2>&1) || refused "${said##*: }"
must systemctl restart cardwardend
timeout 20 cardwarden wait --settled --timeout 15
judge "$(lab try stream /dev/video0)" works
