#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of many replicas: complete, in order, and honest about changes meanwhile."""
import subprocess

import genl
from replica import Client, main, same


def names_of(prefix, count):
    return [f'{prefix}{number}' for number in range(int(count))]


def order(replies):
    return [(got['major'], got['minor']) for got in replies]


def check_complete(prefix, count):
    """Each replica once, by ascending number, the same as get tells of it."""
    client = Client()
    replies = client.dump('get')
    same('the order of the dump', order(replies), sorted(set(order(replies))))
    found = {got['name']: got for got in replies}
    for name in names_of(prefix, count):
        alone = client.get(name)
        same(f'{name} in the dump', {what: found[name][what] for what in sorted(found[name])
                                     if what not in ('consistent-age', 'lag-ms')},
             {what: alone[what] for what in sorted(alone)
              if what not in ('consistent-age', 'lag-ms')})
    print(f'# {len(replies)} replicas')


def in_steps(op, change=None):
    """A dump read step by step, with a change after the first; also: was it interrupted?"""
    client = Client(buffer=4096)
    seq = client.start(op, None, genl.NLM_F_ACK | genl.NLM_F_DUMP)
    replies, interrupted, steps = [], False, 0
    while True:
        for got in genl.split(client.sock.recv(client.buffer)):
            same('seq', got.seq, seq)
            interrupted |= bool(got.flags & genl.NLM_F_DUMP_INTR)
            if got.type == genl.NLMSG_DONE:
                genl.finish(got)
                return replies, interrupted, steps
            assert got.flags & genl.NLM_F_MULTI, 'a part of a dump is not marked as such'
            replies.append(client.open(got))
        steps += 1
        if steps == 1 and change:
            change()


def dmsetup(*words):
    print('# + dmsetup', *words, flush=True)
    subprocess.run(('dmsetup',) + words, check=True)


def check_steps(prefix, count):
    """Nothing changes: many steps, no mark of an interruption."""
    replies, interrupted, steps = in_steps('get')
    assert steps > 2, f'the dump took {steps} steps, too few to test anything'
    same('interrupted', interrupted, False)
    assert set(names_of(prefix, count)) <= {got['name'] for got in replies}
    print(f'# {len(replies)} replicas in {steps} steps')


def check_changed(prefix, count):
    """A replica that goes or comes marks the dump as interrupted, wherever it stands."""
    names = names_of(prefix, count)
    for name in (names[0], names[-1]):
        table = subprocess.run(('dmsetup', 'table', name), check=True, capture_output=True,
                               text=True).stdout.strip()
        _, interrupted, steps = in_steps('get', lambda: dmsetup('remove', name))
        assert steps > 2, f'the dump took {steps} steps, too few to test anything'
        same(f'interrupted by the removal of {name}', interrupted, True)
        _, interrupted, _ = in_steps('get',
                                     lambda: dmsetup('create', name, '--table', table))
        same(f'interrupted by the creation of {name}', interrupted, True)
        replies, interrupted, _ = in_steps('get')
        same('interrupted afterwards', interrupted, False)
        assert set(names) <= {got['name'] for got in replies}


def check_unread(prefix):
    """A dump that nobody reads on pins neither replica nor module."""
    client, jobs = Client(buffer=4096), Client(buffer=4096)
    client.start('get', None, genl.NLM_F_ACK | genl.NLM_F_DUMP)
    client.sock.recv(client.buffer)
    jobs.start('job-get', prefix + '0', genl.NLM_F_ACK | genl.NLM_F_DUMP)
    dmsetup('remove', prefix + '0')
    client.close()
    jobs.close()


def check_jobs(name, other):
    """Jobs of one replica and of all; the oldest of many are forgotten."""
    client = Client()
    operation = client.protocol.enums['operation']['resync']
    kept = client.protocol.consts['jobs-kept']
    last = 0
    for _ in range(kept + 5):
        reply = client.call('operate', name, operation=operation, force=True)[0]
        assert reply['job']['id'] == last + 1 or not last, 'job numbers do not count on'
        last = reply['job']['id']
        wait_over(client, name, last)
    mine = client.dump('job-get', name)
    numbers = [got['job']['id'] for got in mine]
    same('the order of the jobs', numbers, list(range(last + 1 - len(numbers), last + 1)))
    assert kept <= len(numbers) <= kept + 1, f'{len(numbers)} jobs are remembered'
    same('whose jobs they are', {got['name'] for got in mine}, {name})
    number = {what: client.get(name)[what] for what in ('major', 'minor')}
    same('the jobs by number', client.dump('job-get', number), mine)
    both = client.dump('job-get')
    same('the jobs of all', [got for got in both if got['name'] in (name, other)],
         sorted(mine + client.dump('job-get', other), key=lambda got: order([got])[0]))
    for got in mine:
        same('one job', client.call('job-get', name, job_id=got['job']['id'])[0], got)
        job = got['job']
        same('the end of a job', (job['state'], job['percent'], job['error-code']),
             (client.protocol.enums['job-state']['completed'], 100, 0))
        assert job['bytes-done'] == job['bytes-total'] > 0 and 'eta' not in job
    try:
        client.call('job-get', name, job_id=numbers[0] - 1)
    except genl.Refused as refusal:
        same('errno of a forgotten job', refusal.code, 2)
    else:
        raise AssertionError('a job is known that the dump does not have')


def wait_over(client, name, job):
    running = client.protocol.enums['job-state']['completed']
    while client.call('job-get', name, job_id=job)[0]['job']['state'] < running:
        pass


if __name__ == '__main__':
    main({'complete': check_complete, 'steps': check_steps, 'changed': check_changed,
          'unread': check_unread, 'jobs': check_jobs})
