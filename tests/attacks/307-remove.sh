#!/bin/sh
# Remove a device by its attribute, and look for devices anew
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
device=$(usb serial)
hub=$(dirname "$(realpath "$device")")
may sh -c "echo 1 >$device/remove"
comes "! test -e $device" || broken "it is not removed"
(echo 0 >"$hub/bConfigurationValue" && echo 1 >"$hub/bConfigurationValue") 2>/dev/null || refused "the hub cannot be configured"
comes "grep -qx 1 $device/authorized" && succeeded "it is authorised"
refused "it is not authorised"
