#!/bin/sh
# Put a copy of the company's card in, with a newer policy that disables nothing
# as: root
# stands: the card's own key
# expect: refused
# machine: alone
# control: nothing is off before
. /srv/attacks/attack.sh
. /srv/attacks/cards.sh
card --copied --version 9
