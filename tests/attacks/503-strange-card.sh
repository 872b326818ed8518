#!/bin/sh
# Put the card of another company in
# as: root
# stands: the device's trusted keys
# expect: refused
# machine: alone
# control: nothing is off before
. /srv/attacks/attack.sh
. /srv/attacks/cards.sh
card --company Stranger
