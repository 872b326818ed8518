#!/usr/bin/env python3
# Ask a microphone with a descriptor that was open before the policy came
# as: user
# stands: lsm/file_ioctl
# expect: refused
import fcntl

from attack import KEPT_SOUND, as_the_keeper, attempt, succeeded

as_the_keeper()
# SNDRV_PCM_IOCTL_INFO.
attempt(fcntl.ioctl, KEPT_SOUND, 0x81204101, bytes(288))
succeeded("it answers")
