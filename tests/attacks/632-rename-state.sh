#!/bin/sh
# Rename the files of the agent's state
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
file=$(find /var/lib/cardwarden -type f | head -n 1)
must test -n "$file"
may mv "$file" "$file.mine"
succeeded "$file has another name"
