#!/bin/sh
# Film as root of a user namespace of its own
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
judge "$(unshare --user --map-root-user --mount lab try stream /dev/video0)" works
