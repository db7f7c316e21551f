# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of the family dm_replica, for the cases of this directory."""
import sys
import time

import genl
from spec import Protocol


class Client(genl.Socket):
    """A socket that speaks the protocol by names."""

    protocol = Protocol()

    def __init__(self, **kind):
        super().__init__(**kind)
        self.family = genl.Family(self, self.protocol.yaml['name'])

    def payload(self, select, values):
        known = dict(select) if isinstance(select, dict) else {'name': select} if select else {}
        return self.protocol.encode({**known, **values})

    def start(self, op, select=None, flags=genl.NLM_F_ACK, **values):
        """Sends a request and returns its sequence number."""
        return self.send(self.family.id, self.protocol.cmds[op],
                         self.payload(select, underscored(values)), flags)

    def call(self, op, select=None, **values):
        """Replies to one request, decoded."""
        return [self.open(got) for got in self.answers(self.start(op, select, **values))]

    def dump(self, op, select=None, **values):
        seq = self.start(op, select, genl.NLM_F_ACK | genl.NLM_F_DUMP, **values)
        return [self.open(got) for got in self.answers(seq)]

    def open(self, got):
        assert got.type == self.family.id, f'a message of type {got.type}'
        return self.protocol.decode(got.body[4:])

    def get(self, name):
        return self.call('get', name)[0]

    def listen(self):
        self.join(self.family.groups['events'])


def underscored(values):
    """Python's keyword arguments to the names of the spec."""
    return {name.replace('_', '-'): underscored(value) if isinstance(value, dict) else value
            for name, value in values.items()}


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError(f'{what} is {got!r}, expected {wanted!r}')


def wait_until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f'waited {seconds} s in vain for: {what}')


def wait_state(client, name, state, seconds=60):
    wanted = client.protocol.enums['copy-state'][state]
    wait_until(f'{name} to be {state}', lambda: client.get(name)['copy-state'] == wanted, seconds)


def main(cases):
    """Runs the case that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1] not in cases:
        sys.exit(f'usage: {sys.argv[0]} {"|".join(cases)} [ARGUMENT]...')
    cases[sys.argv[1]](*sys.argv[2:])
