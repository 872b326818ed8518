#!/bin/sh
# Be the agent where the network or the time since the boot is another (namespaces)
# as: root
# stands: guard
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
for space in --net --time; do
    said=$(timeout -k 1 8 unshare $space --fork --kill-child /usr/libexec/cardwardend 2>&1)
    case "$said" in
    *"INFO in force"*) succeeded "it is the agent with $space" ;;
    *"does not take this program"*) ;;
    *) broken "it says nothing of it: $said" ;;
    esac
done
refused "it is not the agent"
