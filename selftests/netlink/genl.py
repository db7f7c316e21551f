# SPDX-License-Identifier: GPL-2.0-or-later
"""Generic netlink by raw sockets: nothing between the test and the kernel's bytes."""
import collections
import errno
import os
import socket
import struct

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_MULTI = 0x2
NLM_F_ACK = 0x4
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_ACK_TLVS = 0x200

NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3fff

EXTACK_MSG = 1
EXTACK_OFFS = 2
EXTACK_MISS_TYPE = 5

GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3
CTRL_CMD_GETPOLICY = 10
CTRL_A_FAMILY_ID, CTRL_A_FAMILY_NAME, CTRL_A_VERSION, CTRL_A_HDRSIZE = 1, 2, 3, 4
CTRL_A_MAXATTR, CTRL_A_OPS, CTRL_A_MCAST_GROUPS, CTRL_A_POLICY = 5, 6, 7, 8
CTRL_A_OP_POLICY, CTRL_A_OP = 9, 10

Attr = collections.namedtuple('Attr', 'type nested data')
Message = collections.namedtuple('Message', 'type flags seq portid body')


class Refused(Exception):
    """A request that the kernel refused, with all that the acknowledgment tells."""

    def __init__(self, code, sentence=None, offset=None, missing=None):
        super().__init__(f'{errno.errorcode.get(code, code)}: {sentence}')
        self.code, self.sentence = code, sentence
        self.offset, self.missing = offset, missing


class Silence(Exception):
    """Nothing came in time."""


def attr(kind, data, nested=False):
    length = 4 + len(data)
    return (struct.pack('=HH', length, kind | (NLA_F_NESTED if nested else 0)) + data
            + bytes(-length % 4))


def attrs(data):
    """All attributes of a stream; a malformed stream raises ValueError."""
    found, at = [], 0
    while at < len(data):
        if len(data) - at < 4:
            raise ValueError('trailing bytes')
        length, kind = struct.unpack_from('=HH', data, at)
        if length < 4 or at + length > len(data):
            raise ValueError(f'attribute of length {length} at {at} of {len(data)}')
        found.append(Attr(kind & NLA_TYPE_MASK, bool(kind & NLA_F_NESTED),
                          data[at + 4:at + length]))
        at += (length + 3) & ~3
    return found


def by_type(data):
    return {found.type: found for found in attrs(data)}


def u16(data):
    return struct.unpack('=H', data)[0]


def u32(data):
    return struct.unpack('=I', data)[0]


def text(data):
    if data[-1:] != b'\0':
        raise ValueError(f'string without a zero: {data!r}')
    return data[:-1].decode()


def parse_extack(tlvs):
    known = by_type(tlvs)
    sentence = text(known[EXTACK_MSG].data) if EXTACK_MSG in known else None
    offset = u32(known[EXTACK_OFFS].data) if EXTACK_OFFS in known else None
    missing = u32(known[EXTACK_MISS_TYPE].data) if EXTACK_MISS_TYPE in known else None
    return {'sentence': sentence, 'offset': offset, 'missing': missing}


class Socket:
    """
    One netlink socket.  seq counts the requests that it sent.  The kernel makes the
    steps of a dump as long as the longest buffer that the socket has read into.
    """

    def __init__(self, timeout=20, buffer=1 << 17):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.sock.settimeout(timeout)
        self.seq, self.buffer = 0, buffer
        self.queue = collections.deque()

    def close(self):
        self.sock.close()

    def join(self, group):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def send_raw(self, data):
        self.sock.send(data)

    def message(self, family, cmd, payload=b'', flags=0, version=1):
        """The bytes of a request that counts one on."""
        self.seq += 1
        body = struct.pack('=BBH', cmd, version, 0) + payload
        return struct.pack('=IHHII', 16 + len(body), family, NLM_F_REQUEST | flags,
                           self.seq, 0) + body

    def send(self, family, cmd, payload=b'', flags=0):
        self.send_raw(self.message(family, cmd, payload, flags))
        return self.seq

    def recv(self, timeout=None):
        """The next message; Silence when none comes in time."""
        if not self.queue:
            if timeout is not None:
                self.sock.settimeout(timeout)
            try:
                data = self.sock.recv(self.buffer)
            except (socket.timeout, BlockingIOError) as late:
                raise Silence() from late
            self.queue.extend(split(data))
        return self.queue.popleft()

    def answers(self, seq):
        """The replies to one request, up to its end.  Raises Refused."""
        replies = []
        while True:
            got = self.recv()
            if got.seq != seq:
                raise AssertionError(f'a message with seq {got.seq}, expected {seq}')
            if got.type in (NLMSG_ERROR, NLMSG_DONE):
                finish(got)
                return replies
            replies.append(got)

    def ask(self, family, cmd, payload=b'', flags=0):
        return self.answers(self.send(family, cmd, payload, flags | NLM_F_ACK))


def finish(got):
    """Judges an acknowledgment or the end of a dump."""
    code = -struct.unpack_from('=i', got.body)[0]
    if code == 0:
        return
    tlvs = b''
    if got.flags & NLM_F_ACK_TLVS:
        tlvs = got.body[20 if got.type == NLMSG_ERROR else 4:]
    raise Refused(code, **parse_extack(tlvs))


def split(data):
    messages, at = [], 0
    while at < len(data):
        length, kind, flags, seq, portid = struct.unpack_from('=IHHII', data, at)
        if length < 16 or at + length > len(data):
            raise AssertionError(f'message of length {length} in a datagram of {len(data)}')
        messages.append(Message(kind, flags, seq, portid, data[at + 16:at + length]))
        at += (length + 3) & ~3
    return messages


class Family:
    """What the controller tells of a family."""

    def __init__(self, sock, name):
        reply = sock.ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
                         attr(CTRL_A_FAMILY_NAME, name.encode() + b'\0'))[0]
        told = by_type(reply.body[4:])
        self.id = u16(told[CTRL_A_FAMILY_ID].data)
        self.version = u32(told[CTRL_A_VERSION].data)
        self.hdrsize = u32(told[CTRL_A_HDRSIZE].data)
        self.ops, self.groups = {}, {}
        for entry in attrs(told[CTRL_A_OPS].data):
            op = by_type(entry.data)
            self.ops[u32(op[1].data)] = u32(op[2].data)
        for entry in attrs(told[CTRL_A_MCAST_GROUPS].data):
            group = by_type(entry.data)
            self.groups[text(group[1].data)] = u32(group[2].data)


def policies(sock, family):
    """The policies of a family: {cmd: {'do': index, 'dump': index}}, {index: {type: {}}}."""
    ops, tables = {}, {}
    for got in sock.ask(GENL_ID_CTRL, CTRL_CMD_GETPOLICY,
                        attr(CTRL_A_FAMILY_ID, struct.pack('=H', family)), NLM_F_DUMP):
        told = by_type(got.body[4:])
        if CTRL_A_OP_POLICY in told:
            for entry in attrs(told[CTRL_A_OP_POLICY].data):
                ops[entry.type] = {{1: 'do', 2: 'dump'}[which.type]: u32(which.data)
                                   for which in attrs(entry.data)}
        if CTRL_A_POLICY in told:
            for table in attrs(told[CTRL_A_POLICY].data):
                for entry in attrs(table.data):
                    tables.setdefault(table.type, {})[entry.type] = policy_entry(entry.data)
    return ops, tables


# NL_POLICY_TYPE_ATTR_*: how to read each of them.
POLICY_PAD = 11
POLICY_FIELDS = {1: 'type', 2: 'min_s', 3: 'max_s', 4: 'min', 5: 'max', 6: 'min_len',
                 7: 'max_len', 8: 'policy', 9: 'maxtype', 10: 'bitfield', 12: 'mask'}


def policy_entry(data):
    return {POLICY_FIELDS.get(field.type, field.type): int.from_bytes(field.data, 'little')
            for field in attrs(data) if field.type != POLICY_PAD}


def without_privilege():
    """Makes this process an ordinary user's, for good."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
