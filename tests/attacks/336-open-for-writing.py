#!/usr/bin/env python3
# Open a stick's block device for writing by a command (BLKROSET)
# as: root
# stands: lsm/file_ioctl
# expect: refused
# start: read-only
import fcntl
import os
import struct

from attack import attempt, succeeded

disk = attempt(os.open, open("/srv/names/disk").read().strip(), os.O_RDONLY)
attempt(fcntl.ioctl, disk, 0x125D, struct.pack("i", 0))
succeeded("it may be written to")
