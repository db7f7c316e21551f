#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Random and mutated requests.  Whatever is refused must have changed nothing, and
whatever is accepted must have done what it says; the kernel log is judged by the
runner.  The seed is printed, and an argument repeats it.
"""
import errno
import random
import struct
import sys
import time

import genl
from replica import Client, main, same

# What the netlink core refuses without a word, whatever the family.
WORDLESS = {errno.EOPNOTSUPP, errno.EBUSY}

INTERESTING = (0, 1, 2, 3, 4, 99, 100, 127, 128, 255, 256, 4095, 4096, 65535, 65536, 1048575,
               1048576, 3600000, 3600001, 0x7fffffff, 0x80000000, 0xffffffff)


class Fuzzer:
    """Makes requests: from the spec, from chance, and from damage to either."""

    def __init__(self, client, name, seed):
        self.client, self.protocol = client, client.protocol
        self.random = random.Random(seed)
        known = client.get(name)
        self.selects = [{'name': name}, {'major': known['major'], 'minor': known['minor']},
                        {'name': 'nobody'}, {}]
        self.count = 0

    def number(self, size):
        value = self.random.choice(INTERESTING + (self.random.getrandbits(64),))
        return (value & ((1 << (8 * size)) - 1)).to_bytes(size, sys.byteorder)

    def blob(self, most=40):
        return self.random.randbytes(self.random.randrange(most))

    def value(self, kind, depth=0):
        """Bytes of the right shape for an attribute, with any content."""
        what = kind['type']
        if what == 'nest':
            space = kind['nested-attributes']
            return b''.join(self.attribute(space, depth + 1)
                            for _ in range(self.random.randrange(5)))
        if what == 'string':
            return self.blob(140) + b'\0'
        if what in ('flag', 'pad'):
            return b''
        if what == 'binary':
            return self.blob()
        return self.number({'u8': 1, 'u16': 2, 'u32': 4, 'u64': 8}[what])

    def attribute(self, space='replica', depth=0):
        name = self.random.choice(list(self.protocol.sets[space]))
        kind, number = self.protocol.sets[space][name], self.protocol.numbers[space][name]
        chance = self.random.random()
        if chance < 0.05:
            return genl.attr(self.random.randrange(1 << 14), self.blob())
        if chance < 0.1 and depth < 3:
            return genl.attr(number, self.attribute(space, depth + 1), True)
        return genl.attr(number, self.value(kind, depth), kind['type'] == 'nest')

    def settings(self):
        """Settings that may well be right."""
        chosen = {}
        for name, kind in self.protocol.sets['setting'].items():
            if self.random.random() < 0.4:
                checks = kind['checks']
                chosen[name] = self.random.choice(
                    (checks.get('min', 0), checks['max'], checks['max'] + 1,
                     self.random.randint(checks.get('min', 0), checks['max'])))
        return {name: value for name, value in chosen.items()}

    def sensible(self):
        """A request that is right but for the values: command and attributes."""
        op = self.random.choice(('get', 'set', 'set', 'set', 'job-get', 'job-cancel',
                                 'confirm', 'caps-get', 'operate', 'verify', 'diff-get',
                                 'protected', 'offload'))
        values = dict(self.random.choice(self.selects))
        if op == 'set':
            values['settings'] = self.settings()
        elif op == 'operate':
            values['operation'] = self.number(2)
        elif op == 'confirm':
            values['timeout'] = self.random.choice((0, 1, 50, 3600001))
        elif op in ('job-get', 'job-cancel', 'protected'):
            values['job-id'] = self.number(4)
        elif op == 'offload':
            values.update({'offload': self.random.randrange(6), 'sector': self.number(8),
                           'sectors': self.number(8)})
        payload = b''
        for name in self.random.sample(list(values), len(values)):
            payload += self.protocol.encode({name: values[name]})
        return self.protocol.cmds[op], payload

    def chaotic(self):
        cmd = self.random.randrange(256) if self.random.random() < 0.1 else \
            self.random.randrange(1, len(self.protocol.cmds) + 1)
        payload = self.protocol.encode(self.random.choice(self.selects))
        for _ in range(self.random.randrange(6)):
            payload += self.attribute()
        return cmd, payload

    def damage(self, payload):
        """Flips, cuts, doubles or inserts some bytes."""
        data = bytearray(payload)
        for _ in range(self.random.randrange(1, 4)):
            if not data:
                return self.blob()
            at = self.random.randrange(len(data))
            what = self.random.randrange(5)
            if what == 0:
                data[at] ^= 1 << self.random.randrange(8)
            elif what == 1:
                data[at] = self.random.randrange(256)
            elif what == 2:
                del data[at:]
            elif what == 3:
                data[at:at] = self.blob(16)
            else:
                data += data[:at]
        return bytes(data)

    def request(self):
        """One request as bytes: seq is right, all else may be wrong."""
        cmd, payload = self.sensible() if self.random.random() < 0.4 else self.chaotic()
        if self.random.random() < 0.5:
            payload = self.damage(payload)
        flags = genl.NLM_F_ACK
        if cmd == self.protocol.cmds['diff-get'] and self.random.random() < 0.9:
            flags |= genl.NLM_F_DUMP
        elif self.random.random() < 0.1:
            flags |= self.random.choice((genl.NLM_F_DUMP, 0x100, 0x200, 0x400, 0x8000))
        data = bytearray(self.client.message(self.client.family.id, cmd, payload, flags))
        chance = self.random.random()
        if chance < 0.02:
            data[18 + self.random.randrange(2)] = self.random.randrange(256)
        elif chance < 0.04:
            del data[self.random.randrange(16, len(data)):]
            struct.pack_into('=I', data, 0, len(data))
        self.count += 1
        return bytes(data)


def watched(client, name):
    return picture(client.get(name))


def picture(state):
    return {what: state[what] for what in
            ('settings', 'copy-state', 'requested-copy-state', 'mode', 'reason', 'event-seq')}


def answer(client, seq):
    """None when the request was accepted, or how it was refused."""
    try:
        while True:
            got = client.recv(20)
            if got.seq != seq:
                # The late answer to a confirmation of before.
                same('the stray message', got.body[0], client.protocol.cmds['confirm'])
                continue
            if got.type in (genl.NLMSG_ERROR, genl.NLMSG_DONE):
                genl.finish(got)
                return None
            client.open(got)
    except genl.Refused as refusal:
        return refusal


def quiet(other, name):
    """What an accepted operation started is over, or the state rests."""
    end = time.monotonic() + 60
    before = watched(other, name)
    while time.monotonic() < end:
        time.sleep(0.02)
        state = other.get(name)
        after = picture(state)
        if after == before and 'job' not in state:
            return after
        before = after
    raise AssertionError(f'the replica does not come to rest: {before}')


def accepted(other, name, before, data):
    """Only the commands that change something may have changed anything."""
    cmds = other.protocol.cmds
    if data[16] in (cmds['operate'], cmds['job-cancel'], cmds['verify']):
        return quiet(other, name)
    after = watched(other, name)
    if data[16] == cmds['set']:
        same('the states after a change of settings',
             {**after, 'settings': None, 'event-seq': None},
             {**before, 'settings': None, 'event-seq': None})
        check_settings(other, after['settings'])
        assert after['event-seq'] > before['event-seq'], 'settings changed without an event'
        return after
    same(f'the replica after command {data[16]}', after, before)
    return after


def check_settings(client, settings):
    for name, kind in client.protocol.sets['setting'].items():
        checks = kind['checks']
        assert checks.get('min', 0) <= settings[name] <= checks['max'], \
            f'{name} became {settings[name]}'
    assert settings['replica-timeout'] == 0 or settings['replica-timeout'] >= 100


def check_fuzz(name, count, seed=None):
    seed = int(seed) if seed else random.SystemRandom().getrandbits(32)
    print(f'# seed {seed}', flush=True)
    client, other = Client(), Client()
    fuzzer = Fuzzer(client, name, seed)
    before = watched(other, name)
    errors, passed = {}, 0
    while fuzzer.count < int(count):
        data = fuzzer.request()
        client.send_raw(data)
        refusal = answer(client, client.seq)
        try:
            if refusal is None:
                passed += 1
                before = accepted(other, name, before, data)
                continue
            code = errno.errorcode.get(refusal.code, refusal.code)
            errors[code] = errors.get(code, 0) + 1
            assert refusal.sentence or refusal.code in WORDLESS or len(data) < 20, \
                f'refused with {code} without a sentence'
            same('the replica after a refused request', watched(other, name), before)
        except AssertionError as failure:
            sys.exit(f'seed {seed}, request {fuzzer.count}, {data.hex()}: {failure}')
    told = ' '.join(f'{code}={times}' for code, times in sorted(errors.items()))
    print(f'# {fuzzer.count} requests: {passed} accepted, refused {told}')
    assert passed > int(count) // 100, 'hardly any request was accepted: the test tests little'
    assert len(errors) >= 5, f'only these errors came up: {told}'


def check_noise(count, seed=None):
    """Bytes that are no message at all, in datagrams of many messages too."""
    seed = int(seed) if seed else random.SystemRandom().getrandbits(32)
    print(f'# seed {seed}', flush=True)
    chance = random.Random(seed)
    client = Client()
    for number in range(int(count)):
        data = bytearray(chance.randbytes(chance.randrange(16, 200)))
        struct.pack_into('=I', data, 0, chance.choice((len(data), chance.randrange(256))))
        if chance.random() < 0.9:
            struct.pack_into('=H', data, 4, client.family.id)
        client.send_raw(bytes(data))
        if number % 64 == 63:
            client.close()
            client = Client()
    client.close()
    same('a request after the noise', len(Client().call('caps-get')), 1)


if __name__ == '__main__':
    main({'fuzz': check_fuzz, 'noise': check_noise})
