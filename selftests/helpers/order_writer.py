#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""order_writer.py [OPTION]... DEVICE LOG: writes to DEVICE until it gets SIGTERM, and says in
LOG which write was acknowledged before which was submitted; order_check.py reads that.

Threads write directly, 512 bytes to 64 KiB, often to the same few places; each sector is
stamped with the number of the write, its own number and the run. Some writes are O_DSYNC,
and now and then a thread flushes. In every other second only few of the threads go on, since
then each write follows nearly all before it. The lines, all under one lock:

    S number sector count fua   about to be submitted
    A number                    has returned
    E number                    has failed
    FS number, FA number, FE number     a flush likewise

A write's real submission is after its S and its real acknowledgment before its A, so what
the log calls "acknowledged before it was submitted" was so."""
import argparse
import itertools
import mmap
import os
import random
import signal
import struct
import threading
import time

SECTOR = 512
LARGEST = 65536
STAMP = struct.Struct('<QQQ')


class Log:
    def __init__(self, path):
        self.file = open(path, 'w', encoding='ascii')
        self.lock = threading.Lock()

    def add(self, *words):
        line = ' '.join(map(str, words)) + '\n'
        with self.lock:
            self.file.write(line)

    def close(self):
        self.file.close()


class Writer:
    def __init__(self, args):
        self.args = args
        self.log = Log(args.log)
        self.over = threading.Event()
        self.numbers = itertools.count(1)
        self.device = os.open(args.device, os.O_RDWR | os.O_DIRECT)
        self.durable = os.open(args.device, os.O_RDWR | os.O_DIRECT | os.O_DSYNC)
        self.sectors = args.sectors or os.lseek(self.device, 0, os.SEEK_END) // SECTOR

    def place(self, chance):
        """First sector and number of sectors. Small ones are frequent, and so are few places."""
        block = self.args.block // SECTOR
        count = min(1 << int(chance.expovariate(0.4)), LARGEST // SECTOR)
        count = max(chance.randint(count // 2, count) // block, 1) * block
        if chance.random() < self.args.hot / 100:
            sector = chance.randrange(4) * self.sectors // 4 + chance.randrange(64)
        else:
            sector = chance.randrange(self.sectors)
        return min(sector, self.sectors - count) // block * block, count

    def write(self, chance, buffer):
        sector, count = self.place(chance)
        fua = chance.random() * 100 < self.args.dsync
        number = next(self.numbers)
        for index in range(count):
            STAMP.pack_into(buffer, index * SECTOR, number, sector + index, self.args.run)
        self.log.add('S', number, sector, count, int(fua))
        try:
            os.pwrite(self.durable if fua else self.device,
                      memoryview(buffer)[:count * SECTOR], sector * SECTOR)
        except OSError:
            self.log.add('E', number)
            self.over.wait(0.05)
            return
        self.log.add('A', number)

    def flush(self, chance):
        number = next(self.numbers)
        self.log.add('FS', number)
        try:
            chance.choice((os.fsync, os.fdatasync))(self.device)
        except OSError:
            self.log.add('FE', number)
            return
        self.log.add('FA', number)

    def work(self, worker):
        chance = random.Random(worker * 1000 + self.args.run)
        buffer = mmap.mmap(-1, LARGEST)
        while not self.over.is_set():
            if worker >= self.args.few and int(time.monotonic()) % 2:
                self.over.wait(0.05)
                continue
            if chance.random() * 100 < self.args.flush:
                self.flush(chance)
            else:
                self.write(chance, buffer)
            if self.args.pause:
                self.over.wait(self.args.pause / 1000)

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: self.over.set())
        threads = [threading.Thread(target=self.work, args=(worker,))
                   for worker in range(self.args.workers)]
        for thread in threads:
            thread.start()
        self.over.wait()
        for thread in threads:
            thread.join()
        self.log.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--workers', type=int, default=8)
    parser.add_argument('--few', type=int, default=2, help='workers in every other second')
    parser.add_argument('--flush', type=float, default=8, help='percent of flushes')
    parser.add_argument('--dsync', type=float, default=6, help='percent of writes with O_DSYNC')
    parser.add_argument('--hot', type=float, default=40, help='percent of writes to few places')
    parser.add_argument('--pause', type=float, default=0, help='ms between writes')
    parser.add_argument('--block', type=int, default=512, help='bytes; writes are multiples')
    parser.add_argument('--sectors', type=int, help='of the device, from its beginning')
    parser.add_argument('--run', type=int, default=1, help='part of the stamp')
    parser.add_argument('device')
    parser.add_argument('log')
    Writer(parser.parse_args()).run()


main()
