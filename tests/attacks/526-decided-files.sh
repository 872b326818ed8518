#!/bin/sh
# Write what the udev rules look at, and film
# as: both
# stands: permissions, cgroup-device
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
for each in camera microphone infrared; do
    (: >/run/cardwarden/decided/$each) 2>/dev/null
done
rm -rf /run/cardwarden/decided 2>/dev/null
udevadm trigger --settle --subsystem-match=video4linux 2>/dev/null
judge "$(lab try stream /dev/video0)" works
