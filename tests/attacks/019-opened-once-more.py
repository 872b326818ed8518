#!/usr/bin/env python3
# Open a descriptor of another program once more through /proc, and film
# as: root
# stands: cgroup-device
# expect: refused
import os
import socket

from attack import attempt, film, succeeded

line = socket.socket(socket.AF_UNIX)
line.connect("/run/lab-held/node")
line.sendall(b"place\n")
process, number = line.makefile().read().split()
camera = attempt(os.open, f"/proc/{process}/fd/{number}", os.O_RDWR | os.O_NONBLOCK)
succeeded(f"{attempt(film, camera)} bytes")
