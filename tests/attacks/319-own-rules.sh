#!/bin/sh
# Have udev authorise every device, by a rule of root's own
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
echo 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{authorized}="1"' >/run/udev/rules.d/99-mine.rules
must udevadm control --reload
name=$(lab plug usb-midi) || broken "it cannot be plugged in"
comes "grep -qx 0 /sys/bus/usb/devices/$name/authorized" && refused "it is not authorised"
succeeded "it stays authorised"
