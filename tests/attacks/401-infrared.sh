#!/bin/sh
# Listen with an infrared receiver
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
judge "$(lab try use ioctl /dev/lirc0)" works
