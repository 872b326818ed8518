#!/bin/sh
# Put another program in the place of the agent's executable
# as: both
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
may cp --remove-destination /usr/bin/true /usr/libexec/cardwardend
cmp -s /usr/bin/true /usr/libexec/cardwardend && succeeded "it is another"
refused "it is as before"
