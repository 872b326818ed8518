#!/bin/sh
# Remove the pins of the kernel programs, and film
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
rm -f /sys/fs/bpf/cardwarden/*/link_* 2>/dev/null
judge "$(lab try stream /dev/video0)" works
