#!/bin/sh
# Write to the block device of a stick that may only be read
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
judge "$(lab try overwrite "$(cat /srv/names/disk)")" works
