# SPDX-License-Identifier: GPL-2.0-or-later
"""The protocol as Documentation/netlink/specs/dm_replica.yaml tells it.

The file is read by a parser of the few forms that it uses, so that nothing has
to be installed; a form that the parser does not know is an error.
"""
import os
import re
import struct

import genl

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPEC = os.path.join(TREE, 'Documentation/netlink/specs/dm_replica.yaml')
HEADER = os.path.join(TREE, 'include/uapi/linux/dm-replica.h')

SIZES = {'u8': '=B', 'u16': '=H', 'u32': '=I', 'u64': '=Q'}


def yaml_lines(path):
    with open(path, encoding='utf-8') as file:
        for line in file:
            line = line.rstrip('\n')
            if line.strip() and not line.lstrip().startswith('#'):
                yield len(line) - len(line.lstrip()), line.strip()


def scalar(word):
    if re.fullmatch(r'-?\d+', word):
        return int(word)
    if word in ('true', 'false'):
        return word == 'true'
    if word[:1] in '[{&*!|>\'"%@`' or ': ' in word or ' #' in word:
        raise ValueError(f'the parser does not know the form of "{word}"')
    return word


def yaml_block(lines, indent):
    """The mapping or list whose lines have this indent; takes them from lines."""
    if lines[0][1] == '-' or lines[0][1].startswith('- '):
        return yaml_list(lines, indent)
    found = {}
    while lines and lines[0][0] == indent:
        key, colon, value = lines.pop(0)[1].partition(':')
        if not colon or key in found or (value and not value.startswith(' ')):
            raise ValueError(f'not a new "key: value": {key}')
        value = value.strip()
        deeper = lines and lines[0][0] > indent
        if value == '>-':
            words = []
            while lines and lines[0][0] > indent:
                words.append(lines.pop(0)[1])
            found[key] = ' '.join(words)
        elif value:
            found[key] = scalar(value)
        elif deeper:
            found[key] = yaml_block(lines, lines[0][0])
        else:
            raise ValueError(f'{key} has no value')
    return found


def yaml_list(lines, indent):
    found = []
    while lines and lines[0][0] == indent:
        word = lines.pop(0)[1]
        if word == '-':
            found.append(yaml_block(lines, lines[0][0]))
        elif word.startswith('- '):
            found.append(scalar(word[2:]))
        else:
            raise ValueError(f'not an item of a list: {word}')
    return found


def read_yaml(path):
    lines = list(yaml_lines(path))
    whole = yaml_block(lines, 0)
    if lines:
        raise ValueError(f'{path}: cannot read "{lines[0][1]}"')
    return whole


def numbered(items, first):
    """name -> number for items that may carry a value of their own."""
    found, number = {}, first
    for item in items:
        number = item.get('value', number)
        found[item['name']] = number
        number += 1
    return found


class Protocol:
    """Names to numbers and back, for requests and for what comes from the kernel."""

    def __init__(self, path=SPEC):
        self.yaml = read_yaml(path)
        self.sets, self.numbers = {}, {}
        for space in self.yaml['attribute-sets']:
            self.sets[space['name']] = {a['name']: a for a in space['attributes']}
            self.numbers[space['name']] = numbered(space['attributes'], 1)
        self.enums = {d['name']: numbered(d['entries'], 0)
                      for d in self.yaml['definitions'] if d['type'] == 'enum'}
        self.consts = {d['name']: d['value']
                       for d in self.yaml['definitions'] if d['type'] == 'const'}
        self.ops = {op['name']: op for op in self.yaml['operations']['list']}
        self.cmds = numbered(self.yaml['operations']['list'], 1)

    def encode(self, values, space='replica'):
        """Attributes from {name: value}; bytes are taken as they are."""
        data = b''
        for name, value in values.items():
            kind, number = self.sets[space][name], self.numbers[space][name]
            if isinstance(value, bytes):
                data += genl.attr(number, value)
            elif kind['type'] == 'nest':
                data += genl.attr(number, self.encode(value, kind['nested-attributes']), True)
            elif kind['type'] == 'string':
                data += genl.attr(number, value.encode() + b'\0')
            elif kind['type'] == 'flag':
                data += genl.attr(number, b'')
            else:
                data += genl.attr(number, struct.pack(SIZES[kind['type']], value))
        return data

    def decode(self, data, space='replica'):
        """{name: value} of attributes; whatever the spec does not allow is an error."""
        names = {number: name for name, number in self.numbers[space].items()}
        found = {}
        for item in genl.attrs(data):
            name = names[item.type]
            kind = self.sets[space][name]
            if kind['type'] == 'pad':
                assert not item.data, f'{name} has content'
                continue
            assert name not in found, f'{name} comes twice'
            assert item.nested == (kind['type'] == 'nest'), f'{name}: nested is {item.nested}'
            found[name] = self.value(kind, item.data)
        return found

    def value(self, kind, data):
        if kind['type'] == 'nest':
            return self.decode(data, kind['nested-attributes'])
        if kind['type'] == 'string':
            return genl.text(data)
        if kind['type'] == 'flag':
            assert not data
            return True
        if kind['type'] == 'binary':
            size, form = {'u16': (2, 'H'), 'u64': (8, 'Q')}[kind['sub-type']]
            return list(struct.unpack(f'={len(data) // size}{form}', data))
        value = struct.unpack(SIZES[kind['type']], data)[0]
        if 'enum' in kind:
            assert value in self.enums[kind['enum']].values(), f'{kind["name"]} is {value}'
        return value


class Header:
    """Enumerations, constants and comments of the uapi header."""

    def __init__(self, path=HEADER):
        with open(path, encoding='utf-8') as file:
            source = file.read()
        self.enums, self.comments = {}, {}
        for name, body in re.findall(r'^enum (\w+) \{\n(.*?)^\};', source, re.S | re.M):
            self.enums[name] = self.members(body)
        self.defines = {name: value for name, value in
                        re.findall(
                            r'^#define (DM_REPLICA_\w+)\s+("[^"]*"|\d+)(?:\s*/\*.*\*/)?$',
                            source, re.M)}

    def members(self, body):
        found, number = {}, 0
        for line in body.splitlines():
            if not line.strip():
                continue
            member = re.fullmatch(r'\t(\w+)(?: = (\d+))?,?(?:\s*/\* (.*) \*/)?', line)
            if not member:
                raise ValueError(f'the header has an unknown line: "{line}"')
            number = int(member.group(2)) if member.group(2) else number
            found[member.group(1)] = number
            self.comments[member.group(1)] = member.group(3) or ''
            number += 1
        return found
