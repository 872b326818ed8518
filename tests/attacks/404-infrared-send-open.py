#!/usr/bin/env python3
# Send with a descriptor that was open before the policy came
# as: user
# stands: lsm/file_permission
# expect: refused
import fcntl
import os
import struct

from attack import KEPT_INFRARED, as_the_keeper, attempt, succeeded

as_the_keeper()
sent = attempt(os.write, KEPT_INFRARED, struct.pack("3I", 9000, 4500, 560))
succeeded(f"{sent} bytes")
