#!/bin/sh
# Film through a hard link to the camera's node
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
link=/dev/link-$$
must ln /dev/video0 "$link"
said=$(lab try stream "$link")
must rm "$link"
judge "$said" works
