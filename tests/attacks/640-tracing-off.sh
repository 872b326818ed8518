#!/bin/sh
# Switch off what the kernel calls programs by (kernel.ftrace_enabled)
# as: root
# stands: guard
# expect: refused
. /srv/attacks/attack.sh
said=$( (echo 0 >/proc/sys/kernel/ftrace_enabled) 2>&1) || refused "${said##*: }"
grep -qx 0 /proc/sys/kernel/ftrace_enabled || refused "it is on still"
judge "$(lab try bluetooth)" open
