#!/bin/sh
# Have the agent go on as another program, by the copy of its executable that it keeps for upgrades
# as: root
# stands: guard
# expect: refused
# machine: alone
. /srv/attacks/attack.sh
kept=/var/lib/cardwarden/agent/cardwardend
[ -e $kept ] || mkdir -p ${kept%/*}
own=/run/own
printf '#!/bin/sh\ntouch /run/it-ran\n' >$own
chmod 755 $own
# In its place, over it, or over its folder.
cp --remove-destination $own $kept 2>/run/said || mount --bind $own $kept 2>>/run/said ||
    { mkdir -p /run/folder && cp $own /run/folder/cardwardend && mount --bind /run/folder ${kept%/*} 2>>/run/said; } ||
    refused "$(tail -n 1 /run/said)"
$kept && [ -e /run/it-ran ] && succeeded "it is another"
refused "it is as before"
