#!/bin/sh
# Make a Bluetooth socket in a network namespace of its own
# as: both
# stands: lsm/socket_create
# expect: refused
# control: the kernel has Bluetooth in its first network namespace alone
. /srv/attacks/attack.sh
judge "$(unshare --user --map-root-user --net lab try bluetooth)" open
