#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests that have to be refused, each with an errno, a sentence and the attribute."""
import errno
import os
import socket
import struct
import sys

import genl
from replica import Client, main, same

HEADER = 20		# bytes before the attributes: nlmsghdr and genlmsghdr


def offset_of(client, payload, path):
    """Where the attribute of this path begins in a request: 'settings/payload'."""
    at, space, end = HEADER, 'replica', len(payload) + HEADER
    for step, name in enumerate(path.split('/')):
        number = client.protocol.numbers[space][name] if not name.isdigit() else int(name)
        while True:
            assert at < end, f'the request has no {path}'
            length, kind = struct.unpack_from('=HH', payload, at - HEADER)
            if kind & genl.NLA_TYPE_MASK == number:
                break
            at += (length + 3) & ~3
        if step < path.count('/'):
            space = client.protocol.sets[space][name]['nested-attributes']
            at += 4
    return at


def expect(client, label, op, payload, code, at=None, missing=None, flags=0):
    """One request that has to be refused."""
    cmd = client.protocol.cmds[op]
    try:
        client.answers(client.send(client.family.id, cmd, payload, flags | genl.NLM_F_ACK))
    except genl.Refused as refusal:
        same(f'{label}: errno', errno.errorcode.get(refusal.code), errno.errorcode[code])
        assert refusal.sentence, f'{label}: refused without a sentence'
        if missing:
            same(f'{label}: the missing attribute', refusal.missing,
                 client.protocol.numbers['replica'][missing])
        elif at and not (flags and refusal.offset is None):
            # 6.1 has no room for the attribute at the end of a dump.
            same(f'{label}: the attribute', refusal.offset, offset_of(client, payload, at))
        print(f'# {label}: {refusal.sentence}')
        return
    raise AssertionError(f'{label}: was not refused')


def raw(client, name, data, nested=False):
    return genl.attr(client.protocol.numbers['replica'][name], data, nested)


def select_cases(client, name):
    """Faults in the attributes that name a replica, which all commands share."""
    code = client.protocol.encode
    nobody = {'name': 'there-is-no-such-replica'}
    known = client.get(name)
    free = {'major': known['major'], 'minor': 1048575}
    yield 'nothing named', b'', errno.EINVAL, None, 'name'
    yield 'unknown name', code(nobody), errno.ENODEV, 'name', None
    yield 'empty name', code({'name': ''}), errno.ENODEV, 'name', None
    yield 'name too long', code({'name': 'x' * 128}), errno.EINVAL, 'name', None
    yield 'name without its zero', raw(client, 'name', b'abc'), errno.EINVAL, 'name', None
    yield 'name of no bytes', raw(client, 'name', b''), errno.EINVAL, 'name', None
    yield 'name as a nest', raw(client, 'name', b'abc\0', True), errno.EINVAL, 'name', None
    yield 'major alone', code({'major': known['major']}), errno.EINVAL, 'major', None
    yield 'minor alone', code({'minor': known['minor']}), errno.EINVAL, 'minor', None
    yield 'unknown number', code(free), errno.ENODEV, 'minor', None
    yield 'major too great', code({'major': 4096, 'minor': 0}), errno.ERANGE, 'major', None
    yield 'minor too great', code({'major': 0, 'minor': 1 << 20}), errno.ERANGE, 'minor', None
    yield 'minor of one byte', raw(client, 'minor', b'\1'), errno.EINVAL, 'minor', None
    yield 'number of another device', code({'name': name, 'major': known['major'],
                                            'minor': known['minor'] + 1}), \
        errno.EINVAL, 'major', None
    yield 'trailing bytes', code({'name': name}) + b'\1', errno.EINVAL, None, None
    yield 'padding', code({'name': name}) + raw(client, 'pad', b''), errno.EINVAL, 'pad', None
    yield 'an attribute of replies', code({'name': name, 'mode': 2}), errno.EINVAL, 'mode', None
    yield 'an attribute of the future', code({'name': name}) + genl.attr(200, b'\0' * 4), \
        errno.EINVAL, '200', None


def check_select(name):
    client = Client()
    before = watched(client, name)
    count = 0
    for op in ('get', 'set', 'operate', 'job-get', 'job-cancel', 'confirm', 'caps-get', 'verify',
               'protected', 'offload'):
        for label, payload, code, at, missing in select_cases(client, name):
            if label == 'nothing named' and op == 'caps-get':
                continue
            expect(client, f'{op}, {label}', op, payload, code, at, missing)
            count += 1
    unchanged(client, name, before)
    print(f'# {count} requests refused')


def watched(client, name):
    state = client.get(name)
    return {what: state[what] for what in
            ('settings', 'copy-state', 'requested-copy-state', 'event-seq', 'reason', 'mode')}


def unchanged(client, name, before):
    same('the replica after refused requests', watched(client, name), before)


def settings_cases():
    good = {'resync-rate': 77, 'recovery': 3}
    yield 'payload 0', {**good, 'payload': 0}, errno.ERANGE, 'settings/payload'
    yield 'payload 3', {**good, 'payload': 3}, errno.ERANGE, 'settings/payload'
    yield 'on-replica-error 3', {'on-replica-error': 3, **good}, errno.ERANGE, \
        'settings/on-replica-error'
    yield 'recovery 1', {'recovery': 1}, errno.ERANGE, 'settings/recovery'
    yield 'recovery 4', {'recovery': 4}, errno.ERANGE, 'settings/recovery'
    yield 'resync-rate 1000001', {'resync-rate': 1000001}, errno.ERANGE, 'settings/resync-rate'
    yield 'replica-timeout 1', {**good, 'replica-timeout': 1}, errno.EINVAL, \
        'settings/replica-timeout'
    yield 'replica-timeout 99', {**good, 'replica-timeout': 99}, errno.EINVAL, \
        'settings/replica-timeout'
    yield 'replica-timeout 3600001', {**good, 'replica-timeout': 3600001}, errno.ERANGE, \
        'settings/replica-timeout'
    yield 'protect 0', {**good, 'protect': 0}, errno.ERANGE, 'settings/protect'
    yield 'protect 3', {**good, 'protect': 3}, errno.ERANGE, 'settings/protect'
    yield 'payload of four bytes', {**good, 'payload': b'\1\0\0\0'}, errno.EINVAL, \
        'settings/payload'
    yield 'resync-rate of one byte', {**good, 'resync-rate': b'\1'}, errno.EINVAL, \
        'settings/resync-rate'
    yield 'no setting', {}, errno.EINVAL, 'settings'


def check_set(name):
    """A bad setting among good ones changes none of them."""
    client = Client()
    before = watched(client, name)
    for label, settings, code, at in settings_cases():
        payload = client.protocol.encode({'name': name, 'settings': settings})
        expect(client, f'set, {label}', 'set', payload, code, at)
        unchanged(client, name, before)
    select = client.protocol.encode({'name': name})
    expect(client, 'set, no settings', 'set', select, errno.EINVAL, missing='settings')
    flat = select + raw(client, 'settings', client.protocol.encode({'resync-rate': 5}, 'setting'))
    expect(client, 'set, settings not marked as nest', 'set', flat, errno.EINVAL, 'settings')
    strange = select + raw(client, 'settings', genl.attr(60, b'\0' * 4), True)
    expect(client, 'set, unknown setting', 'set', strange, errno.EINVAL, 'settings/60')
    unchanged(client, name, before)


def check_operate(name):
    """In the state Synchronized; activate, resume and abort are for others."""
    client = Client()
    before = watched(client, name)
    enum = client.protocol.enums['operation']
    known = set(enum.values())
    possible = client.call('caps-get', name)[0]
    select = {'name': name}
    code = client.protocol.encode
    expect(client, 'operate, no operation', 'operate', code(select), errno.EINVAL,
           missing='operation')
    for number in list(range(0, 30)) + [255, 32768, 65535]:
        payload = code({**select, 'operation': number})
        if number not in known:
            expect(client, f'operation {number}', 'operate', payload, errno.EOPNOTSUPP,
                   'operation')
        elif number not in possible['operations']:
            expect(client, f'operation {number} in this state', 'operate', payload, errno.EBUSY,
                   'operation')
        if number in known and number not in possible['operations-force']:
            forced = code({**select, 'operation': number, 'force': True})
            expect(client, f'operation {number} by force', 'operate', forced, errno.EBUSY,
                   'operation')
    expect(client, 'force with content', 'operate',
           code({**select, 'operation': enum['resync'], 'force': b'\1\0\0\0'}), errno.ERANGE,
           'force')
    unchanged(client, name, before)


def check_job(name):
    """Jobs that are unknown, and one that is over."""
    client = Client()
    over = max(got['job']['id'] for got in client.dump('job-get', name))
    before = watched(client, name)
    code = client.protocol.encode
    for op in ('job-get', 'job-cancel'):
        expect(client, f'{op}, no number', op, code({'name': name}), errno.EINVAL,
               missing='job-id')
        expect(client, f'{op}, job 0', op, code({'name': name, 'job-id': 0}), errno.ERANGE,
               'job-id')
        expect(client, f'{op}, job 999999', op, code({'name': name, 'job-id': 999999}),
               errno.ENOENT, 'job-id')
    expect(client, 'job-cancel, a job that is over', 'job-cancel',
           code({'name': name, 'job-id': over}), errno.EBUSY, 'job-id')
    expect(client, 'protected, no number', 'protected', code({'name': name}), errno.EINVAL,
           missing='job-id')
    expect(client, 'protected, job 0', 'protected', code({'name': name, 'job-id': 0}),
           errno.ERANGE, 'job-id')
    expect(client, 'protected, nothing waits', 'protected',
           code({'name': name, 'job-id': over}), errno.EBUSY, 'job-id')
    expect(client, 'protected, reason too long', 'protected',
           code({'name': name, 'reason': 'x' * 128, 'job-id': over}), errno.EINVAL, 'reason')
    unchanged(client, name, before)


def check_confirm(name):
    client = Client()
    code = client.protocol.encode
    expect(client, 'confirm, no timeout', 'confirm', code({'name': name}), errno.EINVAL,
           missing='timeout')
    for timeout in (0, 3600001, 0xffffffff):
        expect(client, f'confirm, timeout {timeout}', 'confirm',
               code({'name': name, 'timeout': timeout}), errno.ERANGE, 'timeout')


def check_dump(name):
    client = Client()
    code = client.protocol.encode
    known = client.get(name)
    dump = genl.NLM_F_DUMP
    expect(client, 'dump of get, name', 'get', code({'name': name}), errno.EINVAL, 'name',
           flags=dump)
    expect(client, 'dump of get, minor', 'get', code({'minor': known['minor']}), errno.EINVAL,
           'minor', flags=dump)
    expect(client, 'dump of jobs, job', 'job-get', code({'name': name, 'job-id': 1}),
           errno.EINVAL, 'job-id', flags=dump)
    expect(client, 'dump of jobs, unknown name', 'job-get', code({'name': 'nobody'}),
           errno.ENODEV, 'name', flags=dump)
    expect(client, 'dump of jobs, minor alone', 'job-get', code({'minor': known['minor']}),
           errno.EINVAL, 'minor', flags=dump)


def check_headers(name):
    """What the netlink core refuses by the header alone."""
    client = Client()
    before = watched(client, name)
    payload = client.protocol.encode({'name': name})
    cmd = client.protocol.cmds['get']
    for label, change in (('reserved bytes', lambda data: data.__setitem__(19, 1)),
                          ('a flag without meaning', lambda data: data.__setitem__(7, 0x4))):
        request = bytearray(client.message(client.family.id, cmd, payload, genl.NLM_F_ACK))
        change(request)
        client.send_raw(bytes(request))
        refused(client, label, errno.EINVAL, True)
    beyond = max(client.protocol.cmds.values()) + 1
    for number in (0, client.protocol.cmds['event'], beyond, 255):
        client.send(client.family.id, number, payload, genl.NLM_F_ACK)
        refused(client, f'command {number}', errno.EOPNOTSUPP, False)
    for op in ('set', 'operate', 'job-cancel', 'confirm', 'caps-get', 'protected'):
        client.start(op, name, genl.NLM_F_ACK | genl.NLM_F_DUMP)
        refused(client, f'dump of {op}', errno.EOPNOTSUPP, False)
    unchanged(client, name, before)


def refused(client, label, code, sentence):
    try:
        client.answers(client.seq)
    except genl.Refused as refusal:
        same(f'{label}: errno', errno.errorcode.get(refusal.code), errno.errorcode[code])
        assert refusal.sentence or not sentence, f'{label}: refused without a sentence'
        return
    raise AssertionError(f'{label}: was not refused')


CHANGING = (('set', {'settings': {'resync_rate': 11}}), ('operate', {'operation': 12}),
            ('job-cancel', {'job_id': 1}), ('confirm', {'timeout': 1000}),
            ('protected', {'job_id': 1}),
            ('offload', {'offload': 1, 'sector': 0, 'sectors': 2048}))


def forbidden(client, name):
    """No changing command gets through, and each says why; the others all do."""
    before = watched(client, name)
    for op, values in CHANGING:
        client.start(op, name, **values)
        try:
            client.answers(client.seq)
        except genl.Refused as refusal:
            same(f'{op}: errno', errno.errorcode.get(refusal.code), 'EPERM')
            assert 'CAP_SYS_ADMIN' in (refusal.sentence or ''), f'{op}: {refusal.sentence}'
        else:
            raise AssertionError(f'{op} was carried out without CAP_SYS_ADMIN')
    unchanged(client, name, before)
    client.get(name)
    same('caps-get', len(client.call('caps-get', name)), 1)
    same('dump of get', len([got for got in client.dump('get') if got['name'] == name]), 1)
    job = client.dump('job-get', name)[0]['job']['id']
    same('job-get', client.call('job-get', name, job_id=job)[0]['job']['id'], job)


def check_user(name):
    """An ordinary user, and the two mixtures of a socket of one and a process of another."""
    opened_by_root = Client()
    mine, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        genl.without_privilege()
        forbidden(opened_by_root, name)
        forbidden(Client(), name)
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, genl.NETLINK_GENERIC)
        sock.bind((0, 0))
        socket.send_fds(theirs, [b'x'], [sock.fileno()])
        theirs.recv(1)
        os._exit(0)
    data = socket.recv_fds(mine, 1, 1)[1] if wait_readable(mine, child) else []
    assert data, 'the ordinary user failed'
    borrowed = Client()
    borrowed.sock.close()
    borrowed.sock = socket.socket(fileno=data[0])
    borrowed.sock.setsockopt(genl.SOL_NETLINK, genl.NETLINK_EXT_ACK, 1)
    borrowed.sock.setsockopt(genl.SOL_NETLINK, genl.NETLINK_CAP_ACK, 1)
    forbidden(borrowed, name)
    mine.send(b'x')
    same('the end of the ordinary user', os.waitpid(child, 0)[1], 0)


def wait_readable(sock, child):
    """Waits for the child's word, or its death."""
    sock.settimeout(0.2)
    while True:
        try:
            return bool(sock.recv(1, socket.MSG_PEEK))
        except socket.timeout:
            if os.waitpid(child, os.WNOHANG)[0]:
                return False


def check_forbidden(name):
    """Whoever calls this lacks CAP_SYS_ADMIN in the initial user namespace."""
    forbidden(Client(), name)


def check_allowed(name):
    """Whoever calls this has CAP_SYS_ADMIN, and no other capability."""
    assert os.getuid() != 0, 'this case is for an ordinary user with one capability'
    client = Client()
    client.call('set', name, settings={'resync_rate': 11})
    same('the setting', client.get(name)['settings']['resync-rate'], 11)


def check_absent():
    """The family does not exist in other network namespaces."""
    try:
        Client()
    except genl.Refused as refusal:
        same('errno', errno.errorcode.get(refusal.code), 'ENOENT')
        return
    sys.exit('the family is visible in another network namespace')


if __name__ == '__main__':
    main({'select': check_select, 'set': check_set, 'operate': check_operate, 'job': check_job,
          'confirm': check_confirm, 'dump': check_dump, 'headers': check_headers,
          'user': check_user, 'forbidden': check_forbidden, 'allowed': check_allowed,
          'absent': check_absent})
