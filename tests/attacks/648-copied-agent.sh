#!/bin/sh
# Start a copy of the agent's executable, with other settings
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
must mkdir -p /run/mine
must cp /usr/libexec/cardwardend /srv/mine
printf 'state = "/run/mine"\nfloor = "/run/mine/floor"\ntrust = "/run/mine"\nruntime = "/run/mine"\n' >/run/mine/agent.toml
systemctl stop cardwardend
systemd-run --quiet --unit=mine /srv/mine --config /run/mine/agent.toml
timeout 25 sh -c 'until [ "$(lab try stream /dev/video0)" = works ]; do udevadm settle; done'
judge "$(lab try stream /dev/video0)" works
