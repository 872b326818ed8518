#!/bin/sh
# Change the node's owner and mode, and film as somebody else
# as: root
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
must chmod 666 /dev/video0
judge "$(setpriv --reuid 65534 --clear-groups lab try stream /dev/video0)" works
