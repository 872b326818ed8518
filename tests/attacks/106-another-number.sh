#!/bin/sh
# Make a camera with a number that none had before, and film with it at once
# as: root
# stands: cgroup-device
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop keeper lab-held-node
must modprobe -r vivid
must modprobe vivid n_devs=3 node_types=0x1,0x1,0x1
judge "$(lab try stream /dev/video3)" works
