#!/bin/sh
# Listen by a copy of the receiver's node
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /srv)
may mknod "$folder/copy" c $(tr : ' ' </sys/class/lirc/lirc0/dev)
judge "$(lab try use ioctl "$folder/copy")" works
