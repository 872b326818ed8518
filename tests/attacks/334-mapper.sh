#!/bin/sh
# Write to a stick through the device mapper
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
must modprobe dm_mod
disk=$(cat /srv/names/disk)
said=$(dmsetup create mine --table "0 $(blockdev --getsz "$disk") linear $disk 0" 2>&1) || refused "$(echo "$said" | head -n 1)"
said=$(lab try overwrite /dev/mapper/mine)
dmsetup remove mine
judge "$said" works
