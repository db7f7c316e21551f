#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""row_writer.py --create DB | DB LOG: commits numbered rows to an SQLite database until SIGTERM.

The database is in WAL mode with synchronous=FULL, and its WAL goes to the database after few
pages, so that all that SQLite relies on happens often. Transaction n adds row n, sets the
tally to n and changes an older row. LOG, which is to be on another disk, gets a line for each
that was committed: n, and the time of CLOCK_MONOTONIC."""
import argparse
import hashlib
import signal
import sqlite3
import time

CHECKPOINT_PAGES = 24
over = False


def payload(number):
    """What row n holds, of some length or other."""
    return hashlib.shake_128(f'row {number}'.encode()).digest(number * 7919 % 2500 + 10)


def opened(path):
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    mode, = db.execute('PRAGMA journal_mode=WAL').fetchone()
    if mode != 'wal':
        raise SystemExit(f'the journal is in mode {mode}')
    db.execute('PRAGMA synchronous=FULL')
    db.execute(f'PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}')
    return db


def create(path):
    db = opened(path)
    db.execute('CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB, touched INTEGER)')
    db.execute('CREATE INDEX by_touched ON rows (touched)')
    db.execute('CREATE TABLE tally (n INTEGER)')
    db.execute('INSERT INTO tally VALUES (0)')
    db.close()


def commit(db, number):
    db.execute('BEGIN')
    db.execute('INSERT INTO rows VALUES (?, ?, 0)', (number, payload(number)))
    db.execute('UPDATE tally SET n = ?', (number,))
    db.execute('UPDATE rows SET touched = ? WHERE id = ?',
               (number, number * 6151 % number + number * 31 % 17))
    db.execute('COMMIT')


def row_check(path):
    """Return: how many rows there are, and what is wrong with them, or None."""
    try:
        db = sqlite3.connect(f'file:{path}?mode=rw', uri=True, isolation_level=None)
        try:
            return found_rows(db)
        finally:
            db.close()
    except sqlite3.Error as error:
        return 0, f'SQLite: {error}'


def found_rows(db):
    verdict = db.execute('PRAGMA integrity_check').fetchall()
    if verdict != [('ok',)]:
        return 0, f'integrity_check: {verdict[:3]}'
    rows = db.execute('SELECT id, data FROM rows ORDER BY id').fetchall()
    tally = db.execute('SELECT n FROM tally').fetchall()
    count = len(rows)
    if [number for number, _ in rows] != list(range(1, count + 1)):
        missing = sorted(set(range(1, rows[-1][0] + 1)) - {number for number, _ in rows})
        return count, f'{count} rows up to {rows[-1][0]}, without {missing[:5]}'
    if tally != [(count,)]:
        return count, f'{count} rows, but the tally says {tally}'
    for number, data in rows:
        if data != payload(number):
            return count, f'row {number} of {count} is not what was written'
    return count, None


def stop(*_):
    global over
    over = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--create', action='store_true', help='with no rows')
    parser.add_argument('db')
    parser.add_argument('log', nargs='?')
    args = parser.parse_args()
    if args.create:
        create(args.db)
        return
    if not args.log:
        parser.error('a log is needed')
    signal.signal(signal.SIGTERM, stop)
    db = opened(args.db)
    number, = db.execute('SELECT n FROM tally').fetchone()
    with open(args.log, 'a', encoding='ascii', buffering=1) as log:
        while not over:
            number += 1
            commit(db, number)
            print(number, f'{time.monotonic():.3f}', file=log)
    db.close()


if __name__ == '__main__':
    main()
