#!/usr/bin/env python3
# Take the descriptor from a program that opened it before the policy came (pidfd_getfd), and film
# as: root
# stands: lsm/file_receive
# expect: refused
import socket

from attack import attempt, film, succeeded, syscall

line = socket.socket(socket.AF_UNIX)
line.connect("/run/lab-held/node")
line.sendall(b"place\n")
process, number = (int(word) for word in line.makefile().read().split())
pid = syscall(434, process, 0)
camera = attempt(syscall, 438, pid, number, 0)
succeeded(f"{attempt(film, camera)} bytes")
