#!/usr/bin/env python3
# Film with a descriptor that is open for commands alone (access mode 3) since before the policy came
# as: user
# stands: lsm/file_ioctl
# expect: refused
from attack import KEPT_COMMANDS, as_the_keeper, attempt, film, succeeded

as_the_keeper()
succeeded(f"{attempt(film, KEPT_COMMANDS)} bytes")
