#!/bin/sh
# Choose a configuration of a device that is not authorised
# as: root
# stands: usb authorisation
# expect: refused
. /srv/attacks/attack.sh
device=$(usb serial)
(echo 0 >"$device/bConfigurationValue") 2>/dev/null
said=$( (echo 1 >"$device/bConfigurationValue") 2>&1) || refused "${said##*: }"
comes "test -e $device/$(basename "$device"):1.0/driver" && succeeded "a driver has it"
refused "no driver has it"
