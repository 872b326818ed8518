# bpf(2) by its commands (include/uapi/linux/bpf.h), and what the attacks on the agent's programs share.
import ctypes
import glob
import os
import struct

from attack import refused, succeeded, syscall

LOOKUP, UPDATE, DELETE, PROG_LOAD, GET, ATTACH, DETACH = 1, 2, 3, 5, 7, 8, 9
MAP_BY_ID, INFO, FREEZE = 14, 15, 22
LINK_UPDATE, LINK_BY_ID, NEXT_LINK, LINK_DETACH = 29, 30, 31, 34
KPROBE, CGROUP_DEVICE, LIRC_MODE2 = 2, 15, 20
AT_CGROUP_DEVICE, AT_LIRC_MODE2 = 6, 16
# mov r0, N; exit
RETURN_0 = struct.pack("=BBhi", 0xB7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)
RETURN_1 = struct.pack("=BBhi", 0xB7, 0, 0, 1) + struct.pack("=BBhi", 0x95, 0, 0, 0)


def bpf(command, *parts, form):
    """A command with its arguments in this form; the answer, and what the kernel wrote over the arguments."""
    space = ctypes.create_string_buffer(struct.pack("=" + form, *parts), 128)
    return syscall(321, command, space, 128), space.raw


def load(kind, instructions, attach=0):
    code, licence = ctypes.create_string_buffer(instructions), ctypes.create_string_buffer(b"GPL")
    parts = (kind, len(instructions) // 8, ctypes.addressof(code), ctypes.addressof(licence))
    return bpf(PROG_LOAD, *parts, 0, 0, 0, 0, 0, b"mine", 0, attach, form="IIQQIIQII16sII")[0]


def attach(target, program, kind):
    return bpf(ATTACH, target, program, kind, 0, form="IIII")[0]


def get(path):
    """What is pinned there."""
    text = ctypes.create_string_buffer(path.encode())
    return bpf(GET, ctypes.addressof(text), 0, 0, form="QII")[0]


def info(descriptor, length=128):
    space = ctypes.create_string_buffer(length)
    bpf(INFO, descriptor, length, ctypes.addressof(space), form="IIQ")
    return space.raw


def pin(name):
    """Where the agent has pinned this."""
    (path,) = glob.glob("/sys/fs/bpf/cardwarden/*/" + name)
    return path


def by_id(following, opening):
    """Every object that the kernel has, by its number."""
    number = 0
    while True:
        try:
            _, answer = bpf(following, number, 0, 0, form="III")
        except FileNotFoundError:
            return
        number = struct.unpack_from("I", answer, 4)[0]
        yield bpf(opening, number, 0, 0, form="III")[0]


def map_by_id(name):
    """What the agent has pinned under a name, by the number that the kernel has given it."""
    number = struct.unpack_from("2I", info(get(pin(name))))[1]
    return bpf(MAP_BY_ID, number, 0, 0, form="III")[0]


def look(table, key=0, length=4):
    keys, value = ctypes.create_string_buffer(struct.pack("I", key)), ctypes.create_string_buffer(length)
    bpf(LOOKUP, table, 0, ctypes.addressof(keys), ctypes.addressof(value), 0, form="IIQQQ")
    return value.raw


def put(table, value, key=0):
    keys, values = ctypes.create_string_buffer(struct.pack("I", key)), ctypes.create_string_buffer(value)
    bpf(UPDATE, table, 0, ctypes.addressof(keys), ctypes.addressof(values), 0, form="IIQQQ")


def clear(decision):
    """Writes nothing over what is in force, wherever that lies."""
    about = info(decision)
    kind, _, _, size = struct.unpack_from("4I", about)
    if kind == 12:
        (number,) = struct.unpack("I", look(decision))
        return clear(bpf(MAP_BY_ID, number, 0, 0, form="III")[0])
    put(decision, bytes(size))


def is_open():
    """The end: whether the camera may be opened now."""
    try:
        os.open("/dev/video0", os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        refused(os.strerror(error.errno))
    succeeded("the camera is open")
