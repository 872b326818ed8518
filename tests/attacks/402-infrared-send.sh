#!/bin/sh
# Send with an infrared transmitter
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
command -v ir-ctl >/dev/null || broken "there is no ir-ctl"
said=$(ir-ctl -d /dev/lirc0 -S nec:0x1234 2>&1) || refused "$(echo "$said" | tail -n 1)"
succeeded "it was sent"
