#!/bin/sh
# Have the device trust a key of its own
# as: both
# stands: guard
# expect: refused
# machine: unchanged
. /srv/attacks/attack.sh
said=$( (cat /etc/cardwarden/trust.d/*.pem >/etc/cardwarden/trust.d/mine.pem) 2>&1) || refused "${said##*: }"
succeeded "it is there"
