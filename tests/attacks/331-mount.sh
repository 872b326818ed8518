#!/bin/sh
# Mount a stick for writing that may only be read
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
folder=$(mktemp -d -p /run)
said=$(unshare --mount sh -c "mount -w $(cat /srv/names/disk) $folder && echo more >$folder/more && sync" 2>&1) || refused "$(echo "$said" | tail -n 1)"
succeeded "something was written"
