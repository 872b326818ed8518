#!/bin/sh
# Write 1 to a USB camera's `authorized`, and film as soon as there is a node
# as: root
# stands: usb authorisation, cgroup-device
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
device=$(usb camera)
must test -e "$device/authorized"
(echo 1 >"$device/authorized") 2>/dev/null || refused "authorized cannot be written"
node="/sys/class/video4linux/*/device/../idVendor"
comes "grep -lx 046d $node" || refused "no driver has it"
node=$(grep -lx 046d $node | head -n 1 | cut -d/ -f5)
judge "$(lab try stream "/dev/$node")" works
