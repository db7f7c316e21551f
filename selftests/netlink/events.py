#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a listener of the multicast group is told, and in which order."""
import errno
import mmap
import os
import socket
import subprocess
import time

import genl
from replica import Client, main, same, wait_state, wait_until

ALWAYS = {'event-seq', 'event-type', 'event-time', 'name', 'major', 'minor', 'copy-state'}
DETAILS = {'added': set(), 'removed': set(), 'settings': set(),
           'state': {'old-copy-state', 'reason'}, 'job': {'job'},
           'replica-error': {'sector', 'errno', 'reason'},
           'origin-error': {'sector', 'errno', 'reason'},
           'read-failover': {'sector', 'errno', 'reason'},
           'meta-error': {'sector', 'errno', 'reason'},
           'meta-back': {'sector', 'errno', 'reason'},
           'mode': {'mode', 'reason', 'queue'}, 'rpo': {'reason'}, 'roles': {'reason'},
           'protect': {'reason', 'job'}}


def run(*words):
    print('# +', *words, flush=True)
    subprocess.run(words, check=True)


class Listener(Client):
    """Collects the events of one replica and checks each by itself."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.types = {number: kind for kind, number in
                      self.protocol.enums['event-type'].items()}
        self.states = {number: state for state, number in
                       self.protocol.enums['copy-state'].items()}
        self.events = []
        self.listen()

    def take(self, timeout=20):
        """The next event of the replica."""
        while True:
            got = self.recv(timeout)
            same('seq of the header', (got.seq, got.portid), (0, 0))
            same('the command', got.body[0], self.protocol.cmds['event'])
            event = self.open(got)
            if event['name'] == self.name:
                self.check(event)
                self.events.append(event)
                return event

    def check(self, event):
        kind = self.types[event['event-type']]
        same(f'the attributes of an event {kind}', set(event), ALWAYS | DETAILS[kind])
        assert abs(event['event-time'] / 1000 - time.time()) < 3600, 'the time is not the time'

    def until(self, what, wanted, timeout=60):
        """Takes events up to the first that is wanted."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            event = self.take(max(0.1, end - time.monotonic()))
            if wanted(event):
                return event
        raise AssertionError(f'no event: {what}')

    def until_state(self, state):
        return self.until(state, lambda event: self.kind(event) == 'state'
                          and self.states[event['copy-state']] == state)

    def kind(self, event):
        return self.types[event['event-type']]

    def kinds(self):
        return [self.kind(event) for event in self.events]


def check_chain(listener, first=1, state=None):
    """
    Numbers without a gap, times that do not run back, states that follow each other.
    What leads to a change of state may tell the new one just before the change does.
    """
    last_time, ahead = 0, None
    for number, event in enumerate(listener.events, first):
        same('the number of an event', event['event-seq'], number)
        assert event['event-time'] >= last_time, 'an event is older than the one before it'
        last_time = event['event-time']
        if listener.kind(event) == 'state':
            same(f'the old state of event {number}', event['old-copy-state'],
                 event['old-copy-state'] if state is None else state)
            assert event['old-copy-state'] != event['copy-state'], 'no change of state'
            assert event['reason'], 'a change of state without a reason'
            assert ahead in (None, event['copy-state']), f'event {number - 1} told of {ahead}'
            state, ahead = event['copy-state'], None
        elif state is not None and event['copy-state'] != state:
            assert listener.kind(event) in ('job', 'replica-error', 'origin-error'), \
                f'event {number} tells the state {event["copy-state"]}, it is {state}'
            ahead = event['copy-state']
        else:
            state = event['copy-state']
            assert ahead is None, f'event {number - 1} told of {ahead}, which did not come'


def check_life(name, table):
    """A whole life: added, copied, changed, split, copied again, removed."""
    client, listener, second = Client(), Listener(name), Listener(name)
    run('dmsetup', 'create', name, '--table', table)
    try:
        same('the first event', listener.kind(listener.take()), 'added')
        listener.until_state('synchronized')
        client.call('set', name, settings={'resync_rate': 500})
        listener.until('settings', lambda event: listener.kind(event) == 'settings')
        for operation, state in (('split', 'split'), ('resync', 'synchronized'),
                                 ('suspend', 'suspended'), ('resume', 'synchronized'),
                                 ('deactivate', 'inactive'), ('activate', 'synchronized'),
                                 ('fracture', 'fractured')):
            client.call('operate', name, operation=client.protocol.enums['operation'][operation])
            listener.until_state(state)
        drain(listener)
        same('the number that get tells', client.get(name)['event-seq'],
             listener.events[-1]['event-seq'])
    finally:
        run('dmsetup', 'remove', name)
    listener.until('removed', lambda event: listener.kind(event) == 'removed')
    drain(listener)
    same('the last event', listener.kinds()[-1], 'removed')
    same('how often it was added and removed',
         (listener.kinds().count('added'), listener.kinds().count('removed')), (1, 1))
    check_chain(listener)
    check_jobs(listener)
    while len(second.events) < len(listener.events):
        second.take()
    same('what the second listener heard', second.events, listener.events)
    print(f'# {len(listener.events)} events: {" ".join(listener.kinds())}')


def drain(listener):
    try:
        while True:
            listener.take(0.5)
    except genl.Silence:
        pass


def check_jobs(listener):
    """Each job is told twice or more: running at first, completed at last."""
    states = listener.protocol.enums['job-state']
    jobs = {}
    for event in listener.events:
        if 'job' in event:
            jobs.setdefault(event['job']['id'], []).append(event['job'])
    assert len(jobs) >= 2, f'events told of {len(jobs)} jobs'
    for told in jobs.values():
        assert told[0]['state'] <= states['running'], f'a job began with {told[0]}'
        same('the end of a job', (told[-1]['state'], told[-1]['percent'],
                                  told[-1]['bytes-done']),
             (states['completed'], 100, told[-1]['bytes-total']))


def check_errors(name, origin, replica):
    """Failing legs are told with the place and the errno.  Legs are linear mappings."""
    client, listener = Client(), Listener(name)
    before = client.get(name)
    break_leg(replica)
    write(f'/dev/mapper/{name}', 4 << 20)
    error = listener.until('replica error', lambda e: listener.kind(e) == 'replica-error')
    same('sector and errno', (error['sector'], error['errno']), ((4 << 20) // 512, errno.EIO))
    wait_state(client, name, 'broken')
    heal_leg(replica)
    wait_state(client, name, 'synchronized')
    break_leg(origin)
    read(f'/dev/mapper/{name}', 2 << 20)
    failover = listener.until('failover', lambda e: listener.kind(e) == 'read-failover')
    same('sector and errno', (failover['sector'], failover['errno']),
         ((2 << 20) // 512, errno.EIO))
    try:
        write(f'/dev/mapper/{name}', 1 << 20)
    except OSError as error:
        same('the error of the write', error.errno, errno.EIO)
    else:
        raise AssertionError('a write succeeded that the origin failed')
    broken = listener.until('origin error', lambda e: listener.kind(e) == 'origin-error')
    same('sector and errno', (broken['sector'], broken['errno']), ((1 << 20) // 512, errno.EIO))
    heal_leg(origin)
    drain(listener)
    check_chain(listener, before['event-seq'] + 1, before['copy-state'])
    counters = client.get(name)['counters']
    assert counters['replica-errors'] and counters['read-failovers'] \
        and counters['origin-errors'], f'errors are not counted: {counters}'
    print('#', ' '.join(listener.kinds()))


def direct(path, offset, work):
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        work(fd, offset)
    finally:
        os.close(fd)


def write(path, offset):
    page = mmap.mmap(-1, 4096)
    page.write(os.urandom(4096))
    direct(path, offset, lambda fd, at: os.pwritev(fd, [page], at))


def read(path, offset):
    page = mmap.mmap(-1, 4096)
    direct(path, offset, lambda fd, at: os.preadv(fd, [page], at))


def table_of(leg):
    return subprocess.run(('dmsetup', 'table', leg), check=True, capture_output=True,
                          text=True).stdout.strip()


SAVED = {}


def exchange(leg, table):
    run('dmsetup', 'suspend', '--noflush', '--nolockfs', leg)
    run('dmsetup', 'load', leg, '--table', table)
    run('dmsetup', 'resume', leg)


def break_leg(leg):
    SAVED[leg] = table_of(leg)
    exchange(leg, f'0 {SAVED[leg].split()[1]} error')


def heal_leg(leg):
    exchange(leg, SAVED[leg])


def check_storm(name, requests):
    """
    Events faster than they can be sent: those that are lost are counted, and
    missing from the numbers, exactly.
    """
    client, listener = Client(), Listener(name)
    listener.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)	# SO_RCVBUFFORCE
    before = client.get(name)
    first, lost = before['event-seq'], before['counters']['events-dropped']
    total, burst = int(requests), 200
    for start in range(0, total, burst):
        data = b''
        for number in range(start, start + burst):
            data += client.message(
                client.family.id, client.protocol.cmds['set'],
                client.payload(name, {'settings': {'resync-rate': 1 + number}}))
        client.send_raw(data)
    last = wait_until('the events to be sent', lambda: settled(client, name))
    same('the number of the last event', last['event-seq'], first + total)
    drain(listener)
    numbers = [event['event-seq'] for event in listener.events]
    same('the order of the numbers', numbers, sorted(set(numbers)))
    assert numbers[0] > first and numbers[-1] <= first + total
    dropped = last['counters']['events-dropped'] - lost
    same('events heard and events dropped', len(numbers) + dropped, total)
    print(f'# {total} events raised, {len(numbers)} heard, {dropped} counted as dropped')


def settled(client, name):
    before = client.get(name)
    time.sleep(0.5)
    after = client.get(name)
    return after if after['event-seq'] == before['event-seq'] else None


def check_slow(name):
    """A listener who does not listen: an error at once, then a gap that he can see."""
    client, listener = Client(), Listener(name)
    listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    for rate in range(1, 401):
        client.call('set', name, settings={'resync_rate': rate})
    numbers, overruns = [], 0
    while True:
        try:
            numbers.append(listener.take(1)['event-seq'])
        except genl.Silence:
            break
        except OSError as error:
            same('the error of the socket', error.errno, errno.ENOBUFS)
            overruns += 1
    assert overruns, 'the socket never told that it lost something'
    client.call('set', name, settings={'resync_rate': 1})
    after = listener.take()['event-seq']
    # The last ones may be heard again: those are sent while the first are read.
    heard = numbers + [after]
    gaps = [pair for pair in zip(heard, heard[1:]) if pair[1] > pair[0] + 1]
    assert gaps, f'no gap in {heard}'
    same('the number that get tells', client.get(name)['event-seq'], after)
    print(f'# {len(numbers)} of 400 heard, gaps: {gaps[:3]}')


def check_dm(name):
    """device-mapper's own event: the number grows, and whoever waits for it wakes."""
    client = Client()

    def number():
        return int(subprocess.run(('dmsetup', 'info', '-c', '--noheadings', '-o', 'events', name),
                                  check=True, capture_output=True, text=True).stdout)

    time.sleep(1)
    before = number()
    with subprocess.Popen(('dmsetup', 'wait', name, str(before))) as waiter:
        time.sleep(1)
        same('the one who waits', waiter.poll(), None)
        client.call('operate', name, operation=client.protocol.enums['operation']['fracture'])
        same('the end of the wait', waiter.wait(20), 0)
    assert number() > before, 'the number of events did not grow'


def check_user(name):
    """An ordinary user may listen."""
    client = Client()
    seq = client.get(name)['event-seq']
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        genl.without_privilege()
        listener = Listener(name)
        os.write(writer, b'x')
        os._exit(0 if listener.take()['event-seq'] == seq + 1 else 1)
    os.close(writer)
    same('the word of the ordinary user', os.read(reader, 1), b'x')
    client.call('set', name, settings={'resync_rate': 3})
    same('what the ordinary user heard', os.waitpid(child, 0)[1], 0)


def check_identity(name):
    """An event names the device as get does, and as the system does."""
    client, listener = Client(), Listener(name)
    client.call('set', name, settings={'resync_rate': 9})
    event, state = listener.take(), client.get(name)
    same('identity and state', [event[what] for what in ('name', 'major', 'minor', 'copy-state')],
         [state[what] for what in ('name', 'major', 'minor', 'copy-state')])
    node = os.stat(f'/dev/mapper/{name}').st_rdev
    same('the number of the device', (event['major'], event['minor']),
         (os.major(node), os.minor(node)))


if __name__ == '__main__':
    main({'life': check_life, 'errors': check_errors, 'storm': check_storm, 'slow': check_slow,
          'dm': check_dm, 'user': check_user, 'identity': check_identity})
