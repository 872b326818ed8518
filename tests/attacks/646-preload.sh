#!/bin/sh
# Be the agent with a library of its own loaded into it (LD_PRELOAD)
# as: both
# stands: guard
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
library=$(find /usr/lib -name 'libmemusage.so' -o -name 'libanl.so.1' | head -n 1)
must test -n "$library"
said=$(LD_PRELOAD=$library timeout 8 /usr/libexec/cardwardend 2>&1)
case "$said" in
*"INFO in force"*) succeeded "it is the agent" ;;
*) refused "${said##*: }" ;;
esac
