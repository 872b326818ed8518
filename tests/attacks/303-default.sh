#!/bin/sh
# Make every device authorised that is plugged in at a port, and plug one in
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
for hub in /sys/bus/usb/devices/usb*; do
    (echo 1 >"$hub/authorized_default") 2>/dev/null || refused "the default cannot be written"
done
name=$(lab plug usb-midi) || broken "it cannot be plugged in"
comes "grep -qx 0 /sys/bus/usb/devices/$name/authorized" && refused "it is not authorised"
succeeded "it is authorised"
