#!/bin/sh
# Tell a driver that a device that is not authorised is one of its own
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
# control: a device that another driver has is not given to a second
. /srv/attacks/attack.sh
device=$(usb other)
must modprobe cdc_acm
may sh -c "echo $(cat "$device/idVendor") $(cat "$device/idProduct") >/sys/bus/usb/drivers/cdc_acm/new_id"
comes "test -e $device/$(basename "$device"):1.0/driver" && succeeded "a driver has it"
refused "no driver has it"
