#!/bin/sh
# Mount another program over the agent's executable
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
may mount --bind /usr/bin/true /usr/libexec/cardwardend
cmp -s /usr/bin/true /usr/libexec/cardwardend && succeeded "it is another"
refused "it is as before"
