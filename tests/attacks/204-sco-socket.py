#!/usr/bin/env python3
# Make a SCO socket, which carries the sound of a headset
# as: both
# stands: lsm/socket_create
# expect: refused
import socket

from attack import attempt, succeeded

line = attempt(socket.socket, 31, socket.SOCK_SEQPACKET, 2)
succeeded(f"socket {line.fileno()}")
