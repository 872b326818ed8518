#!/bin/sh
# Import a device over the network (USB/IP)
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
name=$(lab plug usb-audio) || refused "it cannot be imported"
comes "grep -qx 0 /sys/bus/usb/devices/$name/authorized" && refused "it is not authorised"
succeeded "it is authorised"
