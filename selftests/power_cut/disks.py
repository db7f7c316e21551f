# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with volatile caches, served to QEMU over NBD by this process.

QEMU keeps nothing of what a guest writes to an NBD disk, and the cache is in our hands:
when the machine is killed, what the guest has not flushed is kept or dropped sector by
sector, by the rules of crash_model.py. No page cache of the host stands in between.
"""
import os
import selectors
import socket
import struct

from crash_model import SECTOR, Disk

# The fixed newstyle handshake, as far as QEMU needs it.
GREETING = struct.pack('>8s8sH', b'NBDMAGIC', b'IHAVEOPT', 1 | 2)
OPTION = struct.Struct('>8sII')
OPTION_REPLY = struct.Struct('>QIII')
OPTION_MAGIC, OPTION_REPLY_MAGIC = b'IHAVEOPT', 0x3e889045565a9
OPT_ABORT, OPT_INFO, OPT_GO = 2, 6, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED, REP_UNKNOWN = 1, 3, 1 << 31 | 1, 1 << 31 | 6
INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8

REQUEST = struct.Struct('>IHHQQI')
REPLY = struct.Struct('>IIQ')
REQUEST_MAGIC, REPLY_MAGIC = 0x25609513, 0x67446698
READ, WRITE, DISCONNECT, FLUSH = range(4)
FUA = 1
EIO, EINVAL = 5, 22
MOST_BYTES = 32 << 20


class Medium:
    """A disk: what reads return, and what a power cut may leave of it."""

    def __init__(self, name, sectors):
        self.name = name
        self.disk = Disk(sectors)
        self.live = bytearray(sectors * SECTOR)
        self.written = set()    # sectors, since begin()
        self.number = 0

    def begin(self):
        """The machine is started."""
        self.written = set()

    def write(self, offset, data, fua):
        self.number += 1
        sectors = self.disk.write(self.number, offset // SECTOR, data)
        self.disk.finish(self.number, fua)
        self.live[offset:offset + len(data)] = data
        self.written.update(sectors)

    def flush(self):
        self.number += 1
        self.disk.flush(self.number)
        self.disk.flushed(self.number)

    def cut(self, random):
        """The power goes. Return: sectors that were not flushed, and those lost of them."""
        cached = list(self.disk.cached)
        self.disk.lose(self.disk.survivors(random))
        lost = 0
        for sector in cached:
            place = slice(sector * SECTOR, (sector + 1) * SECTOR)
            lost += self.live[place] != self.disk.durable[place]
        self.live = bytearray(self.disk.durable)
        return len(cached), lost

    def settled(self):
        """The disk as it is after a cut, with nothing uncertain, for crash_log.MetaLog."""
        disk = Disk(0)
        disk.durable = self.disk.durable
        return disk


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.medium = None
        self.greeted = False


class Server:
    """Serves media by their names on a socket, whenever serve() is called.

    on_write is called with each medium that was written to or flushed, before the request
    is done; when it returns True the power is off at that instant: nothing is served or
    answered any more until start()."""

    def __init__(self, path, media):
        self.media = {medium.name: medium for medium in media}
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.connections = set()
        self.on_write = lambda medium: False
        self.off = True

    def start(self):
        self.off = False
        for medium in self.media.values():
            medium.begin()

    def stop(self):
        """The power is off. What the machine had sent meanwhile has not arrived."""
        self.off = True
        for connection in list(self.connections):
            self.close(connection)

    def close(self, connection):
        self.selector.unregister(connection.sock)
        connection.sock.close()
        self.connections.discard(connection)

    def serve(self, seconds):
        """Serve what there is; wait so long for it."""
        for key, _ in self.selector.select(seconds):
            if self.off:
                return
            if key.data is None:
                self.accept()
            elif key.data in self.connections:
                self.receive(key.data)

    def accept(self):
        sock, _ = self.listener.accept()
        try:
            sock.sendall(GREETING)
        except OSError:
            # A machine that was killed while it connected.
            sock.close()
            return
        connection = Connection(sock)
        self.connections.add(connection)
        self.selector.register(sock, selectors.EVENT_READ, connection)

    def receive(self, connection):
        try:
            data = connection.sock.recv(1 << 20)
            connection.buffer += data
            while not self.off and self.one(connection):
                pass
        except OSError:
            data = b''
        if not data and connection in self.connections:
            self.close(connection)

    def one(self, connection):
        """Deal with one message. Return: False when it is not complete yet."""
        if connection.medium:
            return self.request(connection)
        if not connection.greeted:
            if len(connection.buffer) < 4:
                return False
            del connection.buffer[:4]
            connection.greeted = True
        return self.option(connection)

    # The handshake.

    def option(self, connection):
        buffer = connection.buffer
        if len(buffer) < OPTION.size:
            return False
        magic, option, size = OPTION.unpack_from(buffer)
        if magic != OPTION_MAGIC:
            raise OSError('not an option')
        if len(buffer) < OPTION.size + size:
            return False
        data = bytes(buffer[OPTION.size:OPTION.size + size])
        del buffer[:OPTION.size + size]
        if option in (OPT_GO, OPT_INFO):
            self.go(connection, option, data)
        elif option == OPT_ABORT:
            self.answer(connection, option, REP_ACK)
            raise OSError('aborted')
        else:
            self.answer(connection, option, REP_UNSUPPORTED)
        return True

    @staticmethod
    def answer(connection, option, kind, data=b''):
        connection.sock.sendall(OPTION_REPLY.pack(OPTION_REPLY_MAGIC, option, kind, len(data)) + data)

    def go(self, connection, option, data):
        length, = struct.unpack_from('>I', data)
        medium = self.media.get(data[4:4 + length].decode())
        if not medium:
            self.answer(connection, option, REP_UNKNOWN)
            return
        self.answer(connection, option, REP_INFO,
                    struct.pack('>HQH', INFO_EXPORT, len(medium.live),
                                HAS_FLAGS | SEND_FLUSH | SEND_FUA))
        self.answer(connection, option, REP_INFO,
                    struct.pack('>HIII', INFO_BLOCK_SIZE, SECTOR, 4096, MOST_BYTES))
        self.answer(connection, option, REP_ACK)
        if option == OPT_GO:
            connection.medium = medium

    # Requests.

    def request(self, connection):
        buffer = connection.buffer
        if len(buffer) < REQUEST.size:
            return False
        magic, flags, kind, handle, offset, size = REQUEST.unpack_from(buffer)
        if magic != REQUEST_MAGIC:
            raise OSError('not a request')
        end = REQUEST.size + (size if kind == WRITE else 0)
        if len(buffer) < end:
            return False
        payload = bytes(buffer[REQUEST.size:end])
        del buffer[:end]
        if kind == DISCONNECT:
            raise OSError('disconnected')
        if kind in (WRITE, FLUSH) and self.on_write(connection.medium):
            self.off = True
            return False
        error, data = self.perform(connection.medium, kind, flags, offset, size, payload)
        connection.sock.sendall(REPLY.pack(REPLY_MAGIC, error, handle) + data)
        return True

    @staticmethod
    def perform(medium, kind, flags, offset, size, payload):
        if kind == FLUSH:
            medium.flush()
            return 0, b''
        if offset % SECTOR or size % SECTOR or offset + size > len(medium.live):
            return EINVAL, b''
        if kind == READ:
            return 0, bytes(medium.live[offset:offset + size])
        if kind == WRITE:
            medium.write(offset, payload, flags & FUA)
            return 0, b''
        return EIO, b''

    def remove(self):
        self.stop()
        self.selector.unregister(self.listener)
        os.unlink(self.listener.getsockname())
        self.listener.close()
