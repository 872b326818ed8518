#!/bin/sh
# Film through an overlay file system that has the copy of the node below
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /run)
layers="lowerdir=/srv/copies,upperdir=$folder/above,workdir=$folder/work"
judge "$(unshare --mount sh -c "mount -t tmpfs none $folder && mkdir $folder/above $folder/work $folder/whole \
    && mount -t overlay -o $layers none $folder/whole && lab try stream $folder/whole/camera")" works
