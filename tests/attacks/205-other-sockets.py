#!/usr/bin/env python3
# Make a Bluetooth socket of any other protocol (BNEP, CMTP, HIDP, AVDTP, ISO)
# as: both
# stands: lsm/socket_create
# expect: refused
import errno
import socket

from attack import refused, succeeded

answers = []
for protocol in (4, 5, 6, 7, 8):
    for kind in (socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(31, kind, protocol)
            succeeded(f"protocol {protocol}")
        except OSError as error:
            answers.append(errno.errorcode[error.errno])
refused(", ".join(sorted(set(answers))))
