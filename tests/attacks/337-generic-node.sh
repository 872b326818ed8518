#!/bin/sh
# Open the node that takes commands for a stick (sg, bsg)
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
must modprobe sg
disk=$(basename "$(cat /srv/names/disk)")
node=$(ls "/sys/block/$disk/device/scsi_generic") || broken "it has none"
judge "$(lab try open "/dev/$node")" open
