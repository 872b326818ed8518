#!/bin/sh
# Film from the root of all control groups
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
judge "$(sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs && exec lab try stream /dev/video0')" works
