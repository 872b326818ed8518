#!/usr/bin/env python3
# Make an NFC socket, raw or LLCP
# as: both
# stands: lsm/socket_create
# expect: refused
import errno
import socket

from attack import refused, succeeded

answers = []
for kind, protocol in ((5, 0), (3, 0), (2, 1), (1, 1), (3, 1)):
    try:
        socket.socket(39, kind, protocol)
        succeeded(f"kind {kind}, protocol {protocol}")
    except OSError as error:
        answers.append(errno.errorcode[error.errno])
refused(", ".join(sorted(set(answers))))
