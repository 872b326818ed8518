#!/bin/sh
# Make a gadget of its own, and bind it
# as: root
# stands: gadget
# expect: refused
# start: gadget
# machine: alone
. /srv/attacks/attack.sh
place=/sys/kernel/config/usb_gadget/mine
must mkdir -p $place/strings/0x409 $place/configs/c.1 $place/functions/acm.mine
must sh -c "echo 0x1d6b >$place/idVendor && echo 0x0110 >$place/idProduct"
must ln -s $place/functions/acm.mine $place/configs/c.1
(echo dummy_udc.4 >$place/UDC) 2>/dev/null || refused "it cannot be bound"
comes "test -z \"\$(cat $place/UDC)\"" && refused "it is unbound again"
succeeded "it stays bound"
