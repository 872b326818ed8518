#!/bin/sh
# Take the camera's driver out and in again, and film with the new node at once
# as: root
# stands: cgroup-device
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop keeper lab-held-node
must modprobe -r vivid
must modprobe vivid n_devs=1 node_types=0x1
judge "$(lab try stream /dev/video0)" works
