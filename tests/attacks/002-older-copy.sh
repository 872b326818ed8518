#!/bin/sh
# Film with a copy of the camera's node that was made before the policy came
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try stream /srv/copies/camera)" works
