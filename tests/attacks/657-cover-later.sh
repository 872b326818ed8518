#!/bin/sh
# Start the agent in a mount namespace, and cover its state there once it has looked, and film
# as: root
# stands: guard
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop cardwardend
unshare --mount sh -c '
    timeout -k 1 20 /usr/libexec/cardwardend >/run/covered 2>&1 &
    while kill -0 $! 2>/dev/null; do
        mount -t tmpfs none /var/lib/cardwarden 2>/dev/null
        umount /var/lib/cardwarden 2>/dev/null
    done' &
comes "grep -q INFO /run/covered || grep -q ERROR /run/covered"
comes "cardwarden wait --settled --timeout 2"
judge "$(lab try stream /dev/video0)" works
