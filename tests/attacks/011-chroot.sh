#!/bin/sh
# Film in another root folder
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /run)
judge "$(unshare --mount sh -c "mount --rbind / $folder && chroot $folder lab try stream /dev/video0")" works
