#!/usr/bin/env python3
# Film with a descriptor that a program opened before the policy came, and hands over in a message
# as: both
# stands: lsm/file_receive
# expect: refused
from attack import attempt, film, held, succeeded

camera = attempt(held, "node")
succeeded(f"{attempt(film, camera)} bytes")
