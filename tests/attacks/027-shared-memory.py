#!/usr/bin/env python3
# Have the driver hand out its picture memory (DMA-BUF) of a camera that was open before the policy came
# as: user
# stands: lsm/file_ioctl
# expect: refused
import fcntl
import struct

from attack import KEPT_CAMERA, as_the_keeper, attempt, succeeded

as_the_keeper()
attempt(fcntl.ioctl, KEPT_CAMERA, 0xC0145608, struct.pack("5I", 1, 1, 1, 0, 0))
# VIDIOC_EXPBUF, struct v4l2_exportbuffer.
told = attempt(fcntl.ioctl, KEPT_CAMERA, 0xC0405610, struct.pack("5I", 1, 0, 0, 0, 0) + bytes(44))
fcntl.ioctl(KEPT_CAMERA, 0xC0145608, struct.pack("5I", 0, 1, 1, 0, 0))
succeeded("descriptor %d" % struct.unpack_from("i", told, 16)[0])
