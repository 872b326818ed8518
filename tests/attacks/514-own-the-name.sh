#!/bin/sh
# Take the agent's name on the bus
# as: both
# stands: the bus policy, the agent
# expect: refused
# control: the agent has its name, whatever is in force
. /srv/attacks/attack.sh
said=$(busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su org.cardwarden.Agent1 7 2>&1) || refused "$said"
[ "$said" = "u 1" ] && succeeded "it is ours"
refused "the bus answers $said"
