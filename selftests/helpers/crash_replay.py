#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash_replay.py [OPTION]... LOG SECTORS REGION_SECTORS DEVICE:FILE DEVICE:FILE DEVICE:FILE

Cuts the power at points of a log of crash_disks.py, half of them where a flush or a write
with FUA has just ended. Of what was not durable some outcome is drawn. The images go to
the files behind three loop devices, which then are activated by the module; when it calls
the legs synchronized it is suspended and removed, and
- the replica equals the origin, byte by byte, and the origin is what it was before;
- exactly what crash_log.py reads as dirty from the image was copied;
- all that differed was among it;
- where the record has marks "swaps", the legs in the other order were refused.
With --clone the record is one of the clone role from its mark "clone" on: the replica
equals what the origin was at that mark, and the origin is what it was before the cut.
Prints NAME=VALUE lines; exits with 1 when something was wrong."""
import argparse
import ctypes
import errno
import fcntl
import mmap
import os
import random
import struct
import sys
import time

from crash_log import HELD, STATES, MetaLog, Superblock, bits_of
from crash_model import (DONE, FLUSHED, FUA, MARK, META, ORIGIN, REPLICA, SECTOR, Disk, apply,
                         records)

LIBC = ctypes.CDLL(None)
CREATE, REMOVE, SUSPEND, LOAD, STATUS, MESSAGE = 3, 4, 6, 9, 12, 14
HEAD = struct.Struct('<3IIIIiIIIQ128s129s7x')
SPEC = struct.Struct('<QQiI16s')
SUSPEND_FLAG = 1 << 1
# What has a state that lasts copied; 'resume' where nothing else is said.
ORDERS = {'Fractured': 'resync', 'Failedover': 'resync', 'Prepared': 'activate'}


class Mapping:
    """A device-mapper device, without a process for each step."""

    def __init__(self, name):
        self.name = name.encode()
        self.control = os.open('/dev/mapper/control', os.O_RDWR)

    def call(self, command, flags=0, targets=0, payload=b''):
        size = 16384
        head = HEAD.pack(4, 0, 0, size, HEAD.size, targets, 0, flags, 0, 0, 0, self.name, b'')
        buffer = bytearray((head + payload).ljust(size, b'\0'))
        fcntl.ioctl(self.control, 0xc0000000 | HEAD.size << 16 | 0xfd << 8 | command, buffer)
        start, = struct.unpack_from('<I', buffer, 16)
        return bytes(buffer[start:])

    def create(self, sectors, line):
        self.call(CREATE)
        self.call(LOAD, 0, 1, SPEC.pack(0, sectors, 0, 0, b'replica') + line.encode() + b'\0')
        self.call(SUSPEND)

    def status(self):
        text = self.call(STATUS)[SPEC.size:].split(b'\0')[0].decode()
        return dict(word.split('=', 1) for word in text.split() if '=' in word)

    def message(self, text):
        self.call(MESSAGE, 0, 0, struct.pack('<Q', 0) + text.encode() + b'\0')

    def suspend(self):
        self.call(SUSPEND, SUSPEND_FLAG)

    def remove(self):
        self.call(REMOVE)


def same(a, b, start, size):
    """Compare without a copy."""
    return not LIBC.memcmp(ctypes.byref(a, start), ctypes.byref(b, start), size)


class Image:
    """A file behind a loop device, and which of its sectors are not what they should be."""

    def __init__(self, path, disk):
        with open(path, 'r+b') as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.disk = disk
        # Views for same(); neither changes its size.
        size = len(disk.durable)
        self.found = (ctypes.c_char * size).from_buffer(self.map)
        self.wanted = (ctypes.c_char * size).from_buffer(disk.durable)
        self.stale = set(range(size // SECTOR))

    def update(self):
        for sector in self.stale:
            place = sector * SECTOR
            self.map[place:place + SECTOR] = self.disk.durable[place:place + SECTOR]
        self.stale.clear()


class Replay:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.devices = [pair.split(':')[0] for pair in args.device]
        self.disks = []
        self.images = []
        self.points = self.bad = self.differed = self.copied = self.flush_points = 0
        self.seconds = 0
        self.states = {}
        self.instant = None
        self.roles = (ORIGIN, REPLICA)
        self.swaps = False
        self.wrong_orders = 0

    def start(self, sizes):
        self.disks = [Disk(size) for size in sizes]
        self.images = [Image(pair.split(':')[1], disk)
                       for pair, disk in zip(self.args.device, self.disks)]

    def tell(self, text):
        self.bad += 1
        if self.bad <= 20:
            print(f'# {text}', flush=True)

    def line(self, roles):
        words = self.args.features.split()
        legs = [self.devices[disk] for disk in roles]
        return (f'{" ".join(legs)} {self.devices[META]} sync {len(words) + 4} '
                f'region_size {self.args.region_sectors} activity 512 {" ".join(words)}')

    def differing(self, origin, replica):
        """The regions in which two images differ."""
        step = self.args.region_sectors * SECTOR
        end = self.args.sectors * SECTOR
        mask = 0
        for place in range(0, end, 64 * step):
            if same(origin, replica, place, min(64 * step, end - place)):
                continue
            for at in range(place, min(place + 64 * step, end), step):
                if not same(origin, replica, at, min(step, end - at)):
                    mask |= 1 << at // step
        return mask

    def predict(self):
        """What the log calls dirty when nothing is uncertain, and the superblock."""
        disks = [Disk(0) for _ in self.disks]
        for disk, full in zip(disks, self.disks):
            disk.durable = full.durable
        log = MetaLog(disks, 'sync skip' in self.args.features)
        sb, = log.choices()
        mask = log.dirty()
        every = (1 << -(-self.args.sectors // self.args.region_sectors)) - 1
        if log.kinships() - {'same'}:
            mask = every
        return mask & every, sb

    def point(self, event, after_flush):
        outcomes = [disk.survivors(self.random) for disk in self.disks]
        kept = [disk.overlay(outcome) for disk, outcome in zip(self.disks, outcomes)]
        for image, outcome in zip(self.images, outcomes):
            image.stale.update(outcome)
            image.update()
        try:
            self.judge(event)
        finally:
            for disk, image, before in zip(self.disks, self.images, kept):
                disk.overlay(before)
                image.stale.update(before)
        self.points += 1
        self.flush_points += after_flush

    def judge(self, event):
        dirty, sb = self.predict()
        self.roles = sb.roles() if isinstance(sb, Superblock) else (ORIGIN, REPLICA)
        origin, replica = (self.images[disk] for disk in self.roles)
        differing = self.differing(origin.wanted, replica.wanted)
        where = f'point {event}: {sb}'
        if differing & ~dirty and not self.args.clone:
            self.tell(f'{where}: differ and are clean: {list(bits_of(differing & ~dirty))[:9]}')
        self.differed += differing != 0
        name = STATES.get(sb.state) if isinstance(sb, Superblock) else str(sb)
        self.states[name] = self.states.get(name, 0) + 1
        began = time.monotonic()
        copied = self.activate(where, bin(dirty).count('1'), sb)
        self.seconds += time.monotonic() - began
        end = self.args.sectors * SECTOR
        self.note_stale(dirty)
        if copied is None:
            return
        self.copied += copied
        if not same(origin.found, origin.wanted, 0, end):
            self.tell(f'{where}: the origin was written to')
        wanted = self.instant or origin.found
        if not same(wanted, replica.found, 0, end):
            self.tell(f'{where}: the replica is not what it should be in regions '
                      f'{list(bits_of(self.differing(wanted, replica.found)))[:9]}')
        wanted = bin(dirty).count('1') * self.args.region_sectors * SECTOR
        if copied != wanted:
            self.tell(f'{where}: {copied} bytes were copied, {wanted} were dirty')

    def note_stale(self, dirty):
        """What the activation may have written."""
        step = self.args.region_sectors
        for region in bits_of(dirty):
            self.images[self.roles[1]].stale.update(range(region * step, (region + 1) * step))
        for disk in self.roles:
            size = len(self.disks[disk].durable) // SECTOR
            self.images[disk].stale.update(range(self.args.sectors, size))
        self.images[META].stale.update(range(len(self.disks[META].durable) // SECTOR))

    def activate(self, where, dirty, sb):
        """Return: bytes that were copied, or None when it did not come so far."""
        mapping = Mapping(f'crash-replay-{os.getpid()}')
        if (isinstance(sb, Superblock) and (sb.label_sector or sb.origin_label_sector)
                and self.swaps and not self.refused(where, mapping)):
            return None
        try:
            mapping.create(self.args.sectors, self.line(self.roles))
        except OSError as error:
            self.tell(f'{where}: refused, {error}')
            mapping.remove()
            return None
        try:
            status = mapping.status()
            if status['state'] in HELD:
                if int(status['dirty_regions']) != dirty:
                    self.tell(f'{where}: {status["dirty_regions"]} dirty, not {dirty}')
                mapping.message(ORDERS.get(status['state'], 'resume'))
            status = self.wait(mapping)
            if status['state'] != 'Synchronized' or status['dirty_regions'] != '0':
                self.tell(f'{where}: waited in vain, {status}')
                return None
            mapping.suspend()
            return int(status['resync_bytes'])
        finally:
            mapping.remove()

    def refused(self, where, mapping):
        """The legs in the order that they do not have any more."""
        try:
            mapping.create(self.args.sectors, self.line(self.roles[::-1]))
            self.tell(f'{where}: taken in the wrong order')
        except OSError as error:
            if error.errno == errno.ESTALE:
                self.wrong_orders += 1
                return True
            self.tell(f'{where}: the wrong order is refused, {error}')
        finally:
            mapping.remove()
        return False

    def wait(self, mapping):
        end = time.monotonic() + 20
        pause = 0.001
        while True:
            status = mapping.status()
            if status['state'] == 'Synchronized' or time.monotonic() > end:
                return status
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def choose(self):
        """Numbers of the events to cut after."""
        flushes, others = [], []
        for number, (kind, _, flags, _, _, _, data) in enumerate(records(self.args.log)):
            if self.args.clone and kind == MARK and data == b'mark clone':
                # Before that it is of another instant.
                flushes, others = [], []
            elif kind == FLUSHED or kind == DONE and flags & FUA:
                flushes.append(number)
            elif kind != MARK:
                others.append(number)
        half = self.args.points // 2
        chosen = self.random.sample(flushes, min(half, len(flushes)))
        chosen += self.random.sample(others, min(self.args.points - len(chosen), len(others)))
        part, parts = (int(word) for word in self.args.part.split('/'))
        return set(sorted(chosen)[part::parts]), set(flushes)

    def run(self):
        chosen, flushes = self.choose()
        began = time.monotonic()
        for number, event in enumerate(records(self.args.log)):
            if event[0] == MARK and event[6].startswith(b'sizes '):
                self.start([int(word) for word in event[6].split()[1:]])
            elif event[0] == MARK and event[6].startswith(b'mark swaps'):
                self.swaps = True
            elif event[0] == MARK and event[6] == b'mark clone':
                size = len(self.disks[ORIGIN].durable)
                self.instant = (ctypes.c_char * size).from_buffer_copy(self.disks[ORIGIN].durable)
            elif event[0] != MARK:
                disk, sectors = apply(self.disks, event)
                self.images[disk].stale.update(sectors)
            if number in chosen:
                self.point(number, number in flushes)
                if time.monotonic() - began > self.args.seconds:
                    self.tell('out of time')
                    return

    def report(self):
        print(f'points={self.points}\nafter_flush={self.flush_points}\nbad={self.bad}')
        print(f'points_with_differences={self.differed}')
        print(f'activation_ms={int(self.seconds * 1000 / max(self.points, 1))}')
        print(f'copied_bytes={self.copied}\nwrong_orders={self.wrong_orders}')
        print('states=' + ','.join(f'{name}:{n}' for name, n in sorted(self.states.items())))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--points', type=int, default=500)
    parser.add_argument('--seconds', type=int, default=600)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--part', default='0/1', help='do only each so many-th of them')
    parser.add_argument('--features', default='')
    parser.add_argument('--clone', action='store_true')
    parser.add_argument('log')
    parser.add_argument('sectors', type=int)
    parser.add_argument('region_sectors', type=int)
    parser.add_argument('device', nargs=3)
    replay = Replay(parser.parse_args())
    replay.run()
    replay.report()
    sys.exit(replay.bad > 0 or not replay.points)


main()
