# System calls as a 32-bit program makes them: by interrupt 0x80, with pointers of 32 bits.
import ctypes
import mmap
import os

from attack import libc

MAP_32BIT = 0x40
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]

# push rbx; mov eax, edi; mov ebx, esi; xchg ecx, edx; int 0x80; pop rbx; ret
CODE = bytes.fromhex("53 89f8 89f3 87ca cd80 5b c3")
# Code and data, at an address of 32 bits.
PAGE = libc.mmap(None, 8192, 7, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, -1, 0)
DATA = PAGE + 4096
ctypes.memmove(PAGE, CODE, len(CODE))
call = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_uint] * 4)(PAGE)


def compat(number, first, second=0, third=0):
    """A system call by its number on i386."""
    answer = call(number, first & 0xFFFFFFFF, second & 0xFFFFFFFF, third & 0xFFFFFFFF)
    if answer < 0:
        raise OSError(-answer, os.strerror(-answer))
    return answer


def put(content, at=0):
    """Data where a pointer of 32 bits reaches them."""
    ctypes.memmove(DATA + at, content, len(content))
    return DATA + at
