#!/bin/sh
# Mount another program over the agent's executable
# as: root
# stands: guard
# expect: open as root
# why: no guard yet
# listed: root changes the settings, the trusted keys or the executable
. /srv/attacks/attack.sh
may mount --bind /usr/bin/true /usr/libexec/cardwardend
cmp -s /usr/bin/true /usr/libexec/cardwardend && succeeded "it is another"
refused "it is as before"
