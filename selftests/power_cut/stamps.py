#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes whose loss can be told.

    stamps.py write ROUND DEVICE FIRST_SECTOR WITNESS   without end; says what is durable
    stamps.py witness ROUND WITNESS                     what is there of an earlier round

Each worker has an area of its own, and writes to it one after the other, so that which
write of a round goes where can be told again by whoever knows its number. Each sector
bears the round, the number and its place. After an fsync that ended well a line "durable
WORKER NUMBER" is printed: no write up to this one may be missing after a power cut. How
often they flush depends on the round.

The witness is a disk by itself: its first half is written and flushed, its second half is
written and not flushed.
"""
import mmap
import os
import random
import struct
import sys
import threading

SECTOR = 512
STAMP = struct.Struct('<QQQ')
MAGIC = 0x73746d7072636c74
WORKERS = 3
AREA = 4096             # sectors of a worker
SLOT = 8                # sectors
HALF = 512              # sectors of half a witness
FSYNC_EVERY = (4, 20, 100)


def stamp(number, sector):
    return STAMP.pack(MAGIC, number, sector).ljust(SECTOR, b'.')


def read_stamp(data):
    """number and place in a sector, or None."""
    magic, number, sector = STAMP.unpack_from(data)
    return (number, sector) if magic == MAGIC else None


def full_number(number_of_round, index):
    return number_of_round << 32 | index


def places(number_of_round, worker):
    """First sector and sectors of each write of a worker, from the first one on, without end."""
    chance = random.Random(f'{number_of_round} {worker}')
    while True:
        count = SLOT * chance.choice((1, 1, 1, 2, 4))
        yield worker * AREA + chance.randrange((AREA - count) // SLOT + 1) * SLOT, count


def say(text):
    os.write(1, (text + '\n').encode())


def put(device, buffer, number, sector, count):
    for index in range(count):
        buffer[index * SECTOR:(index + 1) * SECTOR] = stamp(number, sector + index)
    os.pwrite(device, memoryview(buffer)[:count * SECTOR], sector * SECTOR)


def write(number_of_round, path, first, worker):
    device = os.open(path, os.O_RDWR | os.O_DIRECT)
    buffer = mmap.mmap(-1, 65536)
    every = FSYNC_EVERY[number_of_round % len(FSYNC_EVERY)]
    try:
        for index, (sector, count) in enumerate(places(number_of_round, worker), 1):
            put(device, buffer, full_number(number_of_round, index), first + sector, count)
            if index % every == 0:
                os.fsync(device)
                say(f'durable {worker} {index}')
    except OSError as error:
        say(f'failed: a stamped write: {error}')
        os._exit(1)


def write_witness(number_of_round, path):
    device = os.open(path, os.O_RDWR | os.O_DIRECT)
    buffer = mmap.mmap(-1, 65536)
    for half in range(2):
        for sector in range(half * HALF, (half + 1) * HALF, 64):
            put(device, buffer, full_number(number_of_round, 0), sector, 64)
        if half == 0:
            os.fsync(device)
    # Stays open: nothing may flush it by closing.
    say('witness written')
    return device


def read_witness(number_of_round, path):
    with open(path, 'rb') as file:
        data = file.read(2 * HALF * SECTOR)
    there = [read_stamp(data[sector * SECTOR:]) == (full_number(number_of_round, 0), sector)
             for sector in range(2 * HALF)]
    say(f'witness {sum(there[:HALF])} {sum(there[HALF:])}')


def main():
    order, number_of_round = sys.argv[1], int(sys.argv[2])
    if order == 'witness':
        read_witness(number_of_round, sys.argv[3])
        return
    path, first, witness = sys.argv[3], int(sys.argv[4]), sys.argv[5]
    write_witness(number_of_round, witness)
    for worker in range(WORKERS):
        threading.Thread(target=write, args=(number_of_round, path, first, worker)).start()


if __name__ == '__main__':
    main()
