#!/usr/bin/env python3
# Put a program of its own in the place of what a program of the agent's consists of (BPF_PROG_TYPE_EXT), and open the camera
# as: root
# stands: guard
# expect: refused
import ctypes
import struct

import bpf
from attack import attempt

EXT, BTF_BY_ID, TRACEPOINT_OPEN = 28, 19, 17

theirs = attempt(bpf.get, bpf.pin("prog_device_open"))
# struct bpf_prog_info: the number of its types at 128, and at 136 where its functions are told, of which the first is asked.
functions, about = ctypes.create_string_buffer(8), ctypes.create_string_buffer(232)
struct.pack_into("=IQI", about, 132, 8, ctypes.addressof(functions), 1)
attempt(bpf.bpf, bpf.INFO, theirs, 232, ctypes.addressof(about), form="IIQ")
types = attempt(bpf.bpf, BTF_BY_ID, struct.unpack_from("I", about, 128)[0], 0, form="II")[0]
function = struct.unpack_from("2I", functions)[1]

code, licence = ctypes.create_string_buffer(bpf.RETURN_1), ctypes.create_string_buffer(b"GPL")
own = ctypes.create_string_buffer(struct.pack("2I", 0, function))
program = attempt(
    bpf.bpf,
    bpf.PROG_LOAD,
    *(EXT, 2, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0, b"mine", 0, 0),
    *(types, 8, ctypes.addressof(own), 1, 0, 0, 0, function, theirs),
    form="IIQQIIQII16sIIIIQIIQIII",
)[0]
attempt(bpf.bpf, TRACEPOINT_OPEN, 0, program, 0, form="QII")
bpf.is_open()
