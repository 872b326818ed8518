#!/usr/bin/env python3
# Talk with a controller on a raw socket that was open before the policy came
# as: user
# stands: lsm/socket_bind, rfkill
# expect: refused
import socket

from attack import KEPT_HCI, as_the_keeper, attempt, succeeded

as_the_keeper()
line = socket.socket(31, socket.SOCK_RAW, 1, fileno=KEPT_HCI)
attempt(line.bind, (0,))
# HCI_Read_Local_Version_Information, which everybody may ask for.
attempt(line.send, bytes([1, 1, 16, 0]))
succeeded("the controller was asked")
