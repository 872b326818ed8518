#!/usr/bin/env python3
# Film with a descriptor that was opened before the policy came, and that a new program inherits
# as: user
# stands: lsm/file_ioctl
# expect: refused
from attack import KEPT_CAMERA, as_the_keeper, attempt, film, succeeded

as_the_keeper()
succeeded(f"{attempt(film, KEPT_CAMERA)} bytes")
