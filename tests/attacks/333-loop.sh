#!/bin/sh
# Write to a stick through a loop device
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
must modprobe loop
said=$(losetup --show -f "$(cat /srv/names/disk)" 2>&1) || refused "$said"
loop=$said
said=$(lab try overwrite "$loop")
losetup -d "$loop"
judge "$said" works
