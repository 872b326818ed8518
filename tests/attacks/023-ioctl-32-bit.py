#!/usr/bin/env python3
# Start filming, as a 32-bit program, with a descriptor that was open before the policy came
# as: user
# stands: lsm/file_ioctl_compat
# expect: refused
import struct

from attack import KEPT_CAMERA, as_the_keeper, attempt, succeeded
from compat import compat, put

as_the_keeper()
attempt(compat, 54, KEPT_CAMERA, 0xC0145608, put(struct.pack("5I", 2, 1, 1, 0, 0)))
kept = put(struct.pack("5I", 0, 1, 1, 0, 0))
compat(54, KEPT_CAMERA, 0xC0145608, kept)
succeeded("it has buffers")
