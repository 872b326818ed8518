# Films or records into memory that it shares with the device, closes the descriptor, and keeps the memory. Says
# `kept` then; and for each line that it reads, how often that memory changed within two seconds.
import ctypes
import fcntl
import os
import struct
import sys
import time

# <linux/videodev2.h>: VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF, VIDIOC_STREAMON.
BUFFERS, ASK, QUEUE, START = 0xC0145608, 0xC0585609, 0xC058560F, 0x40045612
CAPTURE = MMAP = 1
# <alsa/pcm.h>: SND_PCM_STREAM_CAPTURE, SND_PCM_ACCESS_MMAP_INTERLEAVED, SND_PCM_FORMAT_S16_LE.
RECORD, SHARED, FORMAT = 1, 0, 2


def buffer(index):
    # struct v4l2_buffer: index, type, ..., memory at 60.
    each = bytearray(88)
    struct.pack_into("II", each, 0, index, CAPTURE)
    struct.pack_into("I", each, 60, MMAP)
    return each


def share(device, length, offset):
    # Python's own mappings keep a descriptor.
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    readable = shared = 1
    place = libc.mmap(None, ctypes.c_size_t(length), readable, shared, device, ctypes.c_long(offset))
    assert place != ctypes.c_void_p(-1).value, os.strerror(ctypes.get_errno())
    return place


def film(node):
    camera = os.open(node, os.O_RDWR)
    fcntl.ioctl(camera, BUFFERS, bytearray(struct.pack("IIIII", 4, CAPTURE, MMAP, 0, 0)))
    parts = []
    for index in range(4):
        place = buffer(index)
        fcntl.ioctl(camera, ASK, place)
        (offset,), (length,) = struct.unpack_from("I", place, 64), struct.unpack_from("I", place, 72)
        parts.append(share(camera, length, offset))
        fcntl.ioctl(camera, QUEUE, buffer(index))
    fcntl.ioctl(camera, START, struct.pack("i", CAPTURE))
    os.close(camera)
    return lambda: [hash(ctypes.string_at(part, 65536)) for part in parts]


def record(device):
    alsa = ctypes.CDLL("libasound.so.2")
    pcm = ctypes.c_void_p()
    assert alsa.snd_pcm_open(ctypes.byref(pcm), device.encode(), RECORD, 0) == 0
    assert alsa.snd_pcm_set_params(pcm, FORMAT, SHARED, 2, 48000, 0, 100000) == 0
    # It is not to end when nobody takes what comes.
    wish = ctypes.create_string_buffer(1024)
    forever = ctypes.c_ulong()
    alsa.snd_pcm_sw_params_current(pcm, wish)
    alsa.snd_pcm_sw_params_get_boundary(wish, ctypes.byref(forever))
    alsa.snd_pcm_sw_params_set_stop_threshold(pcm, wish, forever)
    assert alsa.snd_pcm_sw_params(pcm, wish) == 0
    assert alsa.snd_pcm_start(pcm) == 0
    start = length = 0
    for line in open("/proc/self/maps"):
        if "/dev/snd/pcm" in line:
            first, last = (int(place, 16) for place in line.split()[0].split("-"))
            if last - first > length:
                start, length = first, last - first
    for number in os.listdir("/proc/self/fd"):
        try:
            if "/dev/snd/" in os.readlink("/proc/self/fd/" + number):
                os.close(int(number))
        except FileNotFoundError:
            pass
    return lambda: hash(ctypes.string_at(start, length))


look = {"camera": film, "microphone": record}[sys.argv[1]](sys.argv[2])
print("kept", flush=True)
for _ in sys.stdin:
    changes, last, end = 0, look(), time.monotonic() + 2
    while time.monotonic() < end:
        now = look()
        changes, last = changes + (now != last), now
    print(changes, flush=True)
