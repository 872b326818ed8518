#!/bin/sh
# Unmount the file system of the pins as soon as nobody uses it, and end the agent
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
may umount --lazy /sys/fs/bpf
mountpoint -q /sys/fs/bpf && refused "it is mounted still"
succeeded "it is unmounted"
