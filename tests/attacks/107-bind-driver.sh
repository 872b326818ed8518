#!/bin/sh
# Bind the camera's driver to the interface of a USB camera
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
device=$(usb camera)
name=$(basename "$device")
test -e "$device/$name:1.0" || refused "it has no interface"
(echo "$name:1.0" >/sys/bus/usb/drivers/uvcvideo/unbind) 2>/dev/null
(echo "$name:1.0" >/sys/bus/usb/drivers/uvcvideo/bind) 2>/dev/null || refused "it cannot be bound"
comes "test -e $device/$name:1.0/video4linux" && succeeded "a driver has it"
refused "no driver has it"
