#!/bin/sh
# Speak with NFC over generic netlink
# as: both
# stands: lsm/netlink_send
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try nfc-netlink)" works
