#!/bin/sh
# Mount something over the pins
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
may mount -t tmpfs none /sys/fs/bpf
test -e /sys/fs/bpf/cardwarden && refused "they are there still"
succeeded "nobody sees them"
