#!/bin/sh
# Have the device trust a key of its own
# as: both
# stands: guard
# expect: open as root
# why: no guard yet
# machine: unchanged
# listed: root changes the settings, the trusted keys or the executable
. /srv/attacks/attack.sh
said=$( (cat /etc/cardwarden/trust.d/*.pem >/etc/cardwarden/trust.d/mine.pem) 2>&1) || refused "${said##*: }"
succeeded "it is there"
