#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""write_log.py LOG: counts what dm-log-writes has written down, as NAME=COUNT lines."""
import struct
import sys

SUPER = struct.Struct('<QQQI')
ENTRY = struct.Struct('<QQQQ')
MAGIC = 0x6a736677736872
FLAGS = {'flush': 1, 'fua': 2, 'discard': 4, 'mark': 8}


def main():
    counts = dict.fromkeys(FLAGS, 0)
    with open(sys.argv[1], 'rb') as log:
        magic, version, entries, size = SUPER.unpack(log.read(SUPER.size))
        if (magic, version) != (MAGIC, 1):
            raise SystemExit('this is no log')
        position = size
        for _ in range(entries):
            log.seek(position)
            _, sectors, flags, _ = ENTRY.unpack(log.read(ENTRY.size))
            position += size
            if not flags & FLAGS['discard']:
                position += sectors * size
            for name, flag in FLAGS.items():
                counts[name] += bool(flags & flag)
    print(*(f'{name}={count}' for name, count in counts.items()), f'entries={entries}')


main()
