#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""file_stress.py [OPTION]... DIR: small files in DIR come, change and go until SIGTERM.

Each worker has a directory of its own, in which it writes, appends, truncates, reserves,
renames, links, gives attributes, removes, and flushes some of it. One more numbers the lines
of two files: a line goes to "first", which is flushed, and then to "second", which is flushed,
so "second" never has a line that "first" lacks. Errors, as of a full file system, are passed
over, but not those of the numbered files, which file_check() looks at after a crash."""
import argparse
import os
import random
import signal
import sys

LINE = 16
LARGEST = 65536


def line_of(number):
    return f'{number:{LINE - 1}d}\n'.encode()


def add_line(path, number):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, line_of(number))
    os.fsync(file)
    os.close(file)


def number_lines(place):
    number = 0
    while True:
        number += 1
        for name in ('first', 'second'):
            add_line(os.path.join(place, name), number)


def count_lines(path):
    """How many there are. What is not whole at the end does not count, anything else is bad."""
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except FileNotFoundError:
        return 0
    count = len(data) // LINE
    if data != b''.join(map(line_of, range(1, count + 2)))[:len(data)]:
        raise ValueError(f'{os.path.basename(path)}: not the lines 1 to {count}')
    return count


def file_check(place):
    """What is wrong with the numbered files, or None."""
    try:
        first, second = (count_lines(os.path.join(place, name)) for name in ('first', 'second'))
    except ValueError as error:
        return str(error)
    if not second <= first <= second + 1:
        return f'{first} lines in first, {second} in second'
    return None


class Worker:
    def __init__(self, place, seed, names):
        self.place = place
        self.chance = random.Random(seed)
        self.names = names
        self.operations = (
            [self.write] * 6 + [self.append] * 4 + [self.flush] * 4 + [self.remove] * 3 +
            [self.rename] * 3 + [self.truncate] * 2 +
            [self.reserve, self.link, self.symlink, self.make, self.attribute, self.flush_names])

    def path(self):
        return os.path.join(self.place, f'file{self.chance.randrange(self.names)}')

    def opened(self, flags, function):
        file = os.open(self.path(), flags)
        try:
            function(file)
        finally:
            os.close(file)

    def data(self):
        return self.chance.randbytes(int(min(self.chance.expovariate(1 / 4000) + 1, LARGEST)))

    def write(self):
        self.opened(os.O_WRONLY | os.O_CREAT, lambda file: os.pwrite(
            file, self.data(), self.chance.randrange(LARGEST)))

    def append(self):
        def add(file):
            if os.fstat(file).st_size < LARGEST:
                os.write(file, self.data())
        self.opened(os.O_WRONLY | os.O_CREAT | os.O_APPEND, add)

    def flush(self):
        self.opened(os.O_WRONLY, self.chance.choice((os.fsync, os.fdatasync)))

    def flush_names(self):
        names = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(names)
        os.close(names)

    def truncate(self):
        os.truncate(self.path(), self.chance.randrange(LARGEST))

    def reserve(self):
        self.opened(os.O_WRONLY | os.O_CREAT, lambda file: os.posix_fallocate(
            file, self.chance.randrange(LARGEST), 8192))

    def rename(self):
        os.rename(self.path(), self.path())

    def link(self):
        os.link(self.path(), self.path())

    def symlink(self):
        target = os.path.basename(self.path())
        os.symlink('./' * self.chance.randrange(100) + target, self.path())

    def make(self):
        os.mkdir(self.path())

    def remove(self):
        path = self.path()
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)

    def attribute(self):
        os.setxattr(self.path(), 'user.some', self.chance.randbytes(self.chance.randrange(300)))

    def run(self):
        os.mkdir(self.place)
        while True:
            try:
                self.chance.choice(self.operations)()
            except OSError:
                pass


def spawn(function, *arguments):
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    function(*arguments)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--workers', type=int, default=3)
    parser.add_argument('--names', type=int, default=24, help='for each worker')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('dir')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children = [spawn(number_lines, args.dir)]
    for number in range(args.workers):
        worker = Worker(os.path.join(args.dir, f'worker{number}'), args.seed * 100 + number,
                        args.names)
        children.append(spawn(worker.run))
    try:
        # None of them ends by itself.
        os.wait()
        print('# a worker has ended', flush=True)
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            try:
                os.waitpid(child, 0)
            except ChildProcessError:
                pass


if __name__ == '__main__':
    main()
