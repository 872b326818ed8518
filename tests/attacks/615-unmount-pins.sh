#!/bin/sh
# Unmount the file system of the pins
# as: root
# stands: guard
# expect: open as root
# why: no guard yet: what was in force stays where the agent runs
# listed: root removes the pins
. /srv/attacks/attack.sh
umount /sys/fs/bpf 2>/dev/null
comes "! mountpoint -q /sys/fs/bpf" && succeeded "it is unmounted"
refused "it is busy"
