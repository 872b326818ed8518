#!/usr/bin/env python3
# Listen with a descriptor that was open before the policy came
# as: user
# stands: lsm/file_ioctl
# expect: refused
import fcntl

from attack import KEPT_INFRARED, as_the_keeper, attempt, succeeded

as_the_keeper()
# LIRC_GET_FEATURES.
attempt(fcntl.ioctl, KEPT_INFRARED, 0x80046900, bytes(4))
succeeded("it answers")
