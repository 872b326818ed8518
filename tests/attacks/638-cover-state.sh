#!/bin/sh
# Mount an empty folder over the agent's state
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
may mount -t tmpfs none /var/lib/cardwarden
[ -z "$(ls -A /var/lib/cardwarden)" ] && succeeded "nobody sees it"
refused "it is there still"
