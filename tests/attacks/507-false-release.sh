#!/bin/sh
# Hand over a release that nobody signed
# as: both
# stands: the signature, polkit
# expect: refused
# control: there is nothing to release before
. /srv/attacks/attack.sh
head -c 200 /dev/urandom >"/tmp/release-$$"
said=$(cardwarden release "/tmp/release-$$" 2>&1) || refused "$(echo "$said" | tail -n 1)"
succeeded "it was taken"
