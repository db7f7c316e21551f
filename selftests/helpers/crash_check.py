#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash_check.py [--sync-skip] [--overlaps] [--limit N] LOG SECTORS REGION_SECTORS

Takes a power cut after each event of a log of crash_disks.py, with all outcomes at once:
a region in which the legs may differ must be one that the log calls dirty for sure.

For each sector of the legs all contents that it may have are known, so the regions that
may differ are known exactly; likewise the sectors of the meta device, so the regions that
may be clean. The disks lose what they lose independently, so one region in both sets is a
cut after which a difference stays unseen, and none is the proof that there is no such
cut. Prints NAME=VALUE lines; exits with 1 when there was one, or when two writes to a sector
were under way at once, which only the replica may see, and only with --overlaps.

A mark "swaps N..." says how often the legs may have changed places by now: whichever
superblock is found has to say so."""
import argparse

from crash_log import HELD, MetaLog, SB_SECTORS, STATES, bits_of
from crash_model import (DONE, FLUSH, FLUSHED, LOST, MARK, META, REPLICA, WRITE, Disk,
                         apply, check_log)

NAMES = {WRITE: 'write', DONE: 'done', FLUSH: 'flush', FLUSHED: 'flushed', LOST: 'power lost'}
DISKS = ('origin', 'replica', 'meta')


class Legs:
    """Regions in which origin and replica may differ."""

    def __init__(self, disks, sectors, region_sectors):
        self.legs = disks[:2]
        self.sectors = sectors
        self.region_sectors = region_sectors
        self.differing = set()
        self.counts = {}
        self.mask = 0

    def may_differ(self, sector):
        a, b = self.legs
        if sector not in a.cached and sector not in b.cached:
            return a.sector(sector) != b.sector(sector)
        return len(set(a.contents(sector) + b.contents(sector))) > 1

    def changed(self, sectors):
        for sector in sectors:
            if sector >= self.sectors:
                continue
            now = self.may_differ(sector)
            if now == (sector in self.differing):
                continue
            region = sector // self.region_sectors
            count = self.counts.get(region, 0)
            if now:
                self.differing.add(sector)
                self.mask |= 1 << region
                self.counts[region] = count + 1
            else:
                self.differing.discard(sector)
                self.counts[region] = count - 1
                if count == 1:
                    self.mask &= ~(1 << region)


class Checker:
    def __init__(self, args):
        self.args = args
        self.disks = [None] * 3
        self.legs = self.log = None
        self.event = 0
        self.bad = 0
        self.unseen = 0
        self.unkind = 0
        self.kinships = {'same'}
        self.swaps = {0}
        self.mark = ''
        self.points = 0
        self.last = None
        self.differing = 0
        self.most = 0
        self.synced_most = 0
        self.kinds = dict.fromkeys(NAMES, 0)
        self.states = set()
        self.held = None
        self.ordered = False
        self.history = {}
        self.overlaps = [0] * 3

    def start(self, sizes):
        self.disks = [Disk(size) for size in sizes]
        self.legs = Legs(self.disks, self.args.sectors, self.args.region_sectors)
        self.log = MetaLog(self.disks, self.args.sync_skip)

    def tell(self, text):
        self.bad += 1
        if self.bad <= self.args.limit:
            print(f'# event {self.event} ({self.mark}): {text}')

    def note(self, event, sectors):
        """The latest events of each region, for the report."""
        kind, disk, flags, number, _, ms, _ = event
        if disk == META:
            return
        for region in {sector // self.args.region_sectors for sector in sectors}:
            self.history.setdefault(region, []).append(
                f'{self.event}@{ms} {DISKS[disk]} {NAMES[kind]} {number}{" FUA" * flags}')
            del self.history[region][:-self.args.history]

    def check(self):
        unseen = self.legs.mask & ~self.log.dirty()
        if unseen & ~self.unseen:
            for sb in self.log.readable():
                missing = unseen & ~self.unseen & ~self.log.dirty_by(sb)
                for region in list(bits_of(missing))[:3]:
                    self.tell(f'region {region} may differ and be clean; {sb}, '
                              f'intent {sb and self.log.intents(sb) >> region & 1}, '
                              f'bit {sb and self.log.bitmap(sb) >> region & 1}')
                    for line in self.history.get(region, ()):
                        self.show(f'    {line}')
        self.unseen = unseen

    def show(self, text):
        if self.bad <= self.args.limit:
            print(f'#{text}')

    def check_superblocks(self):
        names = set()
        for sb in self.log.readable():
            if not sb:
                continue
            name = STATES.get(sb.state, str(sb.state))
            names.add(name)
            if sb.swaps not in self.swaps:
                self.tell(f'the legs are in the wrong order: {sb}')
            # The admin has taken the replica aside: no job by itself.
            if self.held and name in ('Initialized', 'Unsynchronized') and not self.ordered:
                self.tell(f'{self.held} is forgotten: {sb}')
                self.held = None
        self.states |= names
        if 'Synchronized' in names:
            self.held = None
        # Before the write of it has ended nobody was told so.
        elif len(names) == 1 and names <= set(HELD) and names != {self.held}:
            self.held, self.ordered = names.pop(), False

    def check_labels(self):
        kinships = self.log.kinships()
        for word in kinships - self.kinships:
            self.tell(f'an activation finds "{word}": '
                      f'{", ".join(str(sb) for sb in self.log.choices())}')
        self.kinships = kinships | {'same'}

    def account(self):
        self.points += 1
        dirty = self.log.dirty()
        if (dirty, self.legs.mask) == self.last:
            return
        self.last = dirty, self.legs.mask
        self.differing = max(self.differing, bin(self.legs.mask).count('1'))
        if dirty < 0:
            return
        count = bin(dirty).count('1')
        self.most = max(self.most, count)
        if all(sb and sb.state == 4 for sb in self.log.readable()):
            self.synced_most = max(self.synced_most, count)

    def one(self, event):
        kind, disk = event[:2]
        self.event += 1
        if kind == MARK:
            words = event[6].decode()
            if words.startswith('sizes '):
                self.start([int(word) for word in words.split()[1:]])
            self.mark = words
            self.ordered |= words in ('mark resync', 'mark failback')
            if words.startswith('mark swaps '):
                self.swaps = {int(word) for word in words.split()[2:]}
            return
        self.kinds[kind] += 1
        disk, sectors = apply(self.disks, event)
        if kind == WRITE and self.overlapped(disk):
            self.tell(f'{DISKS[disk]} write {event[3]} overlaps one that is under way')
        if disk != META:
            self.legs.changed(sectors)
        else:
            self.log.changed(sectors)
        self.note(event, sectors)
        self.check()
        if disk == META and not set(SB_SECTORS).isdisjoint(sectors):
            self.check_superblocks()
            self.check_labels()
        elif disk != META and any(sector >= self.args.sectors for sector in sectors):
            self.check_labels()
        self.account()

    def overlapped(self, disk):
        """Did the latest write do what only the replica may see?"""
        before, self.overlaps[disk] = self.overlaps[disk], self.disks[disk].overlaps
        return before != self.overlaps[disk] and not (disk == REPLICA and self.args.overlaps)

    def report(self):
        for kind, name in NAMES.items():
            print(f'{name.replace(" ", "_")}={self.kinds[kind]}')
        print(f'points={self.points}')
        print(f'bad={self.bad}')
        print(f'overlaps={self.overlaps[REPLICA]}')
        print(f'most_differing={self.differing}')
        print(f'most_dirty={self.most}')
        print(f'most_dirty_synchronized={self.synced_most}')
        print(f'states={",".join(sorted(self.states))}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sync-skip', action='store_true')
    parser.add_argument('--overlaps', action='store_true')
    parser.add_argument('--history', type=int, default=12)
    check_log(Checker, parser)


main()
