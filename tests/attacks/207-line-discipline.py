#!/usr/bin/env python3
# Make a Bluetooth controller of a serial line (hciattach) that is on
# as: root
# stands: lsm/file_ioctl, rfkill
# expect: refused
# machine: alone
import fcntl
import glob
import os
import pty
import struct
import termios
import time
import tty

from attack import attempt, refused, succeeded

master, line = pty.openpty()
tty.setraw(master)
os.system("modprobe hci_uart")
attempt(fcntl.ioctl, line, termios.TIOCSETD, struct.pack("i", 15))
# HCIUARTSETPROTO, HCI_UART_H4.
attempt(fcntl.ioctl, line, 0x400455C8, 0)
# The kernel asks a new adapter once what it is, and then switches it on, if it may.
end = time.monotonic() + 6
while time.monotonic() < end:
    for soft in glob.glob("/sys/class/bluetooth/hci1/rfkill*/soft"):
        if open(soft).read().strip() == "1":
            refused("there is an adapter, and it is switched off")
succeeded(", ".join(sorted(os.listdir("/sys/class/bluetooth"))))
