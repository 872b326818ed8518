#!/bin/sh
# Write to the folder of the agent's state
# as: both
# stands: guard
# expect: refused
# machine: unchanged
. /srv/attacks/attack.sh
said=$( (echo mine >/var/lib/cardwarden/mine) 2>&1) || refused "${said##*: }"
succeeded "it is written"
