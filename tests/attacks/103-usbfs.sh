#!/bin/sh
# Drive a USB camera through usbfs, as libuvc does
# as: root
# stands: cgroup-device, usb authorisation
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try usbfs "$(cat /srv/names/camera)")" works
