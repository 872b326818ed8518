#!/bin/sh
# Authorise the interfaces of a device, and bind their drivers
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
device=$(usb serial)
name=$(basename "$device")
(echo 1 >"$device/authorized_default") 2>/dev/null
for part in "$device/$name:"*; do
    (echo 1 >"$part/authorized") 2>/dev/null
    (echo "${part##*/}" >/sys/bus/usb/drivers_probe) 2>/dev/null
done
comes "test -e $device/$name:1.0/driver" && succeeded "a driver has it"
refused "no driver has it"
