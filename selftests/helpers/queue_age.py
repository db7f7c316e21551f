#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""queue_age.py TRACE MIRROR REPLICA | --selftest

How old writes were when they came to the replica, as the block layer saw it. TRACE is ftrace's
text, with the events block_bio_queue, block_bio_complete and dm_replica_state; MIRROR and REPLICA
are the numbers (MAJOR:MINOR) of the mirror and of what it has for a replica. Each place may be
written to once.

A line "since" written to trace_marker begins it all: writes before the last of them do not count.

What counts are writes of which the application was told before the replica had them. They are as
old as the time since they were submitted. When the state is another one than Synchronized (4 in
CIM), the replica was given up: then nothing is due there any more, and a copy may bring it.

Prints NAME=VALUE lines: writes, those that were behind, the highest age in ms, how long after
the first write the replica was given up in ms (-1: never), and how many writes are not on the
replica though it was not."""
import re
import sys

BIO = re.compile(r' (\d+\.\d+): block_bio_(queue|complete): (\d+),(\d+) (\w+) (\d+) \+ (\d+)')
SINCE = re.compile(r' (\d+\.\d+): tracing_mark_write: since$')
STATE = re.compile(r' (\d+\.\d+): dm_replica_state: (\d+):(\d+) \d+ -> (\d+):')
SYNCHRONIZED = 4
SAMPLE = """
 fio-1 [000] ..... 10.000000: block_bio_queue: 253,1 WS 0 + 8 [fio]
 fio-1 [000] ..... 10.000100: block_bio_queue: 253,0 WS 0 + 8 [fio]
 fio-1 [000] ..... 10.001000: block_bio_complete: 253,1 WS 0 + 8 [0]
 fio-1 [000] ..... 10.002000: block_bio_queue: 253,1 WS 8 + 8 [fio]
 fio-1 [000] ..... 10.020000: block_bio_complete: 253,0 WS 8 + 8 [0]
 fio-1 [000] ..... 10.030000: block_bio_complete: 253,1 WS 8 + 8 [0]
 fio-1 [000] ..... 10.050000: block_bio_complete: 253,0 WS 0 + 8 [0]
 fio-1 [000] ..... 10.060000: block_bio_queue: 253,1 WS 16 + 8 [fio]
 fio-1 [000] ..... 10.061000: block_bio_complete: 253,1 WS 16 + 8 [0]
 fio-1 [000] ..... 10.065000: block_bio_queue: 253,1 RS 16 + 8 [fio]
"""


class Ages:
    def __init__(self, mirror, replica):
        self.mirror, self.replica = mirror, replica
        self.times = {}         # of each place: submitted, told, landed
        self.given_up = None
        self.since = 0.0

    def bio(self, time, what, device, place):
        if device == self.mirror and what == 'queue':
            if place in self.times:
                raise SystemExit(f'sector {place} is written twice')
            self.times[place] = [time, None, None]
        elif device == self.mirror:
            self.times[place][1] = time
        elif device == self.replica and what == 'complete' and self.given_up is None:
            self.times[place][2] = time

    def line(self, line):
        found = BIO.search(line)
        if found:
            time, what, major, minor, kind, place, _ = found.groups()
            if 'W' in kind:
                self.bio(float(time), what, f'{major}:{minor}', int(place))
            return
        found = SINCE.search(line)
        if found:
            self.since = float(found[1])
        found = STATE.search(line)
        if found and f'{found[2]}:{found[3]}' == self.mirror and self.given_up is None \
                and int(found[4]) != SYNCHRONIZED:
            self.given_up = float(found[1])

    def report(self):
        behind, oldest, missing = 0, 0, 0
        counted = [times for times in self.times.values() if times[0] >= self.since]
        for submitted, told, landed in counted:
            if self.given_up is not None:
                if told is None or told > self.given_up:
                    continue
                landed = min(landed or self.given_up, self.given_up)
            if told is not None and landed is None:
                missing += 1
            elif told is not None and told < landed:
                behind += 1
                oldest = max(oldest, landed - submitted)
        first = min((times[0] for times in counted), default=0)
        after = -1 if self.given_up is None else (self.given_up - first) * 1000
        return {'writes': len(counted), 'behind': behind, 'oldest_ms': round(oldest * 1000),
                'given_up_ms': round(after), 'missing': missing}


def ages(lines, mirror, replica):
    found = Ages(mirror, replica)
    for line in lines:
        found.line(line)
    return found.report()


def selftest():
    lines = SAMPLE.splitlines()
    state = ' w-2 [000] ..... 10.040000: dm_replica_state: 253:1 4 -> 3: behind'
    assert ages(lines, '253:1', '253:0') == {
        'writes': 3, 'behind': 1, 'oldest_ms': 50, 'given_up_ms': -1, 'missing': 1}
    assert ages(lines + [state], '253:1', '253:0') == {
        'writes': 3, 'behind': 1, 'oldest_ms': 40, 'given_up_ms': 40, 'missing': 0}
    since = ' sh-3 [000] ..... 10.001500: tracing_mark_write: since'
    assert ages(lines + [since], '253:1', '253:0') == {
        'writes': 2, 'behind': 0, 'oldest_ms': 0, 'given_up_ms': -1, 'missing': 1}


def main():
    if sys.argv[1:] == ['--selftest']:
        selftest()
        return
    with open(sys.argv[1], encoding='ascii', errors='replace') as trace:
        for name, value in ages(trace, *sys.argv[2:]).items():
            print(f'{name}={value}')


main()
