#!/usr/bin/env python3
# Connect with a socket that was made before the policy came
# as: user
# stands: lsm/socket_connect, rfkill
# expect: refused
import ctypes
import errno

from attack import KEPT_L2CAP, as_the_keeper, libc, refused, succeeded

as_the_keeper()
# struct sockaddr_l2, non-blocking: an answer that somebody is being looked for will do.
libc.fcntl(KEPT_L2CAP, 4, 0o4000)
address = ctypes.create_string_buffer(bytes([31, 0, 1, 0, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0]), 14)
if libc.connect(KEPT_L2CAP, address, 14) == 0:
    succeeded("it is connected")
error = ctypes.get_errno()
if error in (errno.EINPROGRESS, errno.EALREADY):
    succeeded("it looks for the other end")
refused(errno.errorcode[error])
