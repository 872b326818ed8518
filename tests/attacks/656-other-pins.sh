#!/bin/sh
# Be the agent where there are no pins and no state yet (another bpffs, in a mount namespace), and film
# as: root
# stands: pinned programs, guard
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
log=/run/other-pins
unshare --mount sh -c '
    mount -t bpf none /sys/fs/bpf && mount -t tmpfs none /var/lib/cardwarden &&
    mount -t tmpfs none /var/lib/cardwarden-floor && mount -t tmpfs none /run/cardwarden &&
    exec timeout -k 1 20 /usr/libexec/cardwardend' >$log 2>&1 &
comes "grep -q 'INFO in force' $log" 20 || broken "it does not start: $(cat $log)"
judge "$(lab try stream /dev/video0)" works
