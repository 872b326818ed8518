#!/usr/bin/env python3
# Make a Bluetooth controller of a serial line (hciattach), and have the kernel talk with it
# as: root
# stands: lsm/file_ioctl, rfkill
# expect: refused
# machine: alone
import fcntl
import os
import pty
import select
import struct
import termios
import tty

from attack import attempt, refused, succeeded

master, line = pty.openpty()
tty.setraw(master)
os.system("modprobe hci_uart")
attempt(fcntl.ioctl, line, termios.TIOCSETD, struct.pack("i", 15))
# HCIUARTSETPROTO, HCI_UART_H4.
attempt(fcntl.ioctl, line, 0x400455C8, 0)
if not select.select([master], [], [], 5)[0]:
    refused("there is an adapter, and it is not switched on")
succeeded("the kernel says " + os.read(master, 64).hex())
