#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash_writer.py [OPTION]... FILE: writes without end, until it is killed.

A device gets direct writes of random places and sizes, each sector stamped with its place
and a number that is never used again; a directory gets small files that are written,
flushed, renamed and removed. Errors are passed over."""
import argparse
import mmap
import os
import random
import struct
import threading
import time

SECTOR = 512
number = 0
lock = threading.Lock()


def stamp(buffer, sector, count):
    global number
    with lock:
        number += 1
        mine = number
    for index in range(count):
        struct.pack_into('<QQQ', buffer, index * SECTOR, mine, sector + index, args.run)


def pick(chance, last):
    """Some places are hot, and the hot ones move."""
    if chance.random() < args.hot / 100:
        start = int(time.monotonic() / 3) * 7919 % last
        return (start + chance.randrange(16) * 8) % last
    return chance.randrange(last)


def write_device(path, worker):
    chance = random.Random(worker * 1000 + args.run)
    buffer = mmap.mmap(-1, 65536)
    device = os.open(path, os.O_RDWR | os.O_DIRECT)
    flushed = os.open(path, os.O_RDWR | os.O_DIRECT | os.O_DSYNC)
    sectors = os.lseek(device, 0, os.SEEK_END) // SECTOR
    for turn in range(1 << 62):
        count = 8 * chance.choice((1, 1, 1, 1, 2, 4, 8))
        sector = min(pick(chance, sectors) // 8 * 8, sectors - count)
        stamp(buffer, sector, count)
        try:
            where = flushed if chance.random() < args.dsync / 100 else device
            os.pwrite(where, memoryview(buffer)[:count * SECTOR], sector * SECTOR)
            if args.flush and turn % args.flush == 0:
                os.fsync(device)
        except OSError:
            time.sleep(0.05)
        if args.pause:
            time.sleep(args.pause / 1000)


def write_files(path, worker):
    chance = random.Random(worker)
    for turn in range(1 << 62):
        name = os.path.join(path, f'{worker}.{chance.randrange(12)}')
        try:
            with open(name, 'wb') as file:
                file.write(os.urandom(chance.randrange(1, 12000)))
                file.flush()
                if turn % 3 == 0:
                    os.fsync(file.fileno())
            if turn % 4 == 0:
                os.rename(name, name + '.old')
            elif turn % 4 == 1:
                os.unlink(name)
            elif turn % 8 == 2:
                os.sync()
        except OSError:
            time.sleep(0.05)
        time.sleep(args.pause / 1000)


parser = argparse.ArgumentParser()
parser.add_argument('--workers', type=int, default=4)
parser.add_argument('--flush', type=int, default=24, help='fsync after so many writes')
parser.add_argument('--dsync', type=int, default=5, help='percent of writes with O_DSYNC')
parser.add_argument('--hot', type=int, default=30, help='percent of writes to few places')
parser.add_argument('--pause', type=int, default=0, help='ms between writes')
parser.add_argument('--run', type=int, default=1, help='part of the stamp')
parser.add_argument('file')
args = parser.parse_args()
task = write_files if os.path.isdir(args.file) else write_device
for each in range(args.workers):
    threading.Thread(target=task, args=(args.file, each)).start()
