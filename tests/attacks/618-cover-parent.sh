#!/bin/sh
# Mount something over a folder above the pins
# as: root
# stands: guard
# expect: open as root
# why: no guard yet: what was in force stays
# listed: root removes the pins
. /srv/attacks/attack.sh
may mount -t tmpfs none /sys/fs
test -e /sys/fs/bpf/cardwarden && refused "they are there still"
succeeded "nobody sees them"
