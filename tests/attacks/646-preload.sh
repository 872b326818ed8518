#!/bin/sh
# Have a library of its own loaded into the agent's executable (LD_PRELOAD)
# as: both
# stands: guard
# expect: open
# why: no guard yet: nothing is exempt from anything by its executable
# machine: unchanged
# listed: anybody starts the agent's executable
. /srv/attacks/attack.sh
library=$(find /usr/lib -name 'libmemusage.so' -o -name 'libanl.so.1' | head -n 1)
must test -n "$library"
log=/tmp/loaded-$$
LD_PRELOAD=$library LD_DEBUG=libs timeout 5 /usr/libexec/cardwardend --version >"$log" 2>&1
grep -q "calling init: $library" "$log" && succeeded "it is loaded"
refused "it is not loaded"
