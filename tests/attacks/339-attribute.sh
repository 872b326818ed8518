#!/bin/sh
# Make a stick writable by its attribute in sysfs, and write to it
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
disk=$(basename "$(cat /srv/names/disk)")
(echo 0 >"/sys/block/$disk/ro") 2>/dev/null
(echo none >"/sys/block/$disk/device/state") 2>/dev/null
judge "$(lab try overwrite "/dev/$disk")" works
