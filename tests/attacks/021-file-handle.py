#!/usr/bin/env python3
# Open the node by its file handle (open_by_handle_at), and film
# as: root
# stands: cgroup-device
# expect: refused
import ctypes
import os
import struct

from attack import attempt, film, succeeded, syscall

handle = ctypes.create_string_buffer(struct.pack("II", 128, 0) + bytes(128))
mount = ctypes.c_int()
syscall(303, -100, ctypes.create_string_buffer(b"/dev/video0"), handle, ctypes.byref(mount), 0)
place = os.open("/dev", os.O_RDONLY)
camera = attempt(syscall, 304, place, handle, os.O_RDWR | os.O_NONBLOCK)
succeeded(f"{attempt(film, camera)} bytes")
