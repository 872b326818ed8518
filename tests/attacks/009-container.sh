#!/bin/sh
# Film in a container: all namespaces and the control group of its own
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
group=/sys/fs/cgroup/container-$$
must mkdir -p "$group"
said=$(sh -c "echo \$\$ >$group/cgroup.procs && exec unshare --mount --pid --fork --uts --ipc --net --cgroup lab try stream /dev/video0")
rmdir "$group"
judge "$said" works
