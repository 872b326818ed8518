#!/usr/bin/env python3
"""Ends the agent by SIGKILL at ever later system calls, and looks what is left.

killer.py starts FIRST COUNT OF     rounds of OF in all: it is started, and killed at a later call in each; the last is
                                    that by which it has settled
killer.py policies FIRST COUNT OF   hands it the policies /srv/sent-FIRST and the next, and kills it at a later call of each

The kernel counts and kills: a program at `sys_enter`, which needs nothing of the agent. Prints JSON.
"""
import ctypes
import errno
import json
import os
import select
import signal
import struct
import subprocess
import sys

AGENT = "/usr/libexec/cardwardend"
CAMERA = "/dev/video0"
# bpf(2), and its commands (include/uapi/linux/bpf.h).
BPF, MAP_CREATE, LOOKUP, UPDATE, PROG_LOAD, TRACEPOINT_OPEN = 321, 0, 1, 2, 5, 17
ARRAY, RAW_TRACEPOINT = 2, 17
PID_TGID, MAP_LOOKUP, SEND_SIGNAL = 14, 1, 109
NEVER = 1 << 62

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, form, *parts):
    space = ctypes.create_string_buffer(struct.pack("=" + form, *parts), 128)
    answer = libc.syscall(BPF, command, space, 128)
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return answer


def code(operation, target=0, source=0, offset=0, value=0):
    return struct.pack("=BBhi", operation, source << 4 | target, offset, value)


class Killer:
    """Counts the calls of one process, and ends it at the one that is asked for."""

    def __init__(self):
        # How many there were, how many there may be, and whose.
        self.table = bpf(MAP_CREATE, "IIIII", ARRAY, 4, 24, 1, 0)
        program = (
            code(0x85, value=PID_TGID)
            + code(0x77, 0, value=32)
            + code(0xBF, 6, 0)
            + code(0x62, 10, offset=-4)
            + code(0x18, 1, 1, value=self.table)
            + code(0)
            + code(0xBF, 2, 10)
            + code(0x07, 2, value=-4)
            + code(0x85, value=MAP_LOOKUP)
            + code(0x15, 0, offset=9)
            + code(0x79, 1, 0, 16)
            + code(0x5D, 1, 6, 7)
            + code(0xB7, 1, value=1)
            + code(0xDB, 0, 1)
            + code(0x79, 2, 0, 0)
            + code(0x79, 3, 0, 8)
            + code(0xAD, 2, 3, 2)
            + code(0xB7, 1, value=signal.SIGKILL)
            + code(0x85, value=SEND_SIGNAL)
            + code(0xB7, 0)
            + code(0x95)
        )
        text, licence = ctypes.create_string_buffer(program), ctypes.create_string_buffer(b"GPL")
        where = (ctypes.addressof(text), ctypes.addressof(licence))
        loaded = bpf(PROG_LOAD, "IIQQIIQ", RAW_TRACEPOINT, len(program) // 8, *where, 0, 0, 0)
        name = ctypes.create_string_buffer(b"sys_enter")
        self.attached = bpf(TRACEPOINT_OPEN, "QII", ctypes.addressof(name), loaded, 0)

    def aim(self, process, limit):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(struct.pack("QQQ", 0, limit, process))
        bpf(UPDATE, "IIQQQ", self.table, 0, ctypes.addressof(key), ctypes.addressof(value), 0)

    def count(self):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(24)
        bpf(LOOKUP, "IIQQQ", self.table, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
        return struct.unpack_from("Q", value)[0]


def start(killer, limit):
    """The agent, to be killed at this call; its number."""
    waits, goes = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(goes)
        os.read(waits, 1)
        log = os.open("/srv/agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execv(AGENT, [AGENT])
    killer.aim(process, limit)
    os.close(waits)
    os.write(goes, b"x")
    os.close(goes)
    return process


def ended(process, seconds):
    """Whether it has ended by now."""
    watch = os.pidfd_open(process)
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    is_over = bool(poll.poll(seconds * 1000))
    os.close(watch)
    if not is_over:
        os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return is_over


def settled():
    subprocess.run(["cardwarden", "wait", "--settled", "--timeout", "60"], check=True, capture_output=True)


def version():
    said = subprocess.run(["cardwarden", "status", "--json"], check=True, capture_output=True).stdout
    association = json.loads(said)["association"]
    return association and association["version"]


def is_refused():
    try:
        os.close(os.open(CAMERA, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        return error.errno == errno.EPERM
    return False


def starts(killer, first, count, rounds):
    found = {"kills": 0, "gaps": 0, "late": 0}
    process = start(killer, NEVER)
    settled()
    span = killer.count()
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    for turn in range(first, first + count):
        was_killed = ended(start(killer, 1 + span * turn // rounds), 5)
        found["kills" if was_killed else "late"] += 1
        found["gaps"] += not is_refused()
    return found | {"span": span}


def policies(killer, first, count, _):
    found = {"kills": 0, "gaps": 0, "late": 0, "lost": 0}
    process = start(killer, NEVER)
    settled()
    span = 0
    for number in range(first, first + count):
        limit = NEVER if span == 0 else 1 + span * (number - first) // count
        killer.aim(process, limit)
        taken = subprocess.run(["cardwarden", "policy", "apply", f"/srv/sent-{number}"], capture_output=True)
        if span == 0:
            settled()
            span = killer.count()
            killer.aim(process, 1)
            subprocess.run(["cardwarden", "status"], capture_output=True)
        found["kills" if ended(process, 5) else "late"] += 1
        found["gaps"] += not is_refused()
        process = start(killer, NEVER)
        settled()
        now = version()
        # What was said to be in force is; otherwise the old one is, whole.
        wanted = [number] if taken.returncode == 0 else [number, number - 1]
        found["lost"] += now not in wanted
        if now != number:
            subprocess.run(["cardwarden", "policy", "apply", f"/srv/sent-{number}"], check=True, capture_output=True)
            settled()
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return found | {"span": span}


what, numbers = sys.argv[1], [int(word) for word in sys.argv[2:5]]
print(json.dumps((starts if what == "starts" else policies)(Killer(), *numbers)))
