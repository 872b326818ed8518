#!/bin/sh
# Put a card in with an older policy that disables nothing
# as: root
# stands: the signed version
# expect: refused
# machine: alone
# control: nothing is off before
. /srv/attacks/attack.sh
. /srv/attacks/cards.sh
card --version 4
