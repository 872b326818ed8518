#!/bin/sh
# Hand over a file with an older policy of the company that disables nothing
# as: root
# stands: the signed version
# expect: refused
# machine: alone
# control: nothing is off before
. /srv/attacks/attack.sh
. /srv/attacks/cards.sh
write_loose
said=$(lab send /srv/loose.toml --version 4 2>&1) && lab settle
judge "$(lab try stream /dev/video0)" works
