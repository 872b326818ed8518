#!/usr/bin/env python3
# Use a microphone's descriptor that another program hands over
# as: both
# stands: lsm/file_receive
# expect: refused
import fcntl

from attack import attempt, held, succeeded

sound = attempt(held, "sound")
attempt(fcntl.ioctl, sound, 0x81204101, bytes(288))
succeeded("it answers")
