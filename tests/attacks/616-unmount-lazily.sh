#!/bin/sh
# Unmount the file system of the pins as soon as nobody uses it, and end the agent
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# listed: root removes the pins
. /srv/attacks/attack.sh
may umount --lazy /sys/fs/bpf
mountpoint -q /sys/fs/bpf && refused "it is mounted still"
succeeded "it is unmounted"
