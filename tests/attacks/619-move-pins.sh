#!/bin/sh
# Move the mount of the pins elsewhere
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
must mkdir -p /run/elsewhere
may mount --make-private /sys
said=$(mount --move /sys/fs/bpf /run/elsewhere 2>&1) || refused "$(echo "$said" | head -n 1)"
test -e /sys/fs/bpf/cardwarden && refused "they are there still"
succeeded "they are elsewhere"
