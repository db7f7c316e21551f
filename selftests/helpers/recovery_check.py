#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""recovery_check.py [OPTION]... LOG FSTYPE DEVICE:FILE DIR

Lets a file system recover from what the replica held at points of a log of crash_disks.py:
after each so-many-th write to it, and before the end of flushes of it, of all or of so many that
are drawn. At each of the former three states are tried, at each of the latter one of them,
    done      what was completed is there, what was under way is not, and there was no cut;
    durable   the power went, and only what had to stay has stayed;
    some      the power went, and of the rest some has stayed, chosen by lot.
Each goes to the file behind a loop device, which is mounted on DIR, so that the journal is
recovered, and read. Then the files of file_stress.py (--files) and the rows of row_writer.py
(--rows) have to be a beginning of what was written, without a hole. Unmounted again, the file
system has to be in order, as e2fsck and xfs_repair see it, and the kernel must not have
complained.

From point to point, and from "durable" to the others, rows never become fewer; when the log
says "drained N", N rows are in all states. --acknowledged LOG is of row_writer.py: there are
never rows that were not begun, and it tells by how much the replica was behind.

Points are between the marks "ordered" and "unordered" of the log. Of a write with sectors
that are neighbours in 4 KiB all stay or none, since ext4 takes it for granted that a disk does
not tear its blocks.

With --plant some earlier write is left out of "done" at each point, which later ones that are
there relied on, or not: this has to be found in a --plant-th of the points, else the check
proves nothing. Prints NAME=VALUE lines, exits with 1 when something was wrong."""
import argparse
import collections
import ctypes
import fcntl
import mmap
import os
import random
import re
import subprocess
import sys
import time

from crash_model import FLUSHED, MARK, REPLICA, SECTOR, WRITE, Disk, apply, records
from file_stress import file_check
from row_writer import row_check

LIBC = ctypes.CDLL(None, use_errno=True)
BLKFLSBUF = 0x1261
PIECE = 8               # sectors that stay or go together
FSCK = {'ext4': ('e2fsck', '-fn'), 'xfs': ('xfs_repair', '-nP')}
# What xfs_repair and e2fsck say of themselves.
PHASES = re.compile(r'Phase|Pass|\s+- |Cannot get|Repair may|the image')
# A write is planted as missing when so many later ones are there at most.
RECENT = 40
SHOWN = 10
WARNING = 4             # level of the kernel's log
STATES = ('durable', 'done', 'some')


class KernelLog:
    """What the kernel complains of, from now on."""

    def __init__(self, device):
        self.file = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.file, 0, os.SEEK_END)
        self.name = os.path.basename(device)

    def complaints(self):
        found = []
        while True:
            try:
                head, text = os.read(self.file, 8192).decode(errors='replace').split(';', 1)
            except BlockingIOError:
                return found
            except BrokenPipeError:
                continue
            # Not JBD2's own, which name no device: ext4 repeats that recovery failed.
            if int(head.split(',')[0]) & 7 <= WARNING and re.search(rf'\b{self.name}\b', text):
                found.append('kernel: ' + text.splitlines()[0])


class Mount:
    def __init__(self, fstype, device, place):
        # Another part of the check may have another state of the same file system.
        options = b'nouuid' if fstype == 'xfs' else None
        self.arguments = device.encode(), place.encode(), fstype.encode(), 0, options
        self.place = place.encode()

    def __enter__(self):
        if LIBC.mount(*self.arguments):
            raise OSError(ctypes.get_errno(), 'mount')

    def __exit__(self, *_):
        for _ in range(100):
            if not LIBC.umount(self.place):
                return
            time.sleep(0.1)
        raise SystemExit(f'cannot unmount: {os.strerror(ctypes.get_errno())}')


class Image:
    """The file behind the loop device."""

    def __init__(self, device, path):
        self.device = os.open(device, os.O_RDONLY)
        self.path = path
        with open(path, 'r+b') as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def put(self, data):
        self.map[:len(data)] = data
        fcntl.ioctl(self.device, BLKFLSBUF)


class Rows:
    """How many there may be."""

    def __init__(self, path):
        self.times = []
        self.clock = None
        self.behind = 0
        if path:
            with open(path, encoding='ascii') as file:
                self.times = [float(line.split()[1]) for line in file]
        self.forget()

    def forget(self):
        """The replica has been copied to; what it had is no measure."""
        self.least = dict.fromkeys(STATES, 0)
        self.now = {}

    def set_clock(self, uptime, ms):
        self.clock = uptime - ms / 1000

    def acknowledged(self, ms):
        """So many had been when this happened."""
        moment = self.clock + ms / 1000
        return sum(1 for time_ in self.times if time_ < moment)

    def judge(self, state, count, ms, all_of_them):
        """Return: what is wrong with there being so many."""
        wrong = []
        least = max(self.least[state], self.now.get('durable', 0))
        if count < least:
            wrong.append(f'{count} rows, there were {least} already')
        if all_of_them is not None and count != all_of_them:
            wrong.append(f'{count} rows, not all {all_of_them}')
        if self.times and count > len(self.times) + 1:
            wrong.append(f'{count} rows, {len(self.times)} were committed')
        self.now[state] = count
        if self.times and self.clock is not None:
            self.behind = max(self.behind, self.acknowledged(ms) - count)
        return wrong

    def end_point(self):
        """Nothing durable now is ever lost; what was completed only by a cut."""
        for state, count in self.now.items():
            if state != 'some':
                self.least[state] = count
        self.least['done'] = max(self.least['done'], self.least['durable'])
        self.least['some'] = self.least['durable']
        self.now = {}


class Planted:
    """Earlier writes, and what was there before them."""

    def __init__(self, disk):
        self.disk = disk
        self.recent = collections.deque(maxlen=RECENT)

    def came(self, sector, data):
        places = range(sector, sector + len(data) // SECTOR)
        before = {place: self.disk.contents(place)[-1] for place in places}
        after = {place: data[index * SECTOR:(index + 1) * SECTOR]
                 for index, place in enumerate(places)}
        self.recent.append((before, after))

    def missing(self, chance):
        """Contents of the sectors without one of the writes, or None."""
        earlier = list(self.recent)[:RECENT // 2]
        chance.shuffle(earlier)
        for before, after in earlier:
            holes = {place: data for place, data in before.items()
                     if data != after[place] and self.disk.contents(place)[-1] == after[place]}
            if holes:
                return holes
        return None


class Check:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.device, path = args.device.split(':')
        self.image = Image(self.device, path)
        self.kernel = KernelLog(self.device)
        self.rows = Rows(args.acknowledged)
        self.disks = []
        self.planted = None
        self.points = self.problems = self.found = 0
        self.counts = []
        self.tried = dict.fromkeys([*STATES, 'planted'], 0)
        self.differed = 0
        self.began = time.monotonic()

    # What the replica may hold: {sector: contents} in place of what is durable.

    def done(self, disk):
        outcome = {}
        for place, entries in disk.cached.items():
            under_way = disk.under_way.get(place, ())
            completed = [data for number, data in entries if number not in under_way]
            if completed:
                outcome[place] = completed[-1]
        return outcome

    def some(self, disk):
        share = self.random.random()
        kept = {}
        outcome = {}
        for place, entries in disk.cached.items():
            for number, data in entries:
                if kept.setdefault((number, place // PIECE), self.random.random() < share):
                    outcome[place] = data
        return outcome

    def missing_one(self, disk):
        holes = self.planted.missing(self.random)
        return holes and self.done(disk) | holes

    # One state.

    def read_all(self):
        for place, _, names in os.walk(self.args.dir):
            for name in names:
                path = os.path.join(place, name)
                if not os.path.islink(path) and os.path.isfile(path):
                    with open(path, 'rb') as file:
                        while file.read(1 << 20):
                            pass

    def contents(self):
        """Return: the number of rows, or None, and what is wrong with files and rows."""
        wrong = []
        count = None
        if self.args.files:
            wrong.append(file_check(self.args.dir))
        if self.args.rows:
            count, text = row_check(os.path.join(self.args.dir, self.args.rows))
            wrong.append(text)
        self.read_all()
        return count, [text for text in wrong if text]

    def fsck(self):
        done = subprocess.run([*FSCK[self.args.fstype], self.device], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if not done.returncode:
            return []
        lines = [line for line in (done.stderr + done.stdout).splitlines()
                 if line and not re.match(PHASES, line)]
        return [f'{FSCK[self.args.fstype][0]}: {done.returncode}', *lines[:4]]

    def recover(self):
        count, wrong = None, []
        try:
            with Mount(self.args.fstype, self.device, self.args.dir):
                count, wrong = self.contents()
        except (OSError, ValueError) as error:
            wrong.append(f'{type(error).__name__}: {error}')
        wrong += self.kernel.complaints()
        return count, wrong + self.fsck()

    def attempt(self, state, outcome):
        """Return: the number of rows, or None, and all that is wrong."""
        disk = self.disks[self.args.leg]
        before = disk.overlay(outcome)
        self.image.put(disk.durable)
        disk.overlay(before)
        self.tried[state] += 1
        return self.recover()

    def tell(self, event, state, wrong):
        self.problems += 1
        if self.problems <= SHOWN:
            for text in wrong[:SHOWN]:
                print(f'# event {event}, {state}: {text}')
            sys.stdout.flush()

    def keep(self, event, state, outcome):
        """What did not recover, as it was before."""
        if self.args.keep and self.problems <= SHOWN:
            disk = self.disks[self.args.leg]
            before = disk.overlay(outcome)
            with open(os.path.join(self.args.keep, f'event-{event}-{state}'), 'wb') as file:
                file.write(disk.durable)
            disk.overlay(before)

    def again(self, event, state, outcome):
        """It has failed. Does it fail each time, or is recovery itself a matter of chance?"""
        if self.problems <= SHOWN:
            _, wrong = self.attempt(state, outcome)
            print(f'# event {event}, {state}, once more: {"; ".join(wrong) or "nothing wrong"}')
            sys.stdout.flush()

    # The record.

    def point(self, event, ms, alone=False, all_of_them=None):
        disk = self.disks[self.args.leg]
        self.points += 1
        if self.args.plant:
            self.plant(event)
            return
        self.differed += bool(disk.cached)
        states = {'durable': {}}
        if disk.cached:
            states |= {'done': self.done(disk), 'some': self.some(disk)}
        if alone:
            states = dict([self.random.choice([*states.items()])])
        for state, outcome in states.items():
            count, wrong = self.attempt(state, outcome)
            failed = bool(wrong)
            if count is not None and not wrong:
                self.counts.append(count)
                # All three are the same when nothing is in doubt.
                for name in [state] if disk.cached else STATES:
                    wrong += self.rows.judge(name, count, ms, all_of_them)
            if wrong:
                self.tell(event, state, wrong)
                self.keep(event, state, outcome)
            if failed:
                self.again(event, state, outcome)
        self.rows.end_point()

    def plant(self, event):
        outcome = self.missing_one(self.disks[self.args.leg])
        if not outcome:
            return
        _, wrong = self.attempt('planted', outcome)
        if wrong:
            self.found += 1
            if self.found <= SHOWN:
                print(f'# event {event}, planted and found: {wrong[0]}')

    def choose(self):
        """{number of an event after which to look: is one state enough?}"""
        ordered = False
        writes, flushes, marks = [], [], []
        seen = 0
        for number, (kind, disk, _, _, _, _, data) in enumerate(records(self.args.log)):
            if kind == MARK:
                marks.append(number)
                if data in (b'mark ordered', b'mark unordered'):
                    ordered = data == b'mark ordered'
            elif ordered and disk == self.args.leg:
                if kind == WRITE:
                    seen += 1
                    if seen % self.args.every == 0:
                        writes.append(number)
                elif kind == FLUSHED:
                    # Before it: what it makes durable is in doubt. The next one sees it after.
                    flushes.append(number - 1)
        print(f'points_of_writes={len(writes)}\npoints_of_flushes={len(flushes)}')
        share = random.Random(self.args.seed).random()
        chosen = dict.fromkeys(spread(flushes, self.args.points, share), True)
        chosen |= dict.fromkeys(writes, False)
        part, parts = (int(word) for word in self.args.part.split('/'))
        return {number: chosen[number] for number in sorted(set(chosen) - set(marks))[part::parts]}

    def marked(self, text, event, ms):
        words = text.split()
        if words[0] == 'sizes':
            self.disks = [Disk(int(word)) for word in words[1:]]
            self.planted = Planted(self.disks[self.args.leg])
        elif words[:2] == ['mark', 'ordered']:
            self.rows.forget()
        elif words[:2] == ['mark', 'clock']:
            self.rows.set_clock(float(words[2]), ms)
        elif words[:2] == ['mark', 'drained']:
            self.point(event, ms, all_of_them=int(words[2]) if self.args.rows else None)

    def one(self, number, event):
        kind, disk, _, _, sector, ms, data = event
        if kind == MARK:
            self.marked(data.decode(), number, ms)
        elif disk == self.args.leg:
            if kind == WRITE and self.args.plant:
                self.planted.came(sector, data)
            apply(self.disks, event)

    def run(self):
        chosen = self.choose()
        for number, event in enumerate(records(self.args.log)):
            self.one(number, event)
            if number in chosen:
                self.point(number, event[5], chosen[number])
                if time.monotonic() - self.began > self.args.seconds:
                    self.tell(number, 'the end', ['out of time'])
                    return

    def verdict(self):
        """Print it. Return: exit status."""
        print(f'points={self.points}\npoints_with_cache={self.differed}')
        print('states=' + ','.join(f'{name}:{n}' for name, n in self.tried.items() if n))
        print(f'seconds={time.monotonic() - self.began:.0f}')
        if self.counts:
            print(f'rows={min(self.counts)}..{max(self.counts)}\nrows_behind={self.rows.behind}')
        if self.args.plant:
            print(f'planted={self.tried["planted"]}\nfound={self.found}')
            return not 0 < self.tried['planted'] <= self.found * self.args.plant
        print(f'problems={self.problems}')
        return self.problems > 0 or not self.points


def spread(numbers, wanted, share):
    """So many of them, evenly, the first one so far into the first step; all if that is 0."""
    if not wanted or len(numbers) <= wanted:
        return numbers
    return [numbers[int((index + share) * len(numbers) / wanted)] for index in range(wanted)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--points', type=int, default=0, help='flushes, at most; 0 is all of them')
    parser.add_argument('--every', type=int, default=50, help='writes')
    parser.add_argument('--part', default='0/1', help='do only each so many-th of them')
    parser.add_argument('--leg', type=int, default=REPLICA, help='0 for the origin')
    parser.add_argument('--files', action='store_true')
    parser.add_argument('--rows', help='name of the database')
    parser.add_argument('--acknowledged', help='the log of row_writer.py')
    parser.add_argument('--plant', type=int, default=0, help='one of how many is to be found')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--seconds', type=int, default=3600)
    parser.add_argument('--keep', help='a directory for what did not recover')
    parser.add_argument('log')
    parser.add_argument('fstype', choices=FSCK)
    parser.add_argument('device')
    parser.add_argument('dir')
    check = Check(parser.parse_args())
    check.run()
    sys.exit(check.verdict())


main()
