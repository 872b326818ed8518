#!/bin/sh
# Film through a symbolic link to the camera's node
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d)
must ln -s /dev/video0 "$folder/link"
judge "$(lab try stream "$folder/link")" works
