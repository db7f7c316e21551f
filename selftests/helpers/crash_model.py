# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with volatile caches, the log of what reached them, and what the log of the
replica target says about regions. Used by crash_disks.py, crash_check.py,
crash_clone.py, crash_replay.py and order_check.py.

What a disk may hold after a power cut, sector by sector:
- A write may reach the medium from the moment the disk received it, whether it was
  completed or not, and each of its sectors by itself.
- A flush makes durable the writes of this disk that were completed before the disk
  received the flush, from the moment the flush was completed. Not the ones under way, and
  nothing of another disk.
- A write with FUA is durable when it was completed.
- Nothing else is. A sector holds its last durable contents or those of any later write
  that the disk received, whatever became of the other sectors.
- Of two writes to a sector that were under way at once neither is the later one: whichever
  is completed or durable first, the other one may have overwritten it, or not.

That is what the block layer lets a disk do, and no less, so a state that cannot be
excluded here can be met after a real cut. On a replica writes are under way at once when a
resync copies what an entry of the queue will bring, too.
"""
import struct
import sys

SECTOR = 512
RECORD = struct.Struct('<BBxxIIIII')
WRITE, DONE, FLUSH, FLUSHED, LOST, MARK = range(1, 7)
FUA = 1
ORIGIN, REPLICA, META = range(3)


def write_record(file, kind, disk=0, flags=0, number=0, sector=0, ms=0, data=b''):
    file.write(RECORD.pack(kind, disk, flags, len(data), number, sector, ms))
    if data:
        file.write(data)


def records(path):
    """kind, disk, flags, number, sector, ms, data of each event, in their order."""
    with open(path, 'rb') as file:
        while True:
            head = file.read(RECORD.size)
            if len(head) < RECORD.size:
                return
            kind, disk, flags, size, number, sector, ms = RECORD.unpack(head)
            yield kind, disk, flags, number, sector, ms, file.read(size)


def check_log(kind, parser):
    """The program of a checker of logs: one() for each event, then report(). It has failed
    when something was bad, or nothing was looked at."""
    parser.add_argument('--limit', type=int, default=20)
    parser.add_argument('log')
    parser.add_argument('sectors', type=int)
    parser.add_argument('region_sectors', type=int)
    args = parser.parse_args()
    checker = kind(args)
    for event in records(args.log):
        checker.one(event)
    checker.report()
    sys.exit(checker.bad > 0 or not checker.points)


class Disk:
    """What is durable, and for each sector what may be there instead."""

    def __init__(self, sectors):
        self.durable = bytearray(sectors * SECTOR)
        self.cached = {}        # sector: [(number of the write, contents)], oldest first
        self.writes = {}        # number: (first sector, sectors)
        self.done = []          # completed, not flushed
        self.flushes = {}       # number: how many of self.done it covers
        self.under_way = {}     # sector: [number of a write]
        self.rivals = {}        # sector: pairs of writes that were under way at once
        self.owners = {}        # sector with rivals: whose its durable contents are
        self.overlaps = 0

    def sector(self, sector):
        return bytes(self.durable[sector * SECTOR:(sector + 1) * SECTOR])

    def contents(self, sector):
        """All that the sector may hold."""
        return [self.sector(sector)] + [data for _, data in self.cached.get(sector, ())]

    def write(self, number, sector, data):
        sectors = range(sector, sector + len(data) // SECTOR)
        self.writes[number] = sectors
        for index, place in enumerate(sectors):
            others = self.under_way.setdefault(place, [])
            if others:
                self.overlap(place, number, others)
            others.append(number)
            self.cached.setdefault(place, []).append(
                (number, data[index * SECTOR:(index + 1) * SECTOR]))
        return sectors

    def overlap(self, place, number, others):
        self.overlaps += 1
        for other in others:
            self.rivals.setdefault(place, set()).update([(number, other), (other, number)])

    def finish(self, number, fua):
        """A write was completed. Return: the sectors that became durable."""
        for place in self.writes[number]:
            self.under_way[place].remove(number)
            if not self.under_way[place]:
                del self.under_way[place]
        if fua:
            return self.settle(number)
        self.done.append(number)
        return ()

    def settle(self, number):
        sectors = self.writes.pop(number)
        for place in sectors:
            entries = self.cached.get(place, ())
            for index, (writer, data) in enumerate(entries):
                if writer == number:
                    entries[:index + 1] = self.not_older(place, number, entries[:index])
                    self.durable[place * SECTOR:(place + 1) * SECTOR] = data
                    if not entries:
                        del self.cached[place]
                        self.rivals.pop(place, None)
                        self.owners.pop(place, None)
                    break
        return sectors

    def not_older(self, place, number, before):
        """What the sector may still hold when this write of it is durable."""
        rivals = self.rivals.get(place)
        if not rivals:
            return []
        owner = self.owners.get(place)
        self.owners[place] = number
        entries = [entry for entry in before if (entry[0], number) in rivals]
        if (owner, number) in rivals:
            entries.insert(0, (owner, self.sector(place)))
        return entries

    def flush(self, number):
        self.flushes[number] = self.done
        self.done = []

    def flushed(self, number):
        """A flush was completed. Return: the sectors that became durable."""
        sectors = []
        # An earlier one that is still out covers nothing more than this one.
        for other in [n for n in self.flushes if n <= number]:
            for write in self.flushes.pop(other):
                sectors.extend(self.settle(write))
        return sectors

    def lose(self, survivors):
        """The power went; survivors is {sector: contents} of what was uncertain."""
        changed = list(self.cached)
        for place, data in survivors.items():
            self.durable[place * SECTOR:(place + 1) * SECTOR] = data
        self.cached.clear()
        self.writes.clear()
        self.flushes.clear()
        self.under_way.clear()
        self.rivals.clear()
        self.owners.clear()
        self.done = []
        return changed

    def survivors(self, random):
        """One of the outcomes of a power cut, as for lose()."""
        style = random.random()
        outcome = {}
        if style < 0.15:
            return outcome
        if style < 0.3:
            return {place: entries[-1][1] for place, entries in self.cached.items()}
        if style < 0.6:
            keep = random.random()
            kept = {}
            for place, entries in self.cached.items():
                for number, data in entries:
                    if kept.setdefault(number, random.random() < keep):
                        outcome[place] = data
            return outcome
        for place, entries in self.cached.items():
            choice = random.randrange(len(entries) + 1)
            if choice:
                outcome[place] = entries[choice - 1][1]
        return outcome

    def overlay(self, sectors):
        """Put {sector: contents} in place. Return: what was there."""
        before = {}
        for place, data in sectors.items():
            before[place] = self.sector(place)
            self.durable[place * SECTOR:(place + 1) * SECTOR] = data
        return before


def apply(disks, event):
    """Bring the disks up to date. Return: the disk and its sectors that changed."""
    kind, disk, flags, number, sector, _, data = event
    if kind == WRITE:
        return disk, disks[disk].write(number, sector, data)
    if kind == DONE:
        return disk, disks[disk].finish(number, flags & FUA)
    if kind == FLUSH:
        disks[disk].flush(number)
    elif kind == FLUSHED:
        return disk, disks[disk].flushed(number)
    elif kind == LOST:
        step = 4 + SECTOR
        return disk, disks[disk].lose(
            {struct.unpack_from('<I', data, at)[0]: data[at + 4:at + step]
             for at in range(0, len(data), step)})
    return disk, ()
