#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rounds.py WORK: cuts the power of a machine, and starts it again, many times.

WORK has what power_cut/run has put there: `qemu`, the arguments to start the machine with,
separated by zero bytes, and `share`, the directory that the machine sees as /mnt/share.

After each cut the disks are looked at as they are now, without any code of the module:
- regions in which the legs differ are dirty in the log on the meta device;
- all that the stamped writers had flushed is on both legs.
After the next start, when the module calls the legs synchronized:
- they are equal, byte by byte;
- what was copied is what the log called dirty, and nothing was written to another region;
- the origin was not written to.
"""
import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f'{HERE}/../helpers')
# pylint: disable=wrong-import-position
from crash_log import STATES, MetaLog, Superblock, bits_of  # noqa: E402
from crash_model import SECTOR  # noqa: E402
from disks import Medium, Server  # noqa: E402
import stamps  # noqa: E402

SECTORS = 64 << 11
REGION = 128
ACTIVITY = 512
META_SECTORS = 1024
BEHIND = 64             # sectors of the replica behind the mirrored ones, for a label
FIRST_STAMPED = 56 << 11
STEP = 0.02
# Shares of the cuts that come while the machine brings the replica up, and of those that
# come after a number of writes, not after a time.
EARLY, COUNTED = 0.2, 0.6
MOST_EARLY, MOST_COUNTED, MOST_SECONDS = 40, 3000, 3.0


class Trouble(Exception):
    """The machine cannot go on."""


class Off(Exception):
    """The power went."""


def expressions(name):
    with open(f'{HERE}/../vm/{name}', encoding='utf-8') as file:
        lines = [line.rstrip('\n') for line in file]
    return [re.compile(line) for line in lines if line and not line.startswith('#')]


class Machine:
    """QEMU, and the lines that the guest prints."""

    def __init__(self, work):
        self.work = work
        with open(f'{work}/qemu', encoding='utf-8') as file:
            self.command = ['qemu-system-x86_64'] + file.read().split('\0')[:-1]
        self.process = None
        self.place = 0
        self.bad, self.benign = expressions('bad-log'), expressions('benign-log')

    def path(self, name):
        return f'{self.work}/{name}'

    def start(self):
        for name in ('out', 'status', 'log', 'console'):
            with open(self.path(name), 'wb'):
                pass
        self.place = 0
        with open(self.path('qemu.err'), 'wb') as errors:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                            stdout=errors, stderr=errors)

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def ended(self):
        return self.process.poll() is not None

    def lines(self):
        """What has come since the last call, whole lines only."""
        with open(self.path('out'), 'rb') as file:
            file.seek(self.place)
            data = file.read()
        data = data[:data.rfind(b'\n') + 1]
        self.place += len(data)
        return data.decode(errors='replace').splitlines()

    def read(self, name):
        with open(self.path(name), encoding='utf-8', errors='replace') as file:
            return file.read().replace('\r', '')

    def bad_lines(self):
        """Of the kernel log since the module was loaded, as far as the console shows it."""
        text = self.read('console').rpartition('dm-replica-vm: mark')[2]
        return [line for line in text.splitlines() if any(e.search(line) for e in self.bad)
                and not any(e.search(line) for e in self.benign)]

    def came_up(self):
        """Did it get as far as the module?"""
        return 'dm-replica-vm: mark' in self.read('console')

    def tail(self):
        """For the report of a machine in trouble."""
        text = self.read('qemu.err') + self.read('console') + self.read('out')
        return text.splitlines()[-40:]


class Stamped:
    """What the stamped writers know to be durable."""

    def __init__(self):
        self.required = {}
        self.said = {}

    def durable(self, worker, index):
        self.said[worker] = index

    def settle(self, number):
        """The round is over: what was said about it holds from now on."""
        for worker, last in self.said.items():
            for index, (sector, count) in enumerate(stamps.places(number, worker), 1):
                if index > last:
                    break
                for place in range(sector, sector + count):
                    self.required[FIRST_STAMPED + place] = stamps.full_number(number, index)
        self.said = {}

    def missing(self, data):
        """Sectors that are older than what was flushed, or something else."""
        found = []
        for sector, number in self.required.items():
            stamp = stamps.read_stamp(data[sector * SECTOR:sector * SECTOR + 24])
            if not stamp or stamp[1] != sector or stamp[0] < number:
                found.append(sector)
        return found


def differing(origin, replica):
    """Regions in which two images differ, as a mask."""
    mask = 0
    a, b = memoryview(origin), memoryview(replica)
    for place in range(0, SECTORS * SECTOR, 64 * REGION * SECTOR):
        if a[place:place + 64 * REGION * SECTOR] == b[place:place + 64 * REGION * SECTOR]:
            continue
        for at in range(place, place + 64 * REGION * SECTOR, REGION * SECTOR):
            if a[at:at + REGION * SECTOR] != b[at:at + REGION * SECTOR]:
                mask |= 1 << at // (REGION * SECTOR)
    return mask


def some(mask):
    regions = list(bits_of(mask))
    return f'{len(regions)}: {regions[:8]}'


class Rounds:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.machine = Machine(args.work)
        self.origin = self.replica = self.meta = self.witness = None
        self.server = None
        self.stamped = None
        self.problems = []
        self.dirty = 0          # mask, by the log as it was after the last cut
        self.countdown = None
        self.loaded = False
        self.fresh = True
        self.cases = self.failed = 0
        self.totals = dict.fromkeys(('unflushed', 'lost', 'dirty', 'differed', 'copied', 'early'), 0)
        self.kept = {'flushed': 0, 'flushed_there': 0, 'unflushed': 0, 'unflushed_there': 0}
        self.previous = '-'
        self.told = {}
        self.reported = False
        self.starts = 0

    # Output.

    @staticmethod
    def say(text):
        print(f'# {text}', flush=True)

    def problem(self, text):
        self.problems.append(text)

    def case(self, name):
        self.cases += 1
        for problem in self.problems:
            self.say(f'FAIL: {problem}')
        self.failed += bool(self.problems)
        print(f'{"not ok" if self.problems else "ok"} {self.cases} {name}', flush=True)
        if self.problems and self.args.keep:
            self.keep()
        self.problems = []

    def keep(self):
        folder = f'{self.args.keep}/{self.cases}'
        os.makedirs(folder, exist_ok=True)
        for medium in self.media():
            with open(f'{folder}/{medium.name}', 'wb') as file:
                file.write(medium.live)
        for name in ('out', 'console', 'log', 'status'):
            shutil.copy(self.machine.path(name), folder)

    # The disks.

    def media(self):
        return self.origin, self.replica, self.meta, self.witness

    def new_disks(self):
        self.origin = Medium('disk0', SECTORS)
        self.replica = Medium('disk1', SECTORS + BEHIND)
        self.meta = Medium('disk2', META_SECTORS)
        self.witness = Medium('disk3', 2 * stamps.HALF)
        if self.server:
            self.server.remove()
        self.server = Server(self.machine.path('disks'), self.media())
        self.server.on_write = self.count
        self.stamped = Stamped()
        self.fresh = True
        self.previous = '-'

    def count(self, medium):
        """Is this the write at which the power goes?"""
        if medium is self.witness or self.countdown is None:
            return False
        self.countdown -= 1
        return self.countdown < 0

    # The machine.

    def step(self):
        self.server.serve(STEP)
        for line in self.machine.lines():
            word, _, rest = line.partition(' ')
            handler = getattr(self, f'said_{word}', None)
            if handler:
                handler(rest)
            elif word == 'failed:':
                raise Trouble(rest)
            else:
                self.say(f'guest: {line}')
        if self.server.off:
            raise Off
        if self.machine.ended():
            self.ended()

    def ended(self):
        """Now and then an emulated machine ends as soon as it is started. No fault of ours."""
        if self.machine.came_up() or not self.starts:
            raise Trouble(f'the machine has ended with {self.machine.process.returncode}')
        self.starts -= 1
        self.say('the machine did not come up: once more')
        self.server.stop()
        self.server.start()
        self.machine.start()

    def until(self, seconds, what, true):
        end = time.monotonic() + seconds * self.args.patience
        while not true():
            if time.monotonic() > end:
                raise Trouble(f'waited in vain for {what}')
            self.step()

    def said_durable(self, rest):
        worker, index = map(int, rest.split())
        self.stamped.durable(worker, index)

    def said_dirty(self, rest):
        self.told['dirty'] = int(rest)

    def said_status(self, rest):
        self.told['status'] = dict(word.split('=', 1) for word in rest.split() if '=' in word)

    def said_witness(self, rest):
        if rest == 'written':
            self.told['witness'] = True
            return
        flushed, unflushed = map(int, rest.split())
        self.previous = '-'
        self.kept['flushed'] += stamps.HALF
        self.kept['unflushed'] += stamps.HALF
        self.kept['flushed_there'] += flushed
        self.kept['unflushed_there'] += unflushed
        if flushed != stamps.HALF:
            self.problem(f'{stamps.HALF - flushed} sectors of the witness were flushed and are gone')

    def orders(self, number, last):
        orders = {'round': number, 'mode': self.args.mode,
                  'create': 'yes' if self.fresh else 'no',
                  'previous': self.previous, 'last': 'yes' if last else 'no',
                  'region': REGION * SECTOR, 'activity': ACTIVITY, 'first': FIRST_STAMPED}
        share = self.machine.path('share')
        with open(f'{share}/orders', 'w', encoding='utf-8') as file:
            file.writelines(f'{key}={value}\n' for key, value in orders.items())
        if os.path.exists(f'{share}/go'):
            os.unlink(f'{share}/go')

    def start(self, number, last):
        self.told = {}
        self.loaded = self.reported = False
        self.countdown = None
        self.starts = 3
        self.orders(number, last)
        if not last and not self.fresh and self.random.random() < EARLY:
            self.countdown = self.random.randrange(MOST_EARLY)
        self.server.start()
        self.machine.start()

    # One round.

    def come_up(self):
        """The machine starts, and the legs are brought in step."""
        self.until(300, 'the legs to be in step', lambda: 'status' in self.told)
        self.countdown = None
        self.judge_start()
        self.fresh = False

    def judge_start(self):
        status = self.told['status']
        copied = int(status['resync_bytes'])
        self.totals['copied'] += copied
        if self.fresh:
            wanted = SECTORS * SECTOR
        else:
            wanted = bin(self.dirty).count('1') * REGION * SECTOR
            if self.told.get('dirty') != wanted:
                self.problem(f'scan tells of {self.told.get("dirty")} dirty bytes, the log of {wanted}')
            self.judge_written()
        if copied != wanted:
            self.problem(f'{copied} bytes were copied, {wanted} were dirty')
        mask = differing(self.origin.live, self.replica.live)
        if mask:
            self.problem(f'synchronized, and the legs differ in regions {some(mask)}')
        for medium in (self.origin, self.replica):
            missing = self.stamped.missing(medium.live)
            if missing:
                self.problem(f'{medium.name} lacks {len(missing)} flushed sectors after the resync')

    def judge_written(self):
        """Nothing but what was dirty may have been written to so far."""
        mask = 0
        for region in {sector // REGION for sector in self.replica.written if sector < SECTORS}:
            mask |= 1 << region
        if mask & ~self.dirty:
            self.problem(f'clean regions were copied, {some(mask & ~self.dirty)}')
        if self.origin.written:
            self.problem(f'the origin was written to, {len(self.origin.written)} sectors')

    def put_load(self, number):
        """The load runs until the power goes."""
        with open(f'{self.machine.path("share")}/go', 'wb'):
            pass
        self.until(120, 'the witness', lambda: 'witness' in self.told)
        self.loaded = True
        self.previous = number
        for medium in self.media():
            medium.begin()
        self.until(120, 'fio to write', self.fio_writes)
        if self.random.random() < COUNTED:
            # As many small numbers as great ones.
            self.countdown = int(MOST_COUNTED ** self.random.random())
            self.until(120, 'the writes to come', lambda: False)
        end = time.monotonic() + self.random.random() * MOST_SECONDS
        while time.monotonic() < end:
            self.step()
        self.server.off = True

    def fio_writes(self):
        return any(sector < FIRST_STAMPED for sector in self.origin.written)

    def cut(self, number):
        """The power is off; see what is left."""
        self.server.stop()
        self.machine.kill()
        for line in self.machine.lines():
            if line.startswith('durable '):
                self.said_durable(line[8:])
            elif line.startswith('failed:'):
                self.problem(line)
        for line in self.machine.bad_lines()[:5]:
            self.problem(f'kernel log: {line}')
        self.stamped.settle(number)
        if not self.loaded:
            self.judge_written()
        figures = [medium.cut(self.random) for medium in self.media()[:3]]
        self.witness.cut(self.random)
        unflushed, lost = (sum(figure[n] for figure in figures) for n in range(2))
        self.totals['unflushed'] += unflushed
        self.totals['lost'] += lost
        return f'{unflushed} sectors were not flushed, {lost} of them are lost'

    def judge_cut(self, said):
        """What is on the disks now, by itself."""
        log = MetaLog([medium.settled() for medium in self.media()[:3]], False)
        sb, = log.choices()
        if not isinstance(sb, Superblock):
            self.problem('there is no superblock')
            return
        for word in log.kinships() - {'same'}:
            self.problem(f'an activation would find "{word}": {sb}')
        self.dirty = log.dirty() & sb.all
        mask = differing(self.origin.live, self.replica.live)
        if mask & ~self.dirty:
            self.problem(f'legs differ and are clean in regions {some(mask & ~self.dirty)}; {sb}')
        # While a resync runs the replica may lack what the origin has.
        # And in mode async, what is in the queue.
        both = self.loaded and self.args.mode == 'sync'
        for medium in (self.origin, self.replica) if both else (self.origin,):
            missing = self.stamped.missing(medium.live)
            if missing:
                self.problem(f'{medium.name} lacks {len(missing)} flushed sectors: {missing[:8]}')
        self.totals['dirty'] += bin(self.dirty).count('1')
        self.totals['differed'] += bin(mask).count('1')
        self.say(f'cut: {said}; {STATES.get(sb.state, sb.state)}, '
                 f'{bin(self.dirty).count("1")} regions dirty, {bin(mask).count("1")} differ, '
                 f'{len(self.stamped.required)} stamped sectors have to be there')

    def in_trouble(self, error):
        self.problem(str(error))
        for line in self.machine.tail():
            self.say(line)

    def one(self, number):
        """From a start of the machine to the next cut."""
        self.start(number, last=False)
        name = f'cut {number}'
        try:
            self.come_up()
            self.report(number, name)
            self.put_load(number)
        except Off:
            pass
        said = self.cut(number)
        if not self.loaded:
            self.totals['early'] += 1
            name += ', and again while it came up'
        self.report(number, name)
        self.judge_cut(said)

    def report(self, number, name):
        """Once for each cut; there was none before the first start."""
        if number and not self.reported:
            self.case(name)
        self.reported = True

    def rounds(self):
        """Each case is about a cut and the start after it."""
        self.new_disks()
        for number in range(self.args.rounds):
            began = time.monotonic()
            try:
                self.one(number)
            except Trouble as error:
                self.in_trouble(error)
                self.server.stop()
                self.machine.kill()
                self.report(number, f'cut {number}')
                self.problem('the machine before it did not get as far')
                self.new_disks()
            self.say(f'{time.monotonic() - began:.1f} s')

    def has_ended(self):
        return 'end' in self.machine.read('status').split('\n')

    def end(self):
        """After the last cut the machine ends in order."""
        number = self.args.rounds
        self.start(number, last=True)
        try:
            self.come_up()
            self.report(number, f'cut {number}')
            self.until(120, 'the machine to end', self.has_ended)
        except Trouble as error:
            if not self.has_ended():
                self.in_trouble(error)
        self.report(number, f'cut {number}')
        for line in self.machine.read('status').splitlines():
            if line.startswith('fail ') or (line.startswith('status ') and line != 'status 0'):
                self.problem(line)
        if not self.has_ended():
            self.problem('the machine did not end in order')
        self.case('the machine ends in order after the last one')

    def caches(self):
        """The test itself: was anything lost?"""
        kept = self.kept
        self.say(f'witness: of {kept["flushed"]} flushed sectors {kept["flushed_there"]} are there, '
                 f'of {kept["unflushed"]} unflushed ones {kept["unflushed_there"]}')
        if not kept['flushed'] or kept['flushed'] != kept['flushed_there']:
            self.problem('what was flushed is gone')
        if kept['unflushed_there'] > 0.9 * kept['unflushed']:
            self.problem('what was not flushed is there: the caches are not lost')
        self.case('what was flushed is there, what was not is lost')
        self.say(' '.join(f'{key}={value}' for key, value in self.totals.items()))
        if not self.totals['lost'] or not self.totals['differed']:
            self.problem('no cut made the legs differ: this proves nothing')
        if self.totals['dirty'] >= self.args.rounds * SECTORS // REGION:
            self.problem('everything was dirty all the time')
        self.case('the cuts made the legs differ')

    def run(self):
        print(f'KTAP version 1\n1..{self.args.rounds + 3}', flush=True)
        self.say(f'seed {self.args.seed}')
        try:
            self.rounds()
            self.end()
            self.caches()
        finally:
            self.machine.kill()
            self.server.remove()
        self.say(f'{self.cases - self.failed} passed, {self.failed} failed')
        return 1 if self.failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int, default=25)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--mode', choices=['sync', 'async'], default='sync')
    parser.add_argument('--keep', help='leave disks and logs of failed rounds there')
    parser.add_argument('work')
    args = parser.parse_args()
    args.patience = max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(Rounds(args).run())


main()
