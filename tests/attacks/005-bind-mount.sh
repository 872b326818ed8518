#!/bin/sh
# Film through a file over which the camera's node is mounted
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
place=$(mktemp -p /srv)
judge "$(unshare --mount sh -c "mount --bind /dev/video0 $place && lab try stream $place")" works
