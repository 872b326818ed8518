#!/usr/bin/env python3
# Write to a stick by commands to its block device (SG_IO)
# as: root
# stands: lsm/file_ioctl
# expect: refused
# start: read-only
import ctypes
import fcntl
import os
import struct

from attack import attempt, succeeded

disk = attempt(os.open, open("/srv/names/disk").read().strip(), os.O_RDONLY)
sector = ctypes.create_string_buffer(os.pread(disk, 512, 0), 512)
write = ctypes.create_string_buffer(bytes([0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0]), 10)
sense = ctypes.create_string_buffer(32)
places = [ctypes.addressof(one) for one in (sector, write, sense)]
# struct sg_io_hdr of <scsi/sg.h>.
header = struct.pack(
    "iiBBHIPPPIIiPBBBBHHiII",
    ord("S"), -2, 10, 32, 0, 512, *places, 5000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)
attempt(fcntl.ioctl, disk, 0x2285, header)
succeeded("a sector was written")
