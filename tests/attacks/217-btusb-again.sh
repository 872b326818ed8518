#!/bin/sh
# Take the adapter's driver out and in again
# as: root
# stands: usb authorisation
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
device=$(usb adapter)
must modprobe -r btusb
must modprobe btusb
comes "test -e $device/$(basename "$device"):1.0/driver" && succeeded "a driver has it"
refused "no driver has it"
