#!/bin/sh
# Stop the agent's service, without being root
# as: user
# stands: polkit
# expect: refused
# control: whoever is not root may not, whatever is in force
. /srv/attacks/attack.sh
said=$(systemctl --no-ask-password stop cardwardend 2>&1) || refused "$(echo "$said" | tail -n 1)"
succeeded "it is stopped"
