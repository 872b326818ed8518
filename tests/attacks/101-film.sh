#!/bin/sh
# Film, as programs do
# as: both
# stands: cgroup-device
# expect: refused
. /srv/attacks/attack.sh
command -v v4l2-ctl >/dev/null || broken "there is no v4l2-ctl"
bytes=$(timeout 10 v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=1 --stream-to=- 2>"/tmp/said-$$" | wc -c)
[ "$bytes" -gt 1000 ] && succeeded "$bytes bytes"
refused "$(grep . "/tmp/said-$$" | tail -n 1)"
