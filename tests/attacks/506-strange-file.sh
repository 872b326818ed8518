#!/bin/sh
# Hand over a file with a newer policy that another company signed
# as: root
# stands: the signature
# expect: refused
# machine: alone
# control: nothing is off before
. /srv/attacks/attack.sh
. /srv/attacks/cards.sh
write_loose
said=$(lab send /srv/loose.toml --company Stranger --version 9 2>&1) && lab settle
judge "$(lab try stream /dev/video0)" works
