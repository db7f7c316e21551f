#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crash_disks.py LOG SECTORS... DEVICE...

Serves nbd devices as disks with volatile caches and FUA, all from one task, and writes
down what they receive and complete in one order. crash_model.py has what that means.
Some requests are held up for a while before the disk has them, others after it, so that
writes of one moment reach the legs at different times and in another order.

Commands on standard input, each answered with a line on standard output:

    break N, heal N     requests of disk N fail; "N" is 0, 1 or 2
    hang N, unhang N    disk N answers nothing
    lose N              disk N lost its power: what was not flushed may be gone
    fail_flush N        the next flush of disk N fails, and what it was to save may be gone
    off, on             all disks lose power and fail whatever comes, until "on"
    off_after N         the same by itself, N events from now
    off_at_swap N       N events after the meta device, the last one, is about to receive a
                        superblock that tells of another change of places; 0: before it does
    break_at_swap N, hang_at_swap N
                        the meta device fails, or answers nothing, from then on
    is_off              "yes" or "no"
    late PERCENT MS [N] how many requests are held up, and for how long at most; of disk N
                        or of all
    mark WORD...        a note in the log
    events              how many there were
    quit
"""
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import sys
import time

from crash_log import SB_BYTES, Superblock
from crash_model import (DONE, FLUSH, FLUSHED, FUA, LOST, MARK, META, SECTOR, WRITE, Disk,
                         apply, write_record)

SET_SOCK, SET_BLKSIZE, DO_IT, CLEAR_SOCK = 0xab00, 0xab01, 0xab03, 0xab04
SET_SIZE_BLOCKS, SET_FLAGS = 0xab07, 0xab0a
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
REQUEST = struct.Struct('>IIQQI')
REPLY = struct.Struct('>IIQ')
REQUEST_MAGIC, REPLY_MAGIC = 0x25609513, 0x67446698
NBD_READ, NBD_WRITE, NBD_DISCONNECT, NBD_FLUSH = range(4)
NBD_FUA = 1 << 16
EIO = 5
AT_SWAP = ('off_at_swap', 'break_at_swap', 'hang_at_swap')


def connect(device, sectors, others):
    """Give the device a socket. Return: our end, which only we keep."""
    ours, theirs = socket.socketpair()
    if os.fork():
        theirs.close()
        return ours
    for end in [ours, *others]:
        end.close()
    for number in (0, 1):
        os.close(number)
    node = os.open(device, os.O_RDWR)
    fcntl.ioctl(node, CLEAR_SOCK)
    fcntl.ioctl(node, SET_BLKSIZE, SECTOR)
    fcntl.ioctl(node, SET_SIZE_BLOCKS, sectors)
    fcntl.ioctl(node, SET_FLAGS, HAS_FLAGS | SEND_FLUSH | SEND_FUA)
    fcntl.ioctl(node, SET_SOCK, theirs.fileno())
    try:
        fcntl.ioctl(node, DO_IT)
    except OSError:
        pass
    os._exit(0)


class Server:
    def __init__(self, log, sizes, sockets):
        self.log = open(log, 'wb', buffering=1 << 20)
        self.began = time.monotonic()
        self.disks = [Disk(size) for size in sizes]
        self.live = [bytearray(size * SECTOR) for size in sizes]
        self.sockets = sockets
        self.input = [bytearray() for _ in sockets]
        self.broken = [False] * len(sockets)
        self.bad_flush = [False] * len(sockets)
        self.losses = [0] * len(sockets)
        self.hanging = [None] * len(sockets)
        self.number = 0
        self.events = 0
        self.timers = []
        self.off = False
        self.off_at = self.break_at = self.hang_at = self.at_swap = None
        self.late = [(0, 0)] * len(sockets)
        self.random = random.Random(int(os.environ.get('CRASH_SEED', '1')))
        self.record(MARK, data=('sizes ' + ' '.join(map(str, sizes))).encode())

    def record(self, kind, disk=0, flags=0, number=0, sector=0, data=b''):
        ms = int((time.monotonic() - self.began) * 1000)
        write_record(self.log, kind, disk, flags, number, sector, ms, data)
        if kind != MARK:
            apply(self.disks, (kind, disk, flags, number, sector, ms, data))
            self.events += 1

    # Requests.

    def received(self, disk, data):
        buffer = self.input[disk]
        buffer += data
        at = 0
        while len(buffer) - at >= REQUEST.size:
            magic, kind, handle, start, size = REQUEST.unpack_from(buffer, at)
            if magic != REQUEST_MAGIC:
                raise ValueError('not a request')
            end = at + REQUEST.size
            payload = b''
            if kind & 0xffff == NBD_WRITE:
                end += size
                if len(buffer) < end:
                    break
                payload = bytes(buffer[at + REQUEST.size:end])
            at = end
            self.request(disk, (kind, handle, start, size, payload))
        del buffer[:at]

    def request(self, disk, request):
        if self.hanging[disk] is not None:
            self.hanging[disk].append(request)
        elif self.is_late(disk):
            self.later(self.serve, disk, request)
        else:
            self.serve(disk, request)

    def is_late(self, disk):
        percent = self.late[disk][0]
        return percent and self.random.randrange(100) < percent

    def later(self, function, disk, *arguments):
        when = time.monotonic() + self.random.random() * self.late[disk][1] / 1000
        self.number += 1
        heapq.heappush(self.timers, (when, self.number, function, (disk, *arguments)))

    def reply(self, disk, handle, error=0, data=b''):
        self.sockets[disk].sendall(REPLY.pack(REPLY_MAGIC, error, handle) + data)

    def look_for_swap(self, disk, start, payload):
        """Is this the write that exchanges the roles?"""
        if (self.at_swap and disk == META and start == 0 and len(payload) >= SB_BYTES
                and Superblock(payload[:SB_BYTES]).swaps != self.at_swap[2]):
            word, after, _ = self.at_swap
            self.at_swap = None
            setattr(self, word, self.events + after)

    def serve(self, disk, request):
        kind, handle, start, size, payload = request
        command = kind & 0xffff
        self.look_for_swap(disk, start, payload)
        if self.off_at is not None and self.events >= self.off_at:
            self.power_off()
        if self.break_at is not None and self.events >= self.break_at:
            self.broken[META], self.break_at = True, None
        if self.hang_at is not None and self.events >= self.hang_at:
            self.hanging[META], self.hang_at = [], None
        if self.hanging[disk] is not None:
            self.hanging[disk].append(request)
            return
        if self.broken[disk] or self.off:
            self.reply(disk, handle, EIO)
        elif command == NBD_READ:
            self.reply(disk, handle, 0, memoryview(self.live[disk])[start:start + size])
        elif command == NBD_WRITE:
            self.number += 1
            self.live[disk][start:start + size] = payload
            self.record(WRITE, disk, FUA if kind & NBD_FUA else 0, self.number,
                        start // SECTOR, payload)
            self.end(DONE, disk, handle, FUA if kind & NBD_FUA else 0)
        elif command == NBD_FLUSH and self.bad_flush[disk]:
            self.bad_flush[disk] = False
            self.lose(disk)
            self.reply(disk, handle, EIO)
        elif command == NBD_FLUSH:
            self.number += 1
            self.record(FLUSH, disk, number=self.number)
            self.end(FLUSHED, disk, handle, 0)
        elif command != NBD_DISCONNECT:
            self.reply(disk, handle, EIO)

    def end(self, kind, disk, handle, flags):
        arguments = disk, kind, handle, flags, self.number, self.losses[disk]
        if self.is_late(disk):
            self.later(self.ended, *arguments)
        else:
            self.ended(*arguments)

    def ended(self, disk, kind, handle, flags, number, losses):
        """The request is over; not well when the disk has lost its power meanwhile."""
        if self.off or self.broken[disk] or losses != self.losses[disk]:
            self.reply(disk, handle, EIO)
            return
        self.record(kind, disk, flags, number)
        self.reply(disk, handle)

    # Failures.

    def lose(self, disk):
        outcome = self.disks[disk].survivors(self.random)
        data = b''.join(struct.pack('<I', place) + outcome[place] for place in sorted(outcome))
        self.record(LOST, disk, data=data)
        self.losses[disk] += 1
        self.live[disk] = bytearray(self.disks[disk].durable)

    def power_off(self):
        if not self.off:
            self.off = True
            for disk in range(len(self.disks)):
                self.lose(disk)
        self.off_at = self.at_swap = None

    def release(self, disk):
        requests, self.hanging[disk] = self.hanging[disk], None
        for request in requests or ():
            self.serve(disk, request)

    def command(self, line):
        word, *rest = line.split()
        numbers = [int(text) for text in rest] if word != 'mark' else []
        if word == 'break':
            self.broken[numbers[0]] = True
        elif word == 'heal':
            self.broken[numbers[0]] = False
        elif word == 'hang':
            self.hanging[numbers[0]] = []
        elif word == 'unhang':
            self.release(numbers[0])
        elif word == 'lose':
            self.lose(numbers[0])
        elif word == 'fail_flush':
            self.bad_flush[numbers[0]] = True
        elif word == 'off':
            self.power_off()
        elif word == 'on':
            self.off = False
            self.off_at = self.at_swap = None
        elif word == 'off_after':
            self.off_at = self.events + numbers[0]
        elif word in AT_SWAP:
            self.at_swap = (word.replace('_swap', ''), numbers[0],
                            Superblock(bytes(self.live[META][:SB_BYTES])).swaps)
        elif word == 'is_off':
            return 'yes' if self.off else 'no'
        elif word == 'late':
            for disk in numbers[2:] or range(len(self.late)):
                self.late[disk] = tuple(numbers[:2])
        elif word == 'events':
            return str(self.events)
        elif word != 'mark':
            return f'unknown: {line}'
        if word not in ('late', 'off_after', *AT_SWAP):
            self.record(MARK, data=line.encode())
        return 'ok'

    # The loop.

    def run_timers(self):
        while self.timers and self.timers[0][0] <= time.monotonic():
            _, _, function, arguments = heapq.heappop(self.timers)
            function(*arguments)

    def commands(self):
        """Return: False when it is time to go."""
        for line in os.read(0, 65536).decode().splitlines() or ['quit']:
            if line == 'quit':
                self.log.close()
                print('ok', flush=True)
                return False
            print(self.command(line), flush=True)
        return True

    def run(self):
        poll = select.poll()
        disks = {socket.fileno(): index for index, socket in enumerate(self.sockets)}
        for number in [0, *disks]:
            poll.register(number, select.POLLIN)
        while True:
            wait = None
            if self.timers:
                wait = max(0, (self.timers[0][0] - time.monotonic()) * 1000)
            for number, _ in poll.poll(wait):
                if number == 0:
                    if not self.commands():
                        return
                    continue
                data = self.sockets[disks[number]].recv(1 << 20)
                if not data:
                    poll.unregister(number)
                self.received(disks[number], data)
            self.run_timers()


def main():
    log, *rest = sys.argv[1:]
    sizes = [int(word) for word in rest[:len(rest) // 2]]
    devices = rest[len(rest) // 2:]
    sockets = []
    for device, size in zip(devices, sizes):
        sockets.append(connect(device, size, sockets))
    server = Server(log, sizes, sockets)
    print('ok', flush=True)
    server.run()


main()
