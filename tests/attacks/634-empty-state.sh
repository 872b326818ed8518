#!/bin/sh
# Empty the files of the agent's state
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
file=$(find /var/lib/cardwarden -type f -size +0 | head -n 1)
must test -n "$file"
may truncate --size 0 "$file"
test -s "$file" && refused "it is as before"
succeeded "$file is empty"
