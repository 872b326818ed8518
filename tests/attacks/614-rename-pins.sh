#!/bin/sh
# Rename the folder of the pins
# as: root
# stands: guard
# expect: open as root
# why: no guard yet: what was in force stays
# listed: root removes the pins
. /srv/attacks/attack.sh
may mv /sys/fs/bpf/cardwarden /sys/fs/bpf/other
test -e /sys/fs/bpf/cardwarden && refused "it is there still"
succeeded "it has another name"
