#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dm messages against netlink: one truth, told in two ways."""
import subprocess

from replica import Client, main, same


def message(name, *words):
    return subprocess.run(('dmsetup', 'message', name, '0') + words, check=True,
                          capture_output=True, text=True).stdout


def standard(word):
    """The standard's spelling of a state."""
    return '_'.join(part.capitalize() for part in word.split('-'))


def check_jobs(name):
    """Each line of "jobs" is what JOB_GET tells."""
    client = Client()
    enums = client.protocol.enums
    types = {number: word.replace('-', '_') for word, number in enums['job-type'].items()}
    states = {number: standard(word) for word, number in enums['job-state'].items()}
    lines = message(name, 'jobs').splitlines()
    jobs = [got['job'] for got in client.dump('job-get', name)]
    same('the number of jobs', len(lines), len(jobs))
    assert jobs, 'there is no job to compare'
    for line, job in zip(lines, jobs):
        wanted = [job['id'], types[job['type']], states[job['state']], job['percent'],
                  job['bytes-done'], job['bytes-total'], job['start-time'], job['elapsed'],
                  job['error-code']]
        same('a line of jobs', line, ' '.join(str(word) for word in wanted)
             + (' ' + job['error-text'] if 'error-text' in job else ''))


def check_help(name):
    """help lists the operations and settings of the protocol, all of them, and nothing twice."""
    client = Client()
    *lines, settings = message(name, 'help').splitlines()
    same('settings', sorted(settings.removeprefix('settings: ').split()),
         sorted(word.replace('-', '_') for word in client.get(name)['settings']))
    listed = [line.split()[0] for line in lines]
    same('the list', len(listed), len(set(listed)))
    operations = {word.replace('-', '_') for word in client.protocol.enums['operation']}
    same('operations and messages', set(listed),
         operations | {'set', 'confirm', 'cancel', 'jobs', 'verify', 'differences', 'protected',
                       'help'})


def check_settings(name, **wanted):
    settings = Client().get(name)['settings']
    for pair in wanted:
        same(pair, settings[pair.replace('_', '-')], wanted[pair])


if __name__ == '__main__':
    main({'jobs': check_jobs, 'help': check_help,
          'settings': lambda name, *pairs: check_settings(
              name, **{pair.split('=')[0]: int(pair.split('=')[1]) for pair in pairs})})
