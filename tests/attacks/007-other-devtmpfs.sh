#!/bin/sh
# Film with the node of another mount of devtmpfs, in a mount namespace of its own
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /srv)
judge "$(unshare --mount sh -c "mount -t devtmpfs none $folder && lab try stream $folder/video0")" works
