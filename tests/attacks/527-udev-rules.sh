#!/bin/sh
# Delete the udev rules, let everybody open the nodes, and film
# as: root
# stands: cgroup-device
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
rm -f /usr/lib/udev/rules.d/7?-cardwarden-* /run/udev/rules.d/*cardwarden*
must udevadm control --reload
must udevadm trigger --settle --subsystem-match=video4linux
must chmod 666 /dev/video0
judge "$(setpriv --reuid 65534 --clear-groups lab try stream /dev/video0)" works
