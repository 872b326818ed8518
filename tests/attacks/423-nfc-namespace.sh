#!/bin/sh
# The same in a network namespace, as root of a user namespace
# as: both
# stands: lsm/netlink_send
# expect: refused
# control: the kernel has NFC in its first network namespace alone
. /srv/attacks/attack.sh
judge "$(unshare --user --map-root-user --net lab try nfc-netlink)" works
