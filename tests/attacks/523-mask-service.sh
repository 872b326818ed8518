#!/bin/sh
# Mask the agent's service, stop it, plug a new camera in, and film
# as: root
# stands: pinned programs
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl mask --runtime --now cardwardend
must systemctl stop keeper lab-held-node
must modprobe -r vivid
must modprobe vivid n_devs=1 node_types=0x1
judge "$(lab try stream /dev/video0)" works
