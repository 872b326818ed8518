#!/bin/sh
# Put a card in whose signature is wrong
# as: root
# stands: the signature
# expect: refused
# machine: alone
# control: nothing is off before
. /srv/attacks/attack.sh
. /srv/attacks/cards.sh
card --tamper wrong-signature --version 9
