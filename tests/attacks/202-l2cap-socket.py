#!/usr/bin/env python3
# Make an L2CAP socket
# as: both
# stands: lsm/socket_create
# expect: refused
import socket

from attack import attempt, succeeded

line = attempt(socket.socket, 31, socket.SOCK_SEQPACKET, 0)
succeeded(f"socket {line.fileno()}")
