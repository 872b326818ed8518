#!/bin/sh
# Make a copy of the camera's node with `mknod` and film with that
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /srv)
may mknod "$folder/copy" c 81 0
judge "$(lab try stream "$folder/copy")" works
