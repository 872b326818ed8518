#!/bin/sh
# Unmount the file system of the pins
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
umount /sys/fs/bpf 2>/dev/null
comes "! mountpoint -q /sys/fs/bpf" && succeeded "it is unmounted"
refused "it is busy"
