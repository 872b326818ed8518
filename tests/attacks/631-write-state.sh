#!/bin/sh
# Write to the folder of the agent's state
# as: both
# stands: guard
# expect: open as root
# why: no guard yet
# machine: unchanged
# listed: root deletes `/var/lib/cardwarden`
. /srv/attacks/attack.sh
said=$( (echo mine >/var/lib/cardwarden/mine) 2>&1) || refused "${said##*: }"
succeeded "it is written"
