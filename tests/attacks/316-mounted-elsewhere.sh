#!/bin/sh
# Read a stick that is mounted in a mount namespace of its own since before the policy came
# as: root
# stands: usb authorisation
# expect: refused
. /srv/attacks/attack.sh
pid=$(systemctl show -P MainPID mounted)
must test -d "/proc/$pid"
said=$(nsenter -t "$pid" -m sh -c 'echo 3 >/proc/sys/vm/drop_caches && cat /mnt/stick/note' 2>&1) || refused "${said##*: }"
succeeded "$said"
