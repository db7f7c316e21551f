#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""message_fuzz.py NAME SEED COUNT: sends messages that are wrong in all ways to a mapping.

Words that would be right are only used with others that make them wrong.
"""
import fcntl
import random
import struct
import sys

DM_TARGET_MSG = 0xc138fd0e
HEADER = struct.Struct('<10IQ128s129s7x')
OPERATIONS = ['abort', 'activate', 'deactivate', 'fracture', 'resync', 'resume', 'split', 'suspend']
SETTINGS = ['payload', 'resync_rate', 'recovery', 'on_replica_error', 'replica_timeout']


def noise(rng):
    return ''.join(chr(rng.randrange(1, 127)) for _ in range(rng.randrange(1, 300)))


def message(rng):
    kind = rng.randrange(8)
    if kind == 0:
        return noise(rng)
    if kind == 1:
        return rng.choice(OPERATIONS) + rng.choice('x_%\\') + noise(rng)
    if kind == 2:
        words = ['forced', '0', 'force force', 'compare compare', 'force compare force', '%s%n']
        return f'{rng.choice(OPERATIONS)} {rng.choice(words)}'
    if kind == 3:
        value = rng.choice(['', 'x', '-1', '0x10', '99999999999999999999', '1e3', 'A' * 10000])
        return f'set {rng.choice(SETTINGS)} {value}'
    if kind == 4:
        return f'set {noise(rng)} 1'
    if kind == 5:
        return rng.choice(['cancel', 'confirm']) + ' ' + rng.choice(['0', '-1', '4294967296', 'x'])
    if kind == 6:
        return rng.choice(['verify', 'differences']) + ' ' + rng.choice(['force', '0', 'x'])
    return 'jobs ' * rng.randrange(2, 2000)


def send(control, name, text):
    body = struct.pack('<Q', 0) + text.encode('latin-1') + b'\0'
    size = HEADER.size + len(body)
    header = HEADER.pack(4, 0, 0, size, HEADER.size, 0, 0, 0, 0, 0, 0, name.encode(), b'')
    try:
        fcntl.ioctl(control, DM_TARGET_MSG, bytearray(header + body))
    except OSError as error:
        return error.errno
    return 0


def main():
    name, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    errors = {}
    with open('/dev/mapper/control', 'r+b', buffering=0) as control:
        for _ in range(count):
            text = message(rng)
            error = send(control, name, text)
            errors[error] = errors.get(error, 0) + 1
            if not error:
                raise SystemExit(f'was taken: {text[:200]!r}')
    print('# errno: times', errors)


main()
