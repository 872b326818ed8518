#!/bin/sh
# Record sound, as programs do
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try record /dev/snd/pcmC0D0c)" works
