#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""changing_writer.py DEVICE SECONDS PROCESSES BLOCK

Writes directly from buffers that another process changes all the time. Each writer has
its own stretch of the device.
"""
import mmap
import os
import sys
import time


def scribble(memory, block):
    """Changes the buffer until killed."""
    fills = [bytes([n]) * block for n in range(1, 251, 10)]
    while True:
        for fill in fills:
            memory[:] = fill


def write(path, seconds, block, first, blocks):
    memory = mmap.mmap(-1, block)
    child = os.fork()
    if not child:
        scribble(memory, block)
    file = os.open(path, os.O_WRONLY | os.O_DIRECT)
    end, n = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            if os.pwrite(file, memory, (first + n % blocks) * block) != block:
                raise OSError('short write')
            n += 1
    finally:
        os.kill(child, 9)
        os.wait()
    print(f'# wrote {n} blocks of {block} bytes')


def main():
    path, seconds, processes, block = sys.argv[1], *map(int, sys.argv[2:])
    with open(path, 'rb') as device:
        blocks = device.seek(0, os.SEEK_END) // block // processes
    children = []
    for n in range(processes):
        child = os.fork()
        if not child:
            write(path, seconds, block, n * blocks, blocks)
            sys.stdout.flush()
            os._exit(0)
        children.append(child)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


sys.exit(main())
