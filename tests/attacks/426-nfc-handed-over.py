#!/usr/bin/env python3
# Use an NFC socket that another program hands over
# as: both
# stands: lsm/file_receive, lsm/socket_sendmsg
# expect: refused
import errno
import socket

from attack import held, refused, succeeded

try:
    line = socket.socket(39, 5, 0, fileno=held("tag"))
    line.send(b"\0")
except OSError as error:
    # What the protocol itself says to one who is not connected.
    if error.errno == errno.ENOTCONN:
        succeeded("it answers")
    refused(errno.errorcode[error.errno])
succeeded("it takes bytes")
