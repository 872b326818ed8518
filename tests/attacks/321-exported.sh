#!/bin/sh
# Export a camera over the network, past its driver (usbip-host)
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
must modprobe usbip_host
name=$(cat /srv/names/camera)
drivers=/sys/bus/usb/drivers
must sh -c "echo add $name >$drivers/usbip-host/match_busid"
(echo "$name" >$drivers/usb/unbind) 2>/dev/null
(echo "$name" >$drivers/usbip-host/bind) 2>/dev/null || refused "it cannot be bound"
test "$(cat "$(usb camera)/usbip_status")" = 1 && succeeded "it waits for somebody to attach it"
refused "it is not exported"
