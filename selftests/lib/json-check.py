#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""json-check.py SCHEMA: holds the JSON documents on standard input against a schema.

Knows the part of JSON Schema that replicactl.schema.json uses, and refuses a schema with
more. Prints what is wrong and the number of documents; exits with 1 if anything is wrong.
"""
import json
import re
import sys

TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None),
         'integer': int}
NOTES = {'$schema', 'title', 'description', '$defs'}


class Checker:
    def __init__(self, schema):
        self.defs = schema.get('$defs', {})

    def faults(self, value, schema, path='$'):
        for keyword, wanted in schema.items():
            if keyword in NOTES or keyword in ('then', 'else'):
                continue
            rule = getattr(self, 'rule_' + keyword.strip('$'), None)
            if rule is None:
                raise SystemExit(f'the schema uses "{keyword}", which is not known here')
            yield from rule(value, wanted, path, schema)

    def fits(self, value, schema):
        return not any(self.faults(value, schema))

    def rule_ref(self, value, wanted, path, _):
        yield from self.faults(value, self.defs[wanted.rsplit('/', 1)[1]], path)

    @staticmethod
    def rule_type(value, wanted, path, _):
        names = wanted if isinstance(wanted, list) else [wanted]
        good = any(isinstance(value, TYPES[name]) and
                   (name == 'boolean' or not isinstance(value, bool)) for name in names)
        if not good:
            yield f'{path}: {value!r} is no {" or ".join(names)}'

    @staticmethod
    def rule_const(value, wanted, path, _):
        if value != wanted:
            yield f'{path}: {value!r} is not {wanted!r}'

    @staticmethod
    def rule_enum(value, wanted, path, _):
        if value not in wanted:
            yield f'{path}: {value!r} is not in {wanted}'

    @staticmethod
    def rule_minimum(value, wanted, path, _):
        if isinstance(value, int) and value < wanted:
            yield f'{path}: {value} is below {wanted}'

    @staticmethod
    def rule_maximum(value, wanted, path, _):
        if isinstance(value, int) and value > wanted:
            yield f'{path}: {value} is above {wanted}'

    @staticmethod
    def rule_pattern(value, wanted, path, _):
        if isinstance(value, str) and not re.search(wanted, value):
            yield f'{path}: {value!r} does not match {wanted}'

    @staticmethod
    def rule_required(value, wanted, path, _):
        for name in wanted:
            if isinstance(value, dict) and name not in value:
                yield f'{path}: lacks {name}'

    def rule_properties(self, value, wanted, path, _):
        for name, schema in wanted.items():
            if isinstance(value, dict) and name in value:
                yield from self.faults(value[name], schema, f'{path}.{name}')

    @staticmethod
    def rule_additionalProperties(value, wanted, path, schema):
        for name in value if isinstance(value, dict) and wanted is False else ():
            if name not in schema.get('properties', {}):
                yield f'{path}: {name} is not in the schema'

    def rule_items(self, value, wanted, path, _):
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from self.faults(item, wanted, f'{path}[{index}]')

    def rule_allOf(self, value, wanted, path, _):
        for schema in wanted:
            yield from self.faults(value, schema, path)

    def rule_anyOf(self, value, wanted, path, _):
        tried = [list(self.faults(value, schema, path)) for schema in wanted]
        if all(tried):
            yield from min(tried, key=len)

    def rule_not(self, value, wanted, path, _):
        if self.fits(value, wanted):
            yield f'{path}: is what it must not be: {wanted}'

    def rule_if(self, value, wanted, path, schema):
        branch = 'then' if self.fits(value, wanted) else 'else'
        if branch in schema:
            yield from self.faults(value, schema[branch], path)


def documents(text):
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        yield document


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        schema = json.load(file)
    checker, count, wrong = Checker(schema), 0, 0
    for document in documents(sys.stdin.read()):
        count += 1
        for fault in checker.faults(document, schema):
            wrong += 1
            print(f'document {count} ({document.get("command")}): {fault}')
    print(f'{count} documents')
    sys.exit(1 if wrong or not count else 0)


main()
