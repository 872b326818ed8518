#!/bin/sh
# Switch a port off and on, so that what is there is found anew
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
# control: the device is found anew under its old name, and is authorised before and after
. /srv/attacks/attack.sh
device=$(usb serial)
hub=$(dirname "$(realpath "$device")")
port=$(echo "$hub"/*-0:1.0/*-port1/disable)
test -e "$port" || port=$(echo "$hub"/*:1.0/*-port1/disable)
must test -e "$port"
(echo 1 >"$port") 2>/dev/null || refused "the port cannot be switched"
must sh -c "echo 0 >$port"
comes "test -e $device" || refused "it does not come back"
comes "grep -qx 1 $device/authorized" && succeeded "it is authorised"
refused "it is not authorised"
