#!/bin/sh
# Switch off what the kernel calls programs by (kernel.ftrace_enabled)
# as: root
# stands: guard
# expect: open as root
# why: no guard yet: the kernel then calls no LSM program any more; the control group's goes on
# listed: `kernel.ftrace_enabled`
. /srv/attacks/attack.sh
said=$( (echo 0 >/proc/sys/kernel/ftrace_enabled) 2>&1) || refused "${said##*: }"
grep -qx 0 /proc/sys/kernel/ftrace_enabled || refused "it is on still"
judge "$(lab try bluetooth)" open
