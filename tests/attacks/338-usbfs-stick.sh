#!/bin/sh
# Drive a stick through usbfs that may only be read
# as: root
# stands: cgroup-device
# expect: refused
# start: read-only
. /srv/attacks/attack.sh
judge "$(lab try usbfs "$(cat /srv/names/stick)")" works
