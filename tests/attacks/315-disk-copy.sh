#!/bin/sh
# Read a stick by a copy of its block device's node that was made before the policy came
# as: both
# stands: usb authorisation
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try open /srv/copies/disk)" open
