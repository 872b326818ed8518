# A program of the person at the device that has things open since before there was a policy. Whoever connects names a
# program; it is started with all of them, and what it prints and ends with is the answer.
import os
import socket
import subprocess
import sys

sys.path.insert(0, "/srv/attacks")


def keep(number, descriptor):
    os.dup2(descriptor, number, inheritable=True)


def nfc():
    line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    return line.detach()


keep(20, os.open("/dev/video0", os.O_RDWR | os.O_NONBLOCK))
keep(21, os.open("/dev/video0", os.O_PATH))
keep(22, socket.socket(31, socket.SOCK_RAW, 1).detach())
keep(24, os.open("/dev/lirc0", os.O_RDWR | os.O_NONBLOCK))
keep(25, os.open("/dev/snd/pcmC0D0c", os.O_RDWR | os.O_NONBLOCK))
keep(26, nfc())
keep(27, socket.socket(31, socket.SOCK_SEQPACKET, 0).detach())
# Neither for reading nor for writing: for commands alone (open(2), access mode 3).
keep(28, os.open("/dev/video0", 3 | os.O_NONBLOCK))
environment = {"KEPT": "1", "PATH": "/usr/bin:/usr/sbin", "PYTHONDONTWRITEBYTECODE": "1"}
try:
    from uring import Ring

    ring = Ring()
    ring.register(20)
    keep(23, ring.descriptor)
    environment["KEPT_RING"] = ring.parameters.hex()
except OSError as error:
    environment["KEPT_RING"] = f"none: {error}"
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/keeper/socket")
os.chmod("/run/keeper/socket", 0o666)
listener.listen()
ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ready.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    line, _ = listener.accept()
    program = line.recv(4096).decode().strip()
    output = line.fileno()
    done = subprocess.run(
        ["python3", program], stdout=output, stderr=output, env=environment, close_fds=False
    )
    line.sendall(b"\n%d\n" % (done.returncode & 0xFF))
    line.close()
