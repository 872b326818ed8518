#!/usr/bin/env python3
# Make a raw socket of the Bluetooth controllers and ask for their state
# as: both
# stands: lsm/socket_create
# expect: refused
import fcntl
import socket

from attack import attempt, succeeded

line = attempt(socket.socket, 31, socket.SOCK_RAW, 1)
# HCIGETDEVINFO of hci0 (include/net/bluetooth/hci_sock.h).
told = attempt(fcntl.ioctl, line, 0x800448D3, bytes(92))
succeeded(told[2:6].decode())
