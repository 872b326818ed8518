#!/usr/bin/env python3
# Load another kernel (kexec)
# as: root
# stands: nothing: needs verified boot
# expect: open as root
# why: the kernel lets root replace it, unless it is locked down
# listed: another kernel, another boot medium
import ctypes
import struct

from attack import attempt, succeeded, syscall

space = ctypes.create_string_buffer(4096)
# One segment of one page at 1 MiB, on the processor's own architecture.
segment = ctypes.create_string_buffer(struct.pack("QQQQ", ctypes.addressof(space), 4096, 0x1000000, 4096))
attempt(syscall, 246, 0x1000000, 1, segment, 62 << 16)
succeeded("it is loaded")
