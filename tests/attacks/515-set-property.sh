#!/bin/sh
# Set a property of the agent's
# as: both
# stands: the agent
# expect: refused
# control: there is none to set, whatever is in force
. /srv/attacks/attack.sh
said=$(busctl set-property org.cardwarden.Agent1 /org/cardwarden/Agent1/functions/camera org.cardwarden.Agent1.Function Verdict s enabled 2>&1) || refused "$said"
succeeded "it is set"
