#!/bin/sh
# Rename the files of the agent's state
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# control: there is no state before
# listed: root deletes `/var/lib/cardwarden`
. /srv/attacks/attack.sh
file=$(find /var/lib/cardwarden -type f | head -n 1)
must test -n "$file"
may mv "$file" "$file.mine"
succeeded "$file has another name"
