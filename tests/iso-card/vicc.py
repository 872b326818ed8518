"""Runs Debian's vicc, unchanged, with what its package lacks.

Debian 12 installs the modules where no Python looks, was packaged against another name of
pycryptodome, and left faults of the change to Python 3 that end the program at common commands.
Arguments are vicc's own.
"""

import importlib
import runpy
import socket
import sys

sys.path.insert(0, "/usr/lib/python3/site-packages/virtualsmartcard")
# Debian's pycryptodome is called `Cryptodome`; vicc asks for `Crypto`.
for name in ("Cipher", "Hash", "PublicKey", "Util"):
    sys.modules["Crypto." + name] = importlib.import_module("Cryptodome." + name)
sys.modules["Crypto"] = importlib.import_module("Cryptodome")

from virtualsmartcard import SmartcardFilesystem, TLVutils, VirtualSmartcard  # noqa: E402
from virtualsmartcard.utils import R_APDU, inttostring  # noqa: E402

Card = VirtualSmartcard.Iso7816OS
format_result = Card.formatResult
execute = Card.execute


def pack(objects, recalculate_length=False):
    """One string of bytes; the original joins integers."""
    out = b""
    for tag, length, value in (each[:3] for each in objects):
        value = value if isinstance(value, bytes) else pack(value, recalculate_length)
        length = len(value) if recalculate_length else length
        size = inttostring(length)
        out += inttostring(tag) + (size if length < 0x80 else inttostring(0x80 | len(size)) + size) + value
    return out


def format_result_without_le(self, seekable, le, data, sw, sm):
    """A command without Le asks for no bytes; the original compares None."""
    return format_result(self, seekable, 0 if le is None else le, data, sw, sm)


def execute_or_fail(self, command):
    """A command that the program stumbles over fails; the original ends."""
    try:
        return execute(self, command)
    except Exception:
        return R_APDU(b"", inttostring(0x6F00)).render()


class PromptSocket(socket.socket):
    """vpcd sends length and body apart: an acknowledgement held back costs 44 ms a command."""

    def recv(self, *arguments):
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().recv(*arguments)


for module in (TLVutils, SmartcardFilesystem):
    module.pack = pack
    module.bertlv_pack = pack
Card.formatResult = format_result_without_le
Card.execute = execute_or_fail
socket.socket = PromptSocket
# vicc prints what it creates.
sys.stdout = open("/dev/null", "w")
runpy.run_path("/usr/bin/vicc", run_name="__main__")
