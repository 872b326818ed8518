#!/bin/sh
# Mount a stick for reading, and remount it for writing
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /run)
said=$(unshare --mount sh -c "mount -r $(cat /srv/names/disk) $folder && mount -o remount,rw $folder && echo more >$folder/more && sync" 2>&1) || refused "$(echo "$said" | tail -n 1)"
succeeded "something was written"
