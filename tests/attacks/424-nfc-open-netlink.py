#!/usr/bin/env python3
# Speak with NFC over a netlink socket that was open before the policy came
# as: user
# stands: lsm/netlink_send
# expect: refused
import os
import socket
import struct

from attack import KEPT_NFC, as_the_keeper, attempt, succeeded

as_the_keeper()
line = socket.socket(fileno=KEPT_NFC)
# CTRL_CMD_GETFAMILY of "nfc", then NFC_CMD_GET_DEVICE of all.
line.send(struct.pack("=IHHIIBBHHH4s", 28, 16, 1, 1, 0, 3, 1, 0, 8, 2, b"nfc\0"))
told = line.recv(65536)
at, family = 20, None
while at + 4 <= len(told):
    length, kind = struct.unpack_from("HH", told, at)
    if kind == 1:
        family = struct.unpack_from("H", told, at + 4)[0]
        break
    at += max(4, (length + 3) & ~3)
attempt(os.write, KEPT_NFC, struct.pack("=IHHIIBBH", 20, family, 0x301, 2, 0, 1, 1, 0))
line.recv(65536)
succeeded("it answers")
