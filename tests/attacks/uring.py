# io_uring by its system calls, one request at a time (include/uapi/linux/io_uring.h).
import ctypes
import mmap
import os
import struct

from attack import syscall

READ, OPENAT, SOCKET = 22, 18, 45
FIXED_FILE = 1
PARAMETERS = 120


class Ring:
    def __init__(self, descriptor=None, parameters=None):
        if descriptor is None:
            space = ctypes.create_string_buffer(PARAMETERS)
            descriptor = syscall(425, 8, space)
            parameters = space.raw
        self.descriptor, self.parameters = descriptor, parameters
        numbers = struct.unpack("30I", parameters)
        entries, completions = numbers[0:2]
        self.tail, self.mask, self.array = numbers[11], numbers[12], numbers[16]
        self.done, self.done_tail, self.done_mask, self.results = (
            numbers[20],
            numbers[21],
            numbers[22],
            numbers[25],
        )
        size = max(self.array + entries * 4, self.results + completions * 16)
        self.ring = mmap.mmap(descriptor, size, mmap.MAP_SHARED)
        self.requests = mmap.mmap(descriptor, entries * 64, mmap.MAP_SHARED, offset=0x10000000)

    def word(self, at):
        return struct.unpack_from("I", self.ring, at)[0]

    def register(self, file):
        """Makes a file number 0 of the ring's own."""
        syscall(427, self.descriptor, 2, (ctypes.c_int * 1)(file), 1)

    def ask(self, operation, file, offset=0, address=0, length=0, options=0, flags=0):
        """The result of one request; an error as the kernel gives it."""
        tail = self.word(self.tail)
        index = tail & self.word(self.mask)
        request = struct.pack(
            "=BBHiQQIIQQQQ", operation, flags, 0, file, offset, address, length, options, 7, 0, 0, 0
        )
        self.requests[index * 64 : index * 64 + 64] = request
        struct.pack_into("I", self.ring, self.array + index * 4, index)
        struct.pack_into("I", self.ring, self.tail, tail + 1)
        syscall(426, self.descriptor, 1, 1, 1, 0, 0)
        head = self.word(self.done)
        at = self.results + (head & self.word(self.done_mask)) * 16
        answer = struct.unpack_from("i", self.ring, at + 8)[0]
        struct.pack_into("I", self.ring, self.done, head + 1)
        if answer < 0:
            raise OSError(-answer, os.strerror(-answer))
        return answer
