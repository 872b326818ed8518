#!/bin/sh
# Load a kernel module that nobody signed
# as: root
# stands: nothing: needs verified boot
# expect: open as root
# why: the kernel takes unsigned modules, unless it is locked down
# listed: another kernel, another boot medium
. /srv/attacks/attack.sh
file=$(modinfo -n dummy)
must test -e "$file"
case "$file" in *.xz) xzcat "$file" ;; *) cat "$file" ;; esac >/run/mine.ko
# Without the signature, which comes last.
python3 -c "
data = open('/run/mine.ko', 'rb').read()
at = data.find(b'~Module signature appended~')
import struct
if at > 0:
    length = struct.unpack('>I', data[at - 4 : at])[0]
    data = data[: at - 12 - length]
open('/run/mine.ko', 'wb').write(data)
"
modprobe -r dummy 2>/dev/null
may insmod /run/mine.ko
lsmod | grep -q '^dummy ' && succeeded "it is loaded"
refused "it is not loaded"
