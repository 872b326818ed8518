# What the attacks that are Python programs share. An attack ends with `succeeded` or `refused`, and says what it saw;
# whatever else it ends with is a mistake of its own.
import array
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import sys
import time


def broken(kind, value, trace):
    sys.__excepthook__(kind, value, trace)
    sys.stderr.flush()
    os._exit(3)


sys.excepthook = broken


def end(word, what, status):
    print(f"{word}: {what}", flush=True)
    os._exit(status)


def succeeded(what):
    end("succeeded", what, 0)


def refused(how):
    end("refused", how, 1)


def attempt(step, *arguments, **named):
    """Does what may be refused, which then ends the attack."""
    try:
        return step(*arguments, **named)
    except OSError as error:
        refused(errno.errorcode.get(error.errno, str(error)))


def stays_unblocked(soft):
    """Whether a radio that was unblocked stays so, which then ends the attack."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with open(soft) as state:
            if state.read().strip() == "1":
                refused("it is blocked again")
    succeeded("it stays unblocked")


libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *arguments):
    """A system call by its number on x86-64."""
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    answer = libc.syscall(ctypes.c_long(number), *words)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer


def held(name):
    """The descriptor that a program of `lab hold` hands over; `EPERM` when it does not arrive."""
    line = socket.socket(socket.AF_UNIX)
    line.connect("/run/lab-held/" + name)
    line.sendall(b"pass\n")
    _, control, _, _ = line.recvmsg(1, socket.CMSG_SPACE(4))
    for _, _, part in control:
        if len(part) >= 4:
            return array.array("i", part[:4])[0]
    raise OSError(errno.EPERM, "the descriptor did not arrive")


# Where programs that the keeper starts find what it has open (keeper.py).
KEPT_CAMERA = 20
KEPT_PATH = 21
KEPT_HCI = 22
KEPT_RING = 23
KEPT_INFRARED = 24
KEPT_SOUND = 25
KEPT_NFC = 26
KEPT_L2CAP = 27
KEPT_COMMANDS = 28


def as_the_keeper():
    """Goes on in a program that the keeper starts: what it has open since before the policy is inherited."""
    if "KEPT" in os.environ:
        return
    line = socket.socket(socket.AF_UNIX)
    line.connect("/run/keeper/socket")
    line.sendall(os.path.abspath(sys.argv[0]).encode() + b"\n")
    with line.makefile() as answer:
        *lines, status = answer.read().splitlines()
    print("\n".join(lines), flush=True)
    os._exit(int(status))


def buffer(index):
    """A `struct v4l2_buffer` of a capture with memory of the driver."""
    bytes = bytearray(88)
    struct.pack_into("II", bytes, 0, index, 1)
    struct.pack_into("I", bytes, 60, 1)
    return bytes


def film(camera):
    """Films with a descriptor; how many bytes the first picture has."""
    fcntl.ioctl(camera, 0xC0145608, struct.pack("5I", 2, 1, 1, 0, 0))
    for index in range(2):
        fcntl.ioctl(camera, 0xC058560F, bytes(buffer(index)))
    fcntl.ioctl(camera, 0x40045612, struct.pack("i", 1))
    if not select.select([camera], [], [], 5)[0]:
        raise OSError(errno.ETIMEDOUT, "no picture came")
    taken = fcntl.ioctl(camera, 0xC0585611, bytes(buffer(0)))
    length = struct.unpack_from("I", taken, 8)[0]
    fcntl.ioctl(camera, 0x40045613, struct.pack("i", 1))
    fcntl.ioctl(camera, 0xC0145608, struct.pack("5I", 0, 1, 1, 0, 0))
    if length == 0:
        raise OSError(errno.ENODATA, "the picture is empty")
    return length
