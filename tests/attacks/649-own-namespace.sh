#!/bin/sh
# Start the agent's executable in a mount namespace where its state is empty
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
must mkdir -p /run/mine
systemctl stop cardwardend
systemd-run --quiet --unit=mine -p PrivateMounts=yes sh -c 'mount --bind /run/mine /var/lib/cardwarden && mount --bind /run/mine /etc/cardwarden && mount --bind /run/mine /var/lib/cardwarden-floor && exec /usr/libexec/cardwardend'
timeout 25 sh -c 'until [ "$(lab try stream /dev/video0)" = works ]; do udevadm settle; done'
judge "$(lab try stream /dev/video0)" works
