#!/bin/sh
# Connect a controller by its attribute in sysfs
# as: root
# stands: gadget
# expect: refused
# start: gadget
. /srv/attacks/attack.sh
place=/sys/class/udc/dummy_udc.0/soft_connect
must test -e $place
said=$( (echo connect >$place) 2>&1) || refused "${said##*: }"
succeeded "it is connected"
