#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CONFIRM: each request is answered once, with its own number and a true result."""
import subprocess
import time

import genl
from replica import Client, main, same

DURABLE, EXPIRED, UNABLE = 0, 3, 7


class Asker(Client):
    """Sends confirmations and collects acknowledgments and answers, in either order."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.acked, self.results = set(), {}

    def ask_for(self, timeout_ms):
        return self.start('confirm', self.name, timeout=timeout_ms)

    def take(self, timeout):
        got = self.recv(timeout)
        if got.type == genl.NLMSG_ERROR:
            genl.finish(got)
            assert got.seq not in self.acked, f'request {got.seq} was acknowledged twice'
            self.acked.add(got.seq)
            return
        same('the command', got.body[0], self.protocol.cmds['confirm'])
        answer = self.open(got)
        same('the attributes of the answer', set(answer), {'name', 'result'})
        same('the name in the answer', answer['name'], self.name)
        assert got.seq not in self.results, f'request {got.seq} was answered twice'
        self.results[got.seq] = answer['result']

    def collect(self, seqs, timeout=60):
        end = time.monotonic() + timeout
        while not set(seqs) <= self.acked & set(self.results):
            self.take(max(0.1, end - time.monotonic()))
        try:
            self.take(0.3)
        except genl.Silence:
            return [self.results[seq] for seq in seqs]
        raise AssertionError('there is one answer too many')


def check_durable(name):
    """In sync: a flush of the replica, and the answer is yes."""
    asker = Asker(name)
    same('the result', asker.collect([asker.ask_for(30000)]), [DURABLE])


def check_many(name, count):
    """Many at a time, by several sockets: every one is answered, once."""
    askers = [Asker(name) for _ in range(4)]
    seqs = [[asker.ask_for(60000) for _ in range(int(count) // 4)] for asker in askers]
    for asker, mine in zip(askers, seqs):
        same('the results', set(asker.collect(mine, 120)), {DURABLE})


def check_stopped(name):
    """States that nothing but an order ends: unable, at once, not when the time is over."""
    asker = Asker(name)
    operation = asker.protocol.enums['operation']
    for stop, go in (('suspend', 'resume'), ('split', 'resync'), ('fracture', 'resync'),
                     ('deactivate', 'activate')):
        other = Client()
        other.call('operate', name, operation=operation[stop])
        began = time.monotonic()
        same(f'the result after {stop}', asker.collect([asker.ask_for(600000)]), [UNABLE])
        assert time.monotonic() - began < 60, 'the answer came late'
        other.call('operate', name, operation=operation[go])
        same(f'the result after {go}', asker.collect([asker.ask_for(60000)]), [DURABLE])


def check_expired(name, replica):
    """The replica hangs: the time expires; when it comes back: durable."""
    asker = Asker(name)
    hang(replica)
    try:
        began = time.monotonic()
        same('the result', asker.collect([asker.ask_for(1500)]), [EXPIRED])
        took = time.monotonic() - began
        assert 1.4 < took < 20, f'the answer came after {took:.1f} s'
    finally:
        unhang(replica)
    same('the result', asker.collect([asker.ask_for(60000)]), [DURABLE])


def hang(leg):
    subprocess.run(('dmsetup', 'suspend', '--noflush', '--nolockfs', leg), check=True)


def unhang(leg):
    subprocess.run(('dmsetup', 'resume', leg), check=True)


def check_removed(name, replica):
    """The device goes while a confirmation waits: unable."""
    asker = Asker(name)
    hang(replica)
    try:
        seqs = [asker.ask_for(600000) for _ in range(5)]
        with subprocess.Popen(('dmsetup', 'remove', name)) as remover:
            time.sleep(1)
            unhang(replica)
            same('the end of dmsetup remove', remover.wait(60), 0)
    finally:
        unhang(replica)
    results = asker.collect(seqs)
    assert set(results) <= {DURABLE, UNABLE}, f'the results are {results}'
    print(f'# results: {results}')


def check_copying(name):
    """While the initial copy runs it waits, until all is on the replica."""
    asker = Asker(name)
    enum = asker.protocol.enums
    same('the state before', asker.get(name)['copy-state'], enum['copy-state']['unsynchronized'])
    seq = asker.ask_for(600)
    same('the result while it is slow', asker.collect([seq]), [EXPIRED])
    seq = asker.ask_for(600000)
    Client().call('set', name, settings={'resync_rate': 0})
    same('the result when it is through', asker.collect([seq], 120), [DURABLE])


def check_gone(name, replica):
    """The asker is gone when the answer comes."""
    hang(replica)
    try:
        for _ in range(20):
            asker = Asker(name)
            asker.ask_for(2000)
            asker.take(10)
            asker.close()
        time.sleep(3)
    finally:
        unhang(replica)
    check_durable(name)


if __name__ == '__main__':
    main({'durable': check_durable, 'many': check_many, 'stopped': check_stopped,
          'expired': check_expired, 'removed': check_removed, 'copying': check_copying,
          'gone': check_gone})
