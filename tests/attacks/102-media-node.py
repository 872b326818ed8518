#!/usr/bin/env python3
# Ask the media controller of a camera what is behind it, as libcamera does
# as: both
# stands: cgroup-device
# expect: refused
import fcntl
import os

from attack import attempt, succeeded

media = attempt(os.open, "/dev/media0", os.O_RDWR)
# MEDIA_IOC_DEVICE_INFO, struct media_device_info.
told = attempt(fcntl.ioctl, media, 0xC1007C00, bytes(256))
succeeded(told[:16].rstrip(b"\0").decode())
