#!/bin/sh
# Delete the agent's state, and restart it
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
find /var/lib/cardwarden /var/lib/cardwarden-floor -type f -exec rm -f {} + 2>/dev/null
[ -z "$(find /var/lib/cardwarden -type f)" ] || refused "it is there still"
succeeded "nothing is left of it"
