#!/usr/bin/env python3
# Map the memory of a camera that was open before the policy came
# as: user
# stands: lsm/mmap_file
# expect: refused
import mmap

from attack import KEPT_CAMERA, as_the_keeper, refused, succeeded
import errno
import fcntl
import struct

as_the_keeper()
try:
    fcntl.ioctl(KEPT_CAMERA, 0xC0145608, struct.pack("5I", 1, 1, 1, 0, 0))
except OSError as error:
    if error.errno != errno.EPERM:
        raise
try:
    mmap.mmap(KEPT_CAMERA, 4096, mmap.MAP_SHARED, mmap.PROT_READ, offset=0)
    outcome = None
except OSError as error:
    # The length is not that of a buffer, which the driver says once it is asked.
    outcome = errno.errorcode[error.errno]
try:
    fcntl.ioctl(KEPT_CAMERA, 0xC0145608, struct.pack("5I", 0, 1, 1, 0, 0))
except OSError:
    pass
if outcome in (None, "EINVAL"):
    succeeded("the driver answers")
refused(outcome)
