#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""point_writer.py [--size BYTES] DEVICE COUNT | --check BEFORE DEVICE [AT_LEAST] | --selftest

Writes to DEVICE, one write after the other, until it gets SIGTERM; COUNT is a file that
says how many have returned. Where write n goes, how long it is and what it holds depends on n
alone, and n stands in each of its sectors. As each one follows all before it, there is for
each instant a number N so that the device held BEFORE with the writes 1 to N in it, and
nothing else, byte by byte.

--check finds the N that DEVICE is of, the highest number in it, makes that image from BEFORE,
and compares all of it. It prints N, and exits with 1 when a byte is another one, or when N
is below AT_LEAST."""
import argparse
import hashlib
import mmap
import os
import random
import signal
import struct
import sys
import tempfile

SECTOR = 512
LONGEST = 96            # sectors
MAGIC = b'point-in-time:: '
STAMP = struct.Struct('<16sQQ')
CHANCE = struct.Struct('<QQQ')
over = False


def place(number, sectors):
    """Where write n goes: (first sector, count). Often to the same few places."""
    which, where, far = CHANCE.unpack(hashlib.blake2b(CHANCE.pack(number, 0, 0),
                                                      digest_size=CHANCE.size).digest())
    count = (1, 1, 8, 8, 16, LONGEST)[which % 6]
    if where % 10 < 4:
        first = far % 16 * (sectors // 16)
    else:
        first = far % (sectors - count + 1)
    return min(first, sectors - count), count


def contents(number, sector):
    """What one sector of write n holds."""
    head = STAMP.pack(MAGIC, number, sector)
    return head + hashlib.shake_128(head).digest(SECTOR - len(head))


def data_of(number, sectors):
    first, count = place(number, sectors)
    return first, b''.join(contents(number, first + n) for n in range(count))


def stop(*_):
    global over
    over = True


def size_of(path):
    with open(path, 'rb') as file:
        return file.seek(0, os.SEEK_END)


def write_on(path, count_path, size):
    """Until somebody says stop; the count is replaced as a whole."""
    signal.signal(signal.SIGTERM, stop)
    sectors = (size or size_of(path)) // SECTOR
    device = os.open(path, os.O_WRONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, LONGEST * SECTOR)
    count_file = os.open(count_path, os.O_WRONLY | os.O_CREAT, 0o644)
    number = 0
    while not over:
        number += 1
        first, data = data_of(number, sectors)
        buffer[:len(data)] = data
        with memoryview(buffer)[:len(data)] as part:
            written = os.pwrite(device, part, first * SECTOR)
        if written != len(data):
            raise SystemExit(f'write {number} wrote {written} bytes')
        # Of one length, so that it is never half an older number.
        os.pwrite(count_file, f'{number:012}\n'.encode(), 0)


def read_all(path):
    size = size_of(path)
    try:
        device = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        device = os.open(path, os.O_RDONLY)
    step, parts = 1 << 20, []
    buffer = mmap.mmap(-1, step)
    for at in range(0, size, step):
        with memoryview(buffer)[:min(step, size - at)] as part:
            if os.preadv(device, [part], at) != len(part):
                raise SystemExit(f'{path} cannot be read at {at}')
            parts.append(bytes(part))
    os.close(device)
    return b''.join(parts)


def highest(image):
    found = 0
    for at in range(0, len(image), SECTOR):
        if image.startswith(MAGIC, at):
            found = max(found, STAMP.unpack_from(image, at)[1])
    return found


def image_at(before, number):
    image = bytearray(before)
    last = {}
    for one in range(1, number + 1):
        first, count = place(one, len(image) // SECTOR)
        for at in range(first, first + count):
            last[at] = one
    for at, one in last.items():
        image[at * SECTOR:(at + 1) * SECTOR] = contents(one, at)
    return image


def sector(image, at):
    return image[at * SECTOR:(at + 1) * SECTOR]


def wrong_sectors(found, expected):
    return [at for at in range(len(expected) // SECTOR)
            if sector(found, at) != sector(expected, at)]


def is_half(before, number, found, wrong):
    """Is it the image at number, but for a part of that very write, of which none is there?"""
    first, count = place(number, len(before) // SECTOR)
    if not first <= wrong[0] <= wrong[-1] < first + count:
        return False
    older = image_at(before, number - 1)
    return all(sector(found, at) == sector(older, at) for at in wrong)


def check(before_path, path, at_least):
    """Return: N, or a sentence that says what is wrong. As on any disk the last write may be
    there by half when it has not returned: N is the one before it then."""
    before, found = read_all(before_path), read_all(path)
    number = highest(found)
    if len(found) < len(before):
        return f'{path} is smaller than what was before'
    found = found[:len(before)]
    expected = image_at(before, number)
    wrong = wrong_sectors(found, expected)
    if wrong and not is_half(before, number, found, wrong):
        at = wrong[0]
        tell = [STAMP.unpack_from(image, at * SECTOR)[1]
                if image.startswith(MAGIC, at * SECTOR) else 'none'
                for image in (found, expected)]
        return (f'it is of write {number}, but {len(wrong)} sectors are not, the first is '
                f'{at}: of write {tell[0]}, expected {tell[1]}')
    if wrong:
        number -= 1
    if number < at_least:
        return f'it is of write {number}, and {at_least} had returned'
    return number


def selftest():
    """What is planted is found."""
    before = random.Random(0).randbytes(1 << 20)
    with tempfile.TemporaryDirectory() as folder:
        old, new = os.path.join(folder, 'old'), os.path.join(folder, 'new')
        with open(old, 'wb') as file:
            file.write(before)

        def verdict(image, at_least=0):
            with open(new, 'wb') as file:
                file.write(image)
            return check(old, new, at_least)

        assert verdict(before) == 0
        written = bytearray(before)
        for number in range(1, 201):
            first, data = data_of(number, len(before) // SECTOR)
            written[first * SECTOR:first * SECTOR + len(data)] = data
            if number in (1, 7, 200):
                assert verdict(written) == number
        assert isinstance(verdict(image_at(before, 200), 201), str)
        # One write that is missing, though later ones are there and none covers it.
        image = image_at(before, 199)
        first, data = data_of(201, len(image) // SECTOR)
        image[first * SECTOR:first * SECTOR + len(data)] = data
        assert isinstance(verdict(image), str)
        # A part of the next write, which has not returned; and of one that has.
        half = next(n for n in range(201, 999) if place(n, len(image) // SECTOR)[1] > 8)
        first, data = data_of(half, len(image) // SECTOR)
        image = image_at(before, half - 1)
        image[first * SECTOR:first * SECTOR + SECTOR] = data[:SECTOR]
        assert verdict(image, half - 1) == half - 1
        assert isinstance(verdict(image, half), str)
        first, data = data_of(half + 1, len(image) // SECTOR)
        image[first * SECTOR:first * SECTOR + len(data)] = data
        assert isinstance(verdict(image), str)
        # A byte of what nobody wrote to.
        image = image_at(before, 5)
        untouched = next(at for at in range(0, len(image), SECTOR)
                         if image[at:at + SECTOR] == before[at:at + SECTOR])
        image[untouched + 100] ^= 1
        assert isinstance(verdict(image), str)
    print('ok')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--selftest', action='store_true')
    parser.add_argument('--check', metavar='BEFORE')
    parser.add_argument('--size', type=int, default=0)
    parser.add_argument('device', nargs='?')
    parser.add_argument('count', nargs='?')
    args = parser.parse_args()
    if args.selftest:
        selftest()
    elif args.check:
        verdict = check(args.check, args.device, int(args.count or 0))
        print(verdict)
        sys.exit(isinstance(verdict, str))
    elif args.device and args.count:
        write_on(args.device, args.count, args.size)
    else:
        parser.error('a device and a file for the count are needed')


if __name__ == '__main__':
    main()
