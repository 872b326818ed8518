#!/bin/sh
# Mount an empty folder over the agent's state
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# listed: root deletes `/var/lib/cardwarden`
. /srv/attacks/attack.sh
may mount -t tmpfs none /var/lib/cardwarden
[ -z "$(ls -A /var/lib/cardwarden)" ] && succeeded "nobody sees it"
refused "it is there still"
