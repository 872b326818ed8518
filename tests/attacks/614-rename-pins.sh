#!/bin/sh
# Rename the folder of the pins
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
may mv /sys/fs/bpf/cardwarden /sys/fs/bpf/other
test -e /sys/fs/bpf/cardwarden && refused "it is there still"
succeeded "it has another name"
