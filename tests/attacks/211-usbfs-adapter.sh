#!/bin/sh
# Drive a USB Bluetooth adapter through usbfs, as a stack of its own does
# as: root
# stands: cgroup-device, usb authorisation
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try usbfs "$(cat /srv/names/adapter)")" works
