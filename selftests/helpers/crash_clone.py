#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash_clone.py [--limit N] LOG SECTORS REGION_SECTORS

Takes a power cut after each event of a log of crash_disks.py that has a clone in it, with
all outcomes at once. The mark "clone" in the log is its instant: all that the origin then
has is durable there. From then on
- a region that the log may call clean holds on the replica, durably, what the origin held
  at that instant: nobody will copy it again;
- a region that the log may call dirty still holds that on the origin, whatever was lost:
  it will be copied.
The disks lose what they lose independently, so both have to hold for all that each of them
may hold. Prints NAME=VALUE lines; exits with 1 when one did not."""
import argparse

from crash_log import BITMAP, BITS_PER_SECTOR, LOST, STATES, MetaLog, bits_of
from crash_model import MARK, META, ORIGIN, REPLICA, Disk, apply, check_log

ABORTED = 12
CLONE_FEATURE = 1


class Unlike:
    """Regions of a leg that may hold something else than at the instant."""

    def __init__(self, disk, args):
        self.disk = disk
        self.args = args
        self.instant = None
        self.sectors = set()
        self.counts = {}
        self.mask = 0

    def begin(self, instant):
        self.instant = instant
        self.changed(range(self.args.sectors))

    def changed(self, sectors):
        for sector in sectors:
            if self.instant is None or sector >= self.args.sectors:
                continue
            wanted = self.instant[sector * 512:(sector + 1) * 512]
            unlike = any(data != wanted for data in self.disk.contents(sector))
            if unlike == (sector in self.sectors):
                continue
            region = sector // self.args.region_sectors
            self.counts[region] = self.counts.get(region, 0) + (1 if unlike else -1)
            if unlike:
                self.sectors.add(sector)
                self.mask |= 1 << region
            else:
                self.sectors.discard(sector)
                if not self.counts[region]:
                    self.mask &= ~(1 << region)


class Checker:
    def __init__(self, args):
        self.args = args
        self.disks = [Disk(0)] * 3
        self.legs = []
        self.log = None
        self.event = self.points = self.bad = self.overwritten = self.opened = 0
        self.mark = ''
        self.reported = 0
        self.kinships = {'same'}
        self.states = set()

    def tell(self, text):
        self.bad += 1
        if self.bad <= self.args.limit:
            print(f'# event {self.event} ({self.mark}): {text}')

    def maybe_dirty(self, sb):
        """Regions that an activation with this superblock may copy."""
        mask = 0
        for unit in range(-(-sb.regions // BITS_PER_SECTOR)):
            sector = sb.bitmap_start * 8 + unit
            for data in self.disks[META].contents(sector):
                mask |= self.log.parse(data, sector, BITMAP, sb, unit * BITS_PER_SECTOR)
        return mask & sb.all

    def check(self):
        origin, replica = (leg.mask for leg in self.legs)
        bad = 0
        for sb in self.log.readable():
            if sb is None:
                if origin:
                    self.tell('the origin was written to, and there may be no log')
                continue
            self.states.add(STATES.get(sb.state, str(sb.state)))
            if sb.state == ABORTED or sb.flags & LOST:
                continue
            if not sb.data[40] & CLONE_FEATURE:
                self.tell(f'{sb} has no role')
            certain, maybe = self.log.bitmap(sb), self.maybe_dirty(sb)
            self.opened = max(self.opened, bin(sb.all & ~maybe).count('1'))
            for region in list(bits_of(origin & maybe & ~self.reported))[:3]:
                self.tell(f'region {region} was written to and may be copied again; {sb}')
            for region in list(bits_of(replica & ~certain & ~self.reported))[:3]:
                self.tell(f'region {region} is not on the replica and may be clean; {sb}')
            bad |= origin & maybe | replica & ~certain
        self.reported = bad
        self.overwritten = max(self.overwritten, bin(origin).count('1'))
        for word in self.log.kinships() - self.kinships:
            self.tell(f'an activation finds "{word}"')
        self.points += 1

    def begin(self):
        disk = self.disks[ORIGIN]
        if any(sector < self.args.sectors for sector in disk.cached):
            self.tell('the origin has something in its cache at the instant')
        for leg in self.legs:
            leg.begin(bytes(disk.durable))

    def one(self, event):
        self.event += 1
        if event[0] == MARK:
            self.mark = event[6].decode()
            if self.mark.startswith('sizes '):
                self.disks = [Disk(int(word)) for word in self.mark.split()[1:]]
                self.legs = [Unlike(self.disks[leg], self.args) for leg in (ORIGIN, REPLICA)]
                self.log = MetaLog(self.disks, False)
            elif self.mark == 'mark clone':
                self.begin()
            return
        disk, sectors = apply(self.disks, event)
        if disk == META:
            self.log.changed(sectors)
        else:
            self.legs[disk].changed(sectors)
        if self.legs[ORIGIN].instant is not None:
            self.check()

    def report(self):
        print(f'points={self.points}\nbad={self.bad}\nmost_overwritten={self.overwritten}')
        print(f'most_opened={self.opened}\nstates={",".join(sorted(self.states))}')


check_log(Checker, argparse.ArgumentParser())
