#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""order_check.py [--strict] [--limit N] LOG WRITERLOG | --selftest

Proves that the replica was never without a write that the application had been told of, when
it had a later one. LOG is of crash_disks.py, WRITERLOG of order_writer.py, and B follows A
when the writer's log has the end of A before the beginning of B. After each event of the
record, whatever the replica may hold then is looked at, all of it at once:

- without a cut: what is completed is there, what is under way is there or not, sector by
  sector. If B follows A, and any sector of B may be there, all of A is.
- after a power cut: what is durable, or instead any later contents that were not flushed,
  sector by sector. If B follows a flush that follows A, or A was FUA and B follows it, and
  any sector of B may be there, all of A is.

"A is there" in a sector that holds A, or what does not precede A: a write at the same time,
or a later one. Sectors are lost by themselves, so a sector that may lack A and another one
that may hold B are a state that the promise excludes, and no such pair is the proof that
there is none. A pair in one sector is none: it holds one of them.

How all pairs are seen at little cost: positions are lines of the writer's log. Each sector
has a due position, the end of the first write (or of its first flush) that it may lack, and
a bound, the beginning of the last one that it may hold. The promise is kept when no due
position is before the bound of another sector, and heaps have the lowest and the highest.
What a sector may lack when it holds C are the writes to it that begin after the end of C:
one search in a table of the writer's log.

Order is promised from a mark "ordered" to the next mark "unordered". After the former what
the replica holds is nobody's fault, and only later writes may not be there too early; with
--strict the state at that moment is judged, too.

Prints NAME=VALUE lines. Exits with 1 when the promise was broken, and also when it could not
have been: when no write came to the replica that lacked one which the application had been
told of, as is known when a follower of it was seen on a disk."""
import argparse
import bisect
import heapq
import io
import math
import os
import struct
import sys
import tempfile

from crash_model import (DONE, FLUSH, FLUSHED, FUA, LOST, MARK, ORIGIN, REPLICA, SECTOR, WRITE,
                         Disk, records, write_record)

STAMP = struct.Struct('<QQQ')
NEVER = math.inf
NOTHING = 0         # the contents at the beginning


class Writes:
    """The writer's log: what follows what."""

    def __init__(self, path):
        self.submitted = {NOTHING: -1}
        self.ended = {NOTHING: -1}
        self.ranges = {}
        self.fua = set()
        self.flushes = {}
        self.flush_ended = {}
        with open(path, encoding='ascii') as file:
            for position, line in enumerate(file):
                self.line(position, line.split())
        self.settled = self.find_settled()
        self.sectors = {}
        for number in sorted(self.ranges, key=self.submitted.get):
            for sector in self.ranges[number]:
                self.sectors.setdefault(sector, []).append(number)
        # Of each sector: where its writes begin, and for both promises the lowest due
        # position of each of them and all that begin later, with the write's number.
        self.begins = {sector: [self.submitted[number] for number in numbers]
                       for sector, numbers in self.sectors.items()}
        self.dues = [self.lowest(position) for position in (self.ended, self.settled)]

    def line(self, position, words):
        number = int(words[1])
        if words[0] == 'S':
            first, count, fua = map(int, words[2:])
            self.submitted[number] = position
            self.ended[number] = NEVER
            self.ranges[number] = range(first, first + count)
            if fua:
                self.fua.add(number)
        elif words[0] == 'A':
            self.ended[number] = position
        elif words[0] == 'FS':
            self.flushes[number] = position
        elif words[0] == 'FA':
            self.flush_ended[number] = position

    def find_settled(self):
        """For each write the position from which on it is promised to survive a cut."""
        begins, ends = [], []
        end = NEVER
        for number, begin in sorted(self.flushes.items(), key=lambda item: -item[1]):
            end = min(end, self.flush_ended.get(number, NEVER))
            begins.append(begin)
            ends.append(end)
        begins.reverse()
        ends.reverse()
        settled = {}
        for number, ended in self.ended.items():
            index = bisect.bisect_right(begins, ended)
            flushed = ends[index] if index < len(ends) else NEVER
            settled[number] = ended if number in self.fua else flushed
        return settled

    def lowest(self, position):
        dues = {}
        for sector, numbers in self.sectors.items():
            due = (NEVER, NOTHING)
            dues[sector] = column = [due]
            for number in reversed(numbers):
                due = min(due, (position[number], number))
                column.append(due)
            column.reverse()
        return dues

    def due(self, kind, sector, number):
        """What the sector lacks when it holds this write: the first end, and whose it is."""
        begins = self.begins.get(sector)
        if not begins:
            return NEVER, NOTHING
        return self.dues[kind][sector][bisect.bisect_right(begins, self.ended[number])]


class Extreme:
    """The lowest key of all sectors, while they change."""

    def __init__(self):
        self.keys = {}
        self.heap = []

    def set(self, sector, key):
        if self.keys.get(sector) != key:
            self.keys[sector] = key
            heapq.heappush(self.heap, (key, sector))

    def first(self):
        while self.heap:
            key, sector = self.heap[0]
            if self.keys[sector] == key:
                return key, sector
            heapq.heappop(self.heap)
        return None

    def both(self):
        """The lowest, and the lowest of another sector."""
        first = self.first()
        if not first:
            return None, None
        heapq.heappop(self.heap)
        second = self.first()
        # An old entry for the same sector may be valid again.
        while second and second[1] == first[1]:
            heapq.heappop(self.heap)
            second = self.first()
        heapq.heappush(self.heap, first)
        return first, second


class State:
    """What the replica may hold, without a cut (kind 0) or after one (kind 1)."""

    NAMES = ('without a cut', 'after a cut')

    def __init__(self, kind, size, limit, writes):
        self.kind = kind
        self.name = self.NAMES[kind]
        self.disk = Disk(size)
        self.limit = limit
        self.writes = writes
        self.fresh = None
        self.clear()

    def clear(self):
        self.due = Extreme()
        self.bound = Extreme()

    def begin(self, strict):
        """Order is promised from here on."""
        self.clear()
        self.fresh = None if strict else set()
        for sector in range(self.limit):
            self.update(sector)

    def apply(self, event):
        """Return: the sectors that changed."""
        kind, _, flags, number, sector, _, data = event
        disk = self.disk
        if kind == WRITE:
            return disk.write(number, sector, data)
        if kind == DONE:
            return disk.finish(number, self.kind == 0 or flags & FUA)
        if self.kind and kind == FLUSH:
            disk.flush(number)
        elif self.kind and kind == FLUSHED:
            return disk.flushed(number)
        return ()

    def update(self, sector):
        due, bound = (NEVER, NOTHING), (-1, NOTHING)
        for data in self.disk.contents(sector):
            number, = struct.unpack_from('<Q', data)
            if number not in self.writes.ranges:
                number = NOTHING
            due = min(due, self.writes.due(self.kind, sector, number))
            if self.fresh is None or number in self.fresh:
                bound = max(bound, (self.writes.submitted[number], number))
        self.due.set(sector, due)
        self.bound.set(sector, (-bound[0], bound[1]))

    def lacks_before(self, position):
        """May it lack a write that is due there?"""
        first = self.due.first()
        return first and first[0][0] < position

    def broken(self):
        """A write that may be missing, its sector, and one that may be there; or None."""
        lacking, lacking2 = self.due.both()
        holding, holding2 = self.bound.both()
        for a, b in ((lacking, holding), (lacking2, holding), (lacking, holding2)):
            if a and b and a[1] != b[1] and a[0][0] < -b[0][0]:
                return a[0][1], a[1], b[0][1]
        return None


class Backlog:
    """Writes that the application was told of, as is known by now, and not on the replica."""

    def __init__(self, writes):
        self.writes = writes
        self.order = sorted((end, number) for number, end in writes.ended.items()
                            if number and end is not NEVER)
        self.known = 0
        self.missing = {number: len(places) for number, places in writes.ranges.items()}
        self.waiting = set()
        self.requests = {}
        self.most = 0

    def told(self, position):
        while self.known < len(self.order) and self.order[self.known][0] < position:
            number = self.order[self.known][1]
            if self.missing[number] > 0:
                self.waiting.add(number)
            self.known += 1
        self.most = max(self.most, len(self.waiting))

    def sent(self, request, numbers):
        self.requests[request] = numbers

    def landed(self, request):
        for number in self.requests.pop(request, ()):
            if number:
                self.missing[number] -= 1
                if not self.missing[number]:
                    self.waiting.discard(number)

    def clear(self):
        self.waiting.clear()


class Checker:
    def __init__(self, args, writes):
        self.args = args
        self.writes = writes
        self.states = []
        self.limit = 0
        self.backlog = Backlog(writes)
        self.ordered = False
        self.seen = -1
        self.event = 0
        self.mark = ''
        self.kinds = {WRITE: 0, FLUSH: 0}
        self.told = 0
        self.pairs = [set(), set()]
        self.tested = [0, 0]
        self.foreign = 0

    def start(self, sizes):
        self.limit = sizes[ORIGIN]
        self.states = [State(kind, sizes[REPLICA], self.limit, self.writes) for kind in (0, 1)]

    def tell(self, text):
        self.told += 1
        if self.told <= self.args.limit:
            print(f'# event {self.event} ({self.mark}): {text}')

    def marked(self, text):
        if text.startswith('sizes '):
            self.start([int(word) for word in text.split()[1:]])
        self.mark = text
        if text == 'mark unordered':
            self.ordered = False
        elif text == 'mark ordered':
            self.ordered = True
            self.backlog.clear()
            for state in self.states:
                state.begin(self.args.strict)
                if self.args.strict:
                    self.check(state)

    def stamps(self, event):
        """The writes that a request brings; NOTHING where it brings none."""
        _, disk, _, _, first, _, data = event
        numbers = []
        for index in range(min(len(data) // SECTOR, self.limit - first)):
            number, place, run = STAMP.unpack_from(data, index * SECTOR)
            if (number or place or run) and not (
                    place == first + index in self.writes.ranges.get(number, ())
                    and run == self.args.run):
                self.foreign += 1
                self.tell(f'disk {disk} gets in sector {first + index} what was never written '
                          f'there: write {number}, sector {place}, run {run}')
                number = NOTHING
            numbers.append(number)
        return numbers

    def came(self, event):
        """A request with data, to the origin or the replica."""
        _, disk, _, request, *_ = event
        numbers = self.stamps(event)
        self.seen = max([self.seen] + [self.writes.submitted[number] for number in set(numbers)])
        self.backlog.told(self.seen)
        if disk == REPLICA:
            self.kinds[WRITE] += 1
            self.backlog.sent(request, numbers)
            for state in self.states:
                if state.fresh is not None:
                    state.fresh.update(numbers)
                self.tested[state.kind] += bool(self.ordered and state.lacks_before(self.seen))

    def check(self, state):
        found = state.broken()
        if not found:
            return
        missing, sector, there = found
        if (missing, there) in self.pairs[state.kind]:
            return
        self.pairs[state.kind].add((missing, there))
        due = (self.writes.ended, self.writes.settled)[state.kind][missing] + 1
        begin = self.writes.submitted[there] + 1
        self.tell(f'{state.name} the replica may have write {there}, which begins at line '
                  f'{begin}, and lack write {missing}, due at line {due}, in sector {sector}')

    def one(self, event):
        kind, disk, _, request, _, _, data = event
        self.event += 1
        if kind == MARK:
            self.marked(data.decode())
            return
        if kind == WRITE and disk in (ORIGIN, REPLICA):
            self.came(event)
        if disk != REPLICA:
            return
        if kind == LOST:
            self.lost(event)
            return
        self.kinds[FLUSH] += kind == FLUSH
        if kind == DONE:
            self.backlog.landed(request)
        for state in self.states:
            changed = state.apply(event)
            if not self.ordered:
                continue
            for sector in changed:
                if sector < self.limit:
                    state.update(sector)
            if kind == WRITE:
                self.check(state)

    def lost(self, event):
        """The power went, and one of the states after a cut is what is there now."""
        calm, cut = self.states
        data, step = event[6], 4 + SECTOR
        cut.disk.lose({struct.unpack_from('<I', data, at)[0]: data[at + 4:at + step]
                       for at in range(0, len(data), step)})
        calm.disk.lose({})
        calm.disk.durable[:] = cut.disk.durable
        if self.ordered:
            for state in self.states:
                for sector in range(self.limit):
                    state.update(sector)

    def report(self):
        print(f'events={self.event}')
        print(f'writes={len(self.writes.ranges)}')
        print(f'flushes={len(self.writes.flushes)}')
        print(f'replica_writes={self.kinds[WRITE]}')
        print(f'replica_flushes={self.kinds[FLUSH]}')
        print(f'overlaps={self.states[0].disk.overlaps if self.states else 0}')
        print(f'problems={self.problems()}')
        print(f'problems_without_cut={len(self.pairs[0])}')
        print(f'problems_after_cut={len(self.pairs[1])}')
        print(f'foreign={self.foreign}')
        print(f'largest_backlog={self.backlog.most}')
        print(f'tested_without_cut={self.tested[0]}')
        print(f'tested_after_cut={self.tested[1]}')

    def problems(self):
        return len(self.pairs[0]) + len(self.pairs[1]) + self.foreign

    def verdict(self):
        self.report()
        if not all(self.tested):
            print('# nothing was tested: no write came before one that it may not precede')
        return self.problems() > 0 or not all(self.tested)


def check(args):
    checker = Checker(args, Writes(args.writerlog))
    for event in records(args.log):
        checker.one(event)
    return checker


class Fake:
    """A record and a writer's log, made by hand. Write 1 is the first one, and so on."""

    def __init__(self):
        self.log = io.BytesIO()
        self.lines = []
        self.ranges = {}
        self.number = 0
        self.mark('sizes 64 80 8')
        self.mark('mark ordered')

    def mark(self, text):
        write_record(self.log, MARK, data=text.encode())

    def says(self, *lines):
        """Lines of the writer: "S 1 0 8 0", "A 1"."""
        for line in lines:
            self.lines.append(line)
            words = line.split()
            if words[0] == 'S':
                self.ranges[int(words[1])] = int(words[2]), int(words[3])

    def told(self, number, *range_):
        """A write was submitted and acknowledged before anything else happened."""
        self.says(f'S {number} {" ".join(map(str, range_))}', f'A {number}')
        self.sends(ORIGIN, number)

    def sends(self, disk, number, run=1):
        first, count = self.ranges[number]
        data = b''.join(STAMP.pack(number, sector, run).ljust(SECTOR, b'.')
                        for sector in range(first, first + count))
        write_record(self.log, WRITE, disk, 0, number, first, 0, data)

    def gets(self, *numbers):
        for number in numbers:
            self.sends(REPLICA, number)

    def has(self, *numbers, flags=0):
        for number in numbers:
            write_record(self.log, DONE, REPLICA, flags, number)

    def got(self, *numbers):
        for number in numbers:
            self.gets(number)
            self.has(number)

    def flush(self, number):
        write_record(self.log, FLUSH, REPLICA, number=number)

    def flushed(self, number):
        write_record(self.log, FLUSHED, REPLICA, number=number)

    def loses(self):
        write_record(self.log, LOST, REPLICA)

    def judge(self, strict):
        """Return: a checker that has seen it."""
        with tempfile.TemporaryDirectory() as place:
            args = argparse.Namespace(log=os.path.join(place, 'log'), limit=0, run=1,
                                      writerlog=os.path.join(place, 'writer'), strict=strict)
            with open(args.log, 'wb') as file:
                file.write(self.log.getvalue())
            with open(args.writerlog, 'w', encoding='ascii') as file:
                file.write('\n'.join(self.lines) + '\n')
            return check(args)


# Each: what is done, and the problems that are there without a cut and after a cut.

def in_order(fake):
    fake.told(1, 0, 8, 0)
    fake.told(2, 8, 8, 0)
    fake.got(1, 2)
    return 0, 0


def too_early(fake):
    fake.told(1, 0, 8, 0)
    fake.told(2, 8, 8, 0)
    fake.got(2, 1)
    return 1, 0


def under_way(fake):
    """The earlier one has come, but may not be there yet."""
    fake.told(1, 0, 8, 0)
    fake.told(2, 8, 8, 0)
    fake.gets(1, 2)
    fake.has(1, 2)
    return 1, 0


def at_once(fake):
    """Neither follows the other, but the third follows both."""
    fake.says('S 1 0 8 0', 'S 2 8 8 0', 'A 2', 'A 1')
    fake.told(3, 16, 8, 0)
    fake.got(2, 1, 3)
    return 0, 0


def third_too_early(fake):
    fake.says('S 1 0 8 0', 'S 2 8 8 0', 'A 2', 'A 1')
    fake.told(3, 16, 8, 0)
    fake.got(2, 3, 1)
    return 1, 0


def never_told(fake):
    """One that has failed precedes nothing."""
    fake.says('S 1 0 8 0', 'E 1')
    fake.told(2, 8, 8, 0)
    fake.got(2)
    return 0, 0


def flush_not_waited_for(fake):
    fake.told(1, 0, 8, 0)
    fake.says('FS 9', 'FA 9')
    fake.told(2, 8, 8, 0)
    fake.got(1)
    fake.flush(9)
    fake.got(2)
    fake.flushed(9)
    return 0, 1


def flush_waited_for(fake):
    fake.told(1, 0, 8, 0)
    fake.says('FS 9', 'FA 9')
    fake.told(2, 8, 8, 0)
    fake.got(1)
    fake.flush(9)
    fake.flushed(9)
    fake.got(2)
    return 0, 0


def flush_too_early(fake):
    """The write had not ended when the disk got the flush."""
    fake.told(1, 0, 8, 0)
    fake.says('FS 9', 'FA 9')
    fake.told(2, 8, 8, 0)
    fake.gets(1)
    fake.flush(9)
    fake.has(1)
    fake.flushed(9)
    fake.got(2)
    return 0, 1


def flush_at_once(fake):
    """The write was submitted before the flush was acknowledged."""
    fake.told(1, 0, 8, 0)
    fake.says('FS 9')
    fake.told(2, 8, 8, 0)
    fake.says('FA 9')
    fake.got(1, 2)
    return 0, 0


def later_flush_ends_first(fake):
    fake.told(1, 0, 8, 0)
    fake.says('FS 8', 'FS 9', 'FA 9')
    fake.told(2, 8, 8, 0)
    fake.says('FA 8')
    fake.got(1, 2)
    return 0, 1


def fua(fake):
    fake.told(1, 0, 8, 1)
    fake.told(2, 8, 8, 0)
    fake.gets(1)
    fake.has(1, flags=FUA)
    fake.got(2)
    return 0, 0


def fua_lost(fake):
    fake.told(1, 0, 8, 1)
    fake.told(2, 8, 8, 0)
    fake.got(1, 2)
    return 0, 1


def overwritten(fake):
    """Where the second one is, the first one was. Both are durable, the third comes later."""
    fake.told(1, 0, 8, 0)
    fake.told(2, 4, 8, 1)
    fake.told(3, 20, 2, 0)
    fake.got(1)
    fake.gets(2)
    fake.has(2, flags=FUA)
    fake.got(3)
    return 0, 0


def overwritten_by_the_first(fake):
    """It comes last, so that the second one is not there when the third one is."""
    fake.told(1, 0, 8, 0)
    fake.told(2, 0, 8, 0)
    fake.told(3, 20, 2, 0)
    fake.got(1, 2)
    fake.gets(1)
    fake.gets(3)
    return 1, 0


def at_once_overwritten(fake):
    """Two that overlap and were submitted at once may be there in either order."""
    fake.says('S 1 0 8 0', 'S 2 4 8 0', 'A 1', 'A 2')
    fake.told(3, 20, 2, 0)
    fake.got(2, 1, 3)
    return 0, 0


def one_sector(fake):
    """Of two writes to one sector either is there; the latter comes while the former may not
    have. A follower of both may not come before it is clear which."""
    fake.told(1, 0, 1, 0)
    fake.told(2, 0, 1, 0)
    fake.gets(1, 2)
    fake.has(1, 2)
    return 0, 0


def one_sector_unclear(fake):
    one_sector(fake)
    fake.told(3, 20, 1, 0)
    fake.got(3)
    return 1, 0


def one_sector_clear(fake):
    """A later write to it settles it."""
    one_sector(fake)
    fake.told(3, 0, 1, 0)
    fake.told(4, 20, 1, 0)
    fake.got(3, 4)
    return 0, 0


def cache_lost(fake):
    """Nobody's fault without order, nor what was there when it begins again."""
    fake.told(1, 0, 8, 0)
    fake.told(2, 8, 8, 0)
    fake.mark('mark unordered')
    fake.got(2)
    fake.loses()
    fake.got(2, 1)
    fake.mark('mark ordered')
    fake.told(3, 16, 8, 0)
    fake.told(4, 24, 8, 0)
    fake.got(3, 4)
    return 0, 0


def lost_and_not_copied(fake):
    fake.told(1, 0, 8, 0)
    fake.told(2, 8, 8, 0)
    fake.got(1, 2)
    fake.mark('mark unordered')
    fake.loses()
    fake.mark('mark ordered')
    fake.told(3, 16, 8, 0)
    fake.got(3)
    return 1, 0


def foreign(fake):
    fake.told(1, 0, 8, 0)
    fake.sends(REPLICA, 1, run=2)
    return 0, 0


def early_at_mark(fake):
    """For --strict."""
    fake.told(1, 0, 8, 0)
    fake.told(2, 8, 8, 0)
    fake.mark('mark unordered')
    fake.got(2)
    fake.mark('mark ordered')
    fake.got(1)
    return 1, 0


def copied_by_both_legs(fake):
    """Nothing to be tested: who is told finds it on the replica."""
    for number, line in ((1, 'S 1 0 8 0'), (2, 'S 2 8 8 0')):
        fake.says(line)
        fake.sends(ORIGIN, number)
        fake.got(number)
        fake.says(f'A {number}')
    return 0, 0


CASES = (in_order, too_early, under_way, at_once, third_too_early, never_told,
         flush_not_waited_for, flush_waited_for, flush_too_early, flush_at_once,
         later_flush_ends_first, fua, fua_lost, overwritten, overwritten_by_the_first,
         at_once_overwritten, one_sector, one_sector_unclear, one_sector_clear, cache_lost,
         lost_and_not_copied)


def judge(make, strict=False):
    """Return: what should be found, what was found, and the checker."""
    fake = Fake()
    wanted = make(fake)
    checker = fake.judge(strict)
    return wanted, tuple(len(pairs) for pairs in checker.pairs), checker


def selftest():
    wrong = []
    for make in CASES:
        wanted, found, checker = judge(make)
        if wanted != found or checker.foreign:
            wrong.append(f'{make.__name__}: {found} problems, not {wanted}')
    _, found, checker = judge(early_at_mark)
    if found != (0, 0):
        wrong.append(f'early_at_mark: {found} problems without --strict')
    wanted, found, _ = judge(early_at_mark, True)
    if wanted != found:
        wrong.append(f'early_at_mark: {found} problems with --strict, not {wanted}')
    if not judge(foreign)[2].foreign:
        wrong.append('foreign: not seen')
    # Was it in doubt?
    for make, wanted in ((in_order, (True, False)), (flush_waited_for, (True, True)),
                         (copied_by_both_legs, (False, False))):
        tested = tuple(n > 0 for n in judge(make)[2].tested)
        if tested != wanted:
            wrong.append(f'{make.__name__}: tested {tested}, not {wanted}')
    for text in wrong:
        print(f'# {text}')
    print(f'cases={len(CASES) + 6}\nwrong={len(wrong)}')
    return bool(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--strict', action='store_true')
    parser.add_argument('--limit', type=int, default=20)
    parser.add_argument('--run', type=int, default=1, help='part of the stamp')
    parser.add_argument('--selftest', action='store_true')
    parser.add_argument('log', nargs='?')
    parser.add_argument('writerlog', nargs='?')
    args = parser.parse_args()
    if args.selftest:
        sys.exit(selftest())
    if not args.writerlog:
        parser.error('two logs are needed')
    sys.exit(check(args).verdict())


main()
