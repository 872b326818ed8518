#!/bin/sh
# Bind this machine as a USB device again
# as: root
# stands: gadget
# expect: refused
# start: gadget
# machine: alone
. /srv/attacks/attack.sh
place=/sys/kernel/config/usb_gadget/lab0/UDC
must test -e "$place"
(echo >"$place") 2>/dev/null
(echo dummy_udc.0 >"$place") 2>/dev/null || refused "it cannot be bound"
comes "test -z \"\$(cat $place)\"" && refused "it is unbound again"
succeeded "it stays bound"
