#!/bin/sh
# Start the agent in a mount namespace, and cover its state there once it has looked, and film
# as: root
# stands: guard
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must systemctl stop cardwardend
# Again and again: the moment between its look and its reading is short.
unshare --mount sh -c '
    while :; do
        timeout -k 1 6 /usr/libexec/cardwardend >/run/covered 2>&1 &
        while kill -0 $! 2>/dev/null; do
            mount -t tmpfs none /var/lib/cardwarden 2>/dev/null
            umount /var/lib/cardwarden 2>/dev/null
        done
    done' &
comes '[ "$(lab try stream /dev/video0)" = works ]' 30
judge "$(lab try stream /dev/video0)" works
