#!/usr/bin/env python3
# Write to the machine's memory (/dev/mem)
# as: root
# stands: the kernel's own limits on /dev/mem
# expect: refused
# control: the kernel refuses it whatever is in force
import os

from attack import attempt, refused, succeeded

memory = attempt(os.open, "/dev/mem", os.O_RDWR)
with open("/proc/iomem") as map_of_it:
    line = next(line for line in map_of_it if "Kernel code" in line)
at = int(line.split("-")[0], 16)
if at == 0:
    refused("it does not say where the kernel is")
attempt(os.pwrite, memory, attempt(os.pread, memory, 8, at), at)
succeeded("8 bytes of the kernel")
