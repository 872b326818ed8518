#!/usr/bin/env python3
"""Policies come and go while a program opens the camera all the time: changer.py FIRST COUNT

Each of /srv/sent-FIRST and the next takes the camera, or gives it back, in turns; the first takes it. While one is in
force, each attempt has to end as it says; while it comes, either way. Prints JSON.
"""
import errno
import json
import os
import subprocess
import sys
import threading
import time

CAMERA = "/dev/video0"
first, count = int(sys.argv[1]), int(sys.argv[2])
# Which policy is in force, and whether it takes the camera; nothing while one comes.
in_force = None
seen = {"attempts": 0, "opened": 0, "refused": 0}
of_this = 0
is_over = False


def opens():
    global of_this
    while not is_over:
        before = in_force
        try:
            os.close(os.open(CAMERA, os.O_RDWR | os.O_NONBLOCK))
            refused = False
        except OSError as error:
            if error.errno != errno.EPERM:
                raise
            refused = True
        seen["attempts"] += 1
        if before is not None and before is in_force:
            of_this += 1
            if refused != before[1]:
                seen["refused" if refused else "opened"] += 1


program = threading.Thread(target=opens, daemon=True)
program.start()
for number in range(first, first + count):
    in_force = None
    for command in (["policy", "apply", f"/srv/sent-{number}"], ["wait", "--settled", "--timeout", "60"]):
        subprocess.run(["cardwarden", *command], check=True, capture_output=True)
    of_this = 0
    in_force = (number, (number - first) % 2 == 0)
    end = time.monotonic() + 30
    while of_this < 50 and time.monotonic() < end:
        program.join(0.01)
    if of_this < 50:
        sys.exit("nobody opens the camera any more")
is_over = True
program.join()
print(json.dumps({"changes": count, **seen}))
