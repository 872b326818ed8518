#!/bin/sh
# Film as a service of systemd to which cameras are allowed
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
judge "$(systemd-run --quiet --pipe --wait -p DevicePolicy=closed -p 'DeviceAllow=char-video4linux rw' lab try stream /dev/video0)" works
