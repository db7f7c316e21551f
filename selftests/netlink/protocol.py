#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the spec, the uapi header and the running module against each other."""
import re

import genl
from replica import Client, main, same
from spec import Header, Protocol

# NL_ATTR_TYPE_*: what a policy dump calls the types of the spec.
POLICY_TYPES = {'flag': 1, 'u8': 2, 'u16': 3, 'u32': 4, 'u64': 5, 'string': 12, 'nest': 13}
LIMITS = {'u8': 0xff, 'u16': 0xffff, 'u32': 0xffffffff, 'u64': 2**64 - 1}

GENL_CMD_CAP_DO, GENL_CMD_CAP_DUMP, GENL_CMD_CAP_HASPOL = 2, 4, 8


def constant(name):
    return name.upper().replace('-', '_')


def enumerations(protocol):
    """{enum of the header: {member: number}} as the spec tells them."""
    found = {}
    for item in protocol.yaml['definitions']:
        if item['type'] == 'enum':
            found[item['enum-name']] = (item['name-prefix'], protocol.enums[item['name']], False)
    for item in protocol.yaml['attribute-sets']:
        found[item['enum-name']] = (item['name-prefix'], protocol.numbers[item['name']], True)
    ops = protocol.yaml['operations']
    found[ops['enum-name']] = (ops['name-prefix'], protocol.cmds, True)
    return {name.replace('-', '_'): told for name, told in found.items()}


def check_values():
    """Every number of the header is in the spec, and the other way round."""
    protocol, header = Protocol(), Header()
    told = enumerations(protocol)
    same('the set of enumerations', sorted(header.enums), sorted(told))
    for name, (prefix, numbers, counted) in told.items():
        wanted = {constant(prefix + member): number for member, number in numbers.items()}
        if counted:
            wanted[constant(prefix) + 'UNSPEC'] = 0
            wanted['__' + constant(prefix) + 'LAST'] = max(numbers.values()) + 1
        same(f'enum {name} of the header', header.enums[name], wanted)
        print(f'# {name}: {len(wanted)} members')


def check_constants():
    protocol, header = Protocol(), Header()
    wanted = {constant('dm-replica-' + name): str(value)
              for name, value in protocol.consts.items()}
    wanted[constant(protocol.yaml['c-family-name'])] = f'"{protocol.yaml["name"]}"'
    wanted[constant(protocol.yaml['c-version-name'])] = '1'
    for group in protocol.yaml['mcast-groups']['list']:
        wanted[constant(group['c-define-name'])] = f'"{group["name"]}"'
    same('the constants of the header', header.defines, wanted)


def check_types():
    """The type that the comment of an attribute names is the one in the spec."""
    protocol, header = Protocol(), Header()
    checked = 0
    for space in protocol.yaml['attribute-sets']:
        for name, kind in protocol.sets[space['name']].items():
            comment = header.comments[constant(space['name-prefix'] + name)]
            if kind['type'] == 'pad':
                continue
            told = re.match(r'(?:\(R\) )?(u\d+|string|nest|flag|binary)\b', comment)
            if space['name'] == 'counter':
                same(f'the type of counter {name}', kind['type'], 'u64')
            else:
                assert told, f'the header does not tell the type of {name}: "{comment}"'
                same(f'the type of {name}', kind['type'], told.group(1))
            enum = re.search(r'enum (dm_replica_\w+)', comment)
            if enum and kind['type'] != 'nest':
                same(f'the enum of {name}', enum_name(protocol, kind), enum.group(1))
            elif enum:
                same(f'the nest of {name}', nest_name(protocol, kind), enum.group(1))
            checked += 1
    assert checked > 50, f'only {checked} attributes were checked'


def enum_name(protocol, kind):
    for item in protocol.yaml['definitions']:
        if item['name'] == kind.get('enum'):
            return item['enum-name'].replace('-', '_')
    return None


def nest_name(protocol, kind):
    for item in protocol.yaml['attribute-sets']:
        if item['name'] == kind['nested-attributes']:
            return item['enum-name'].replace('-', '_')
    return None


def check_marks():
    """The attributes that the header marks (R) are the reply to GET."""
    protocol, header = Protocol(), Header()
    marked = [name for name in protocol.sets['replica']
              if header.comments[constant('dm-replica-a-' + name)].startswith('(R)')]
    get = protocol.ops['get']
    same('the reply to get', get['do']['reply']['attributes'], marked)
    same('the dump of get', get['dump']['reply']['attributes'], marked)


def check_header():
    check_values()
    check_constants()
    check_types()
    check_marks()


def check_family():
    """The family is registered as the spec has it, and for everybody to read."""
    client = Client()
    protocol, family = client.protocol, client.family
    same('the version', family.version, 1)
    same('the size of the family header', family.hdrsize, 0)
    same('the multicast groups', sorted(family.groups),
         sorted(group['name'] for group in protocol.yaml['mcast-groups']['list']))
    wanted = {}
    for name, op in protocol.ops.items():
        flags = GENL_CMD_CAP_HASPOL if 'do' in op or 'dump' in op else 0
        flags |= GENL_CMD_CAP_DO if 'do' in op else 0
        flags |= GENL_CMD_CAP_DUMP if 'dump' in op else 0
        if flags:
            wanted[protocol.cmds[name]] = flags
    same('the commands and their flags', family.ops, wanted)


def expected(protocol, space, name):
    """What a policy dump has to say about an attribute."""
    kind = protocol.sets[space][name]
    checks = kind.get('checks', {})
    told = {'type': POLICY_TYPES[kind['type']]}
    if kind['type'] in LIMITS:
        told['min'] = checks.get('min', 0)
        told['max'] = checks.get('max', LIMITS[kind['type']])
    if 'max-len' in checks:
        told['max_len'] = checks['max-len']
    return told


def compare_table(client, tables, index, space, names, where):
    """One policy against the attributes that the spec lets pass there."""
    protocol = client.protocol
    numbers = {protocol.numbers[space][name]: name for name in names}
    table = tables[index]
    same(f'the attributes of {where}', sorted(table), sorted(numbers))
    for number, name in numbers.items():
        told = dict(table[number])
        nested = told.pop('policy', None)
        told.pop('maxtype', None)
        same(f'{name} of {where}', told, expected(protocol, space, name))
        kind = protocol.sets[space][name]
        if kind['type'] == 'nest':
            deeper = kind['nested-attributes']
            inside = [inner for inner, what in protocol.sets[deeper].items()
                      if what['type'] != 'pad']
            compare_table(client, tables, nested, deeper, inside, f'{where}, in {name}')


def check_policy():
    """The policies of the running module let through what the spec allows, no more."""
    client = Client()
    ops, tables = genl.policies(client, client.family.id)
    seen = 0
    for name, op in client.protocol.ops.items():
        for mode in ('do', 'dump'):
            if mode not in op:
                continue
            # One policy serves both modes of a command; the dump itself refuses the rest.
            names = op.get('do', op.get('dump')).get('request', {}).get('attributes', [])
            same(f'{mode} of {name} in the policy dump', mode in ops[client.protocol.cmds[name]],
                 True)
            compare_table(client, tables, ops[client.protocol.cmds[name]][mode], 'replica',
                          names, f'{mode} of {name}')
            seen += 1
    assert seen >= 9, f'only {seen} policies were compared'
    print(f'# {seen} policies compared')


def check_replies(name):
    """Replies hold what the spec lists for them, and all of it that has to be there."""
    client = Client()
    listed = client.protocol.ops['get']['do']['reply']['attributes']
    # Absent by the header's word when there is nothing to tell.
    optional = {'uuid', 'meta', 'meta-failed', 'active-regions', 'consistent-age', 'job',
                'point-age', 'delta-due', 'offload-state', 'offload-reason'}
    replies = [client.get(name)] + [got for got in client.dump('get') if got['name'] == name]
    same('the number of answers to get', len(replies), 2)
    for reply in replies:
        assert set(reply) <= set(listed), f'get has {set(reply) - set(listed)} too many'
        assert set(listed) - set(reply) <= optional, f'get lacks {set(listed) - set(reply)}'
        same('the settings', set(reply['settings']), set(client.protocol.sets['setting']))
        same('the counters', set(reply['counters']) | {'pad'},
             set(client.protocol.sets['counter']))
        same('the queue', set(reply['queue']) | {'pad', 'drain', 'switch-reason'},
             set(client.protocol.sets['queue']))
        same('the delays', len(reply['queue']['delays']), client.protocol.consts['delays'])
    caps = client.call('caps-get', name)[0]
    same('the reply to caps-get', set(caps),
         set(client.protocol.ops['caps-get']['do']['reply']['attributes']))
    same('replication types', caps['replication-types'], [2, 3, 10, 18])
    known = set(client.protocol.enums['operation'].values())
    assert set(caps['operations']) <= set(caps['operations-force']) <= known
    same('the reply to caps-get of the module', set(client.call('caps-get')[0]),
         {'replication-types', 'module-version'})


def check_lookup(name, other):
    """Name, number, and both: one replica, by whatever it is called."""
    client = Client()
    by_name, stranger = client.get(name), client.get(other)
    number = {'major': by_name['major'], 'minor': by_name['minor']}
    same('name by number', client.call('get', number)[0]['name'], name)
    same('name by both', client.call('get', {'name': name, **number})[0]['name'], name)
    wrong = {'name': name, 'major': stranger['major'], 'minor': stranger['minor']}
    try:
        client.call('get', wrong)
    except genl.Refused as refusal:
        same('errno', refusal.code, 22)
    else:
        raise AssertionError('name and number of two replicas were taken for one')


if __name__ == '__main__':
    main({'header': check_header, 'family': check_family, 'policy': check_policy,
          'replies': check_replies, 'lookup': check_lookup})
