#!/bin/sh
# Put another program in the place of the agent's executable
# as: both
# stands: nothing: packages do it
# expect: open as root
# why: a package's next version comes the same way; it is not the agent while the device is on
# listed: root replaces the executable or a library
. /srv/attacks/attack.sh
may cp --remove-destination /usr/bin/true /usr/libexec/cardwardend
cmp -s /usr/bin/true /usr/libexec/cardwardend && succeeded "it is another"
refused "it is as before"
