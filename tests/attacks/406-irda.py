#!/usr/bin/env python3
# Make an infrared socket (AF_IRDA)
# as: both
# stands: lsm/socket_create
# expect: refused
# control: the lab's kernels have no IrDA
import socket

from attack import attempt, succeeded

attempt(socket.socket, 23, socket.SOCK_STREAM, 0)
succeeded("a socket")
