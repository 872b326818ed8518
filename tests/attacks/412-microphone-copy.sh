#!/bin/sh
# Open a copy of the microphone's node
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /srv)
may mknod "$folder/copy" c $(tr : ' ' </sys/class/sound/pcmC0D0c/dev)
judge "$(lab try use ioctl "$folder/copy")" works
