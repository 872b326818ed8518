# Writes to a stick past its block device's own mode, as root, and says of each way what the kernel answers:
# opening it for writing by a command, a command that writes, the two kinds of nodes that take commands, and usbfs.
# What is written is what was there.
import ctypes
import errno
import fcntl
import glob
import os
import struct
import sys

BLKROSET = 0x125D
SG_IO = 0x2285
TO_DEVICE = -2
WRITE_10 = bytes([0x2A, 0, 0, 0, 0, 0, 0, 0, 1, 0])

name = os.path.basename(os.path.realpath(sys.argv[1]))
device = os.path.realpath("/sys/class/block/" + name + "/device")


def open_for_writing():
    disk = os.open("/dev/" + name, os.O_RDONLY)
    fcntl.ioctl(disk, BLKROSET, struct.pack("i", 0))


def command():
    disk = os.open("/dev/" + name, os.O_RDONLY)
    sector = ctypes.create_string_buffer(os.pread(disk, 512, 0), 512)
    write = ctypes.create_string_buffer(WRITE_10, 10)
    sense = ctypes.create_string_buffer(32)
    places = [ctypes.addressof(one) for one in (sector, write, sense)]
    # struct sg_io_hdr of <scsi/sg.h>.
    header = struct.pack(
        "iiBBHIPPPIIiPBBBBHHiII",
        ord("S"), TO_DEVICE, 10, 32, 0, 512, *places, 5000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    )
    fcntl.ioctl(disk, SG_IO, header)


def take(folder, nodes):
    (entry,) = glob.glob(device + "/" + folder + "/*")
    os.open(nodes + os.path.basename(entry), os.O_RDWR)


def usbfs():
    place = device
    while not os.path.exists(place + "/devnum"):
        place = os.path.dirname(place)
    bus, number = (int(open(place + "/" + each).read()) for each in ("busnum", "devnum"))
    os.open("/dev/bus/usb/%03d/%03d" % (bus, number), os.O_RDWR)


for way in (
    open_for_writing,
    command,
    lambda: take("scsi_generic", "/dev/"),
    lambda: take("bsg", "/dev/bsg/"),
    usbfs,
):
    try:
        way()
        print("works")
    except OSError as error:
        print(errno.errorcode[error.errno])
