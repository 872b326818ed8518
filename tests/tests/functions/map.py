# Shares memory with a disk, without a descriptor; when /srv/write is there, writes to it once more and says so.
import mmap
import os
import subprocess
import sys

# The last of the 16 MiB, where the file system has nothing yet.
PLACE = 15 << 20

disk = os.open(sys.argv[1], os.O_RDWR)
memory = mmap.mmap(disk, 4096, offset=PLACE)
os.close(disk)
memory[:14] = b"written before"
memory.flush()
subprocess.run(["systemd-notify", "--ready"], check=True)
while not os.path.exists("/srv/write"):
    subprocess.run(["udevadm", "settle"], check=True)
memory[:14] = b"written after!"
print("wrote", flush=True)
try:
    memory.flush()
except OSError as error:
    print(error.strerror)
