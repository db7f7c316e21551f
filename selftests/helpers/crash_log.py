# SPDX-License-Identifier: GPL-2.0-or-later
"""What the meta device says about regions, read by the words of dm-replica-ondisk.h and
without any code of the module. Sets of regions are integers, bit n for region n."""
import itertools
import struct

from crash_model import META, ORIGIN, REPLICA, SECTOR

SB_PLACES = (0, 16 * 8)
SB_BYTES = 8 * SECTOR
SB_SECTORS = {place + sector for place in SB_PLACES for sector in range(8)}
DAMAGED = 'damaged'
SB_MAGIC = b'dmRepSB1'
LABEL_MAGIC = b'dmRepLb1'
CLEAN, LOST, _, LABEL, PENDING = (1 << n for n in range(5))
INTENTS, BITMAP = 0x746e4952, 0x616d4252
INTENT_NONE = 0xffffffff
INTENTS_PER_SECTOR, BITS_PER_SECTOR = 120, 3840
HISTORY = 8
STATES = {2: 'Initialized', 3: 'Unsynchronized', 4: 'Synchronized', 5: 'Broken', 6: 'Fractured',
          7: 'Split', 8: 'Inactive', 9: 'Suspended', 10: 'Failedover', 11: 'Prepared',
          12: 'Aborted'}
HELD = ('Fractured', 'Split', 'Inactive', 'Suspended', 'Failedover', 'Prepared', 'Aborted')
ROLES = 1 << 1          # incompatible feature


CRC_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82f63b78 if _byte & 1 else 0)
    CRC_TABLE.append(_byte)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def bits_of(mask):
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Superblock:
    def __init__(self, data):
        self.data = data
        self.label_sector, = struct.unpack_from('<Q', data, 480)
        self.flags, = struct.unpack_from('<H', data, 6)
        self.seq, = struct.unpack_from('<Q', data, 16)
        self.uuid = data[48:64]
        (self.sectors, self.region_sectors, self.intent_start, self.intent_blocks,
         self.bitmap_start, self.bitmap_blocks, self.activity,
         self.state) = struct.unpack_from('<QIIIIIIH', data, 192)
        self.activation, self.generation = struct.unpack_from('<QQ', data, 232)
        self.history = struct.unpack_from('<8Q', data, 248)
        incompat, = struct.unpack_from('<Q', data, 40)
        self.origin_label_sector, self.swaps = struct.unpack_from('<QI', data, 4064)
        if not incompat & ROLES:
            self.origin_label_sector = self.swaps = 0
        self.regions = -(-self.sectors // self.region_sectors)
        self.all = (1 << self.regions) - 1

    def __str__(self):
        flags = [name for name, bit in (('clean', CLEAN), ('lost', LOST), ('label', LABEL),
                                        ('pending', PENDING)) if self.flags & bit]
        return (f'superblock {self.seq}: {STATES.get(self.state, self.state)} '
                f'{" ".join(flags)} activation {self.activation} swaps {self.swaps}')

    def roles(self):
        """The disks that are origin and replica now."""
        return (REPLICA, ORIGIN) if self.swaps & 1 else (ORIGIN, REPLICA)


class MetaLog:
    """What may be read from the disks now."""

    def __init__(self, disks, sync_skip):
        self.disks = disks
        self.sync_skip = sync_skip
        self.superblocks = {}
        self.parsed = {}
        self.units = {}
        self.chosen = None
        self.certain = None

    def superblock(self, data):
        """A Superblock, None where there never was one, or DAMAGED."""
        if data not in self.superblocks:
            if len(self.superblocks) > 1000:
                self.superblocks.clear()
            if not any(data):
                found = None
            elif struct.unpack_from('<I', data)[0] != crc32c(data[4:]):
                found = DAMAGED
            else:
                found = Superblock(data)
            self.superblocks[data] = found
        return self.superblocks[data]

    def copies(self, place):
        """What a copy may be; each of its sectors by itself may be an old one."""
        parts = [set(self.disks[META].contents(sector)) for sector in range(place, place + 8)]
        return {self.superblock(b''.join(block)) for block in itertools.product(*parts)}

    def changed(self, sectors):
        if sectors:
            self.certain = None
        for sector in sectors:
            self.units.pop(sector, None)
            if sector in SB_SECTORS:
                self.chosen = None

    def choices(self):
        """Superblocks that an activation may find; None is no log, and DAMAGED no start."""
        if self.chosen is None:
            self.chosen = list({choose(first, second)
                                for first in self.copies(SB_PLACES[0])
                                for second in self.copies(SB_PLACES[1])})
        return self.chosen

    def readable(self):
        return [sb for sb in self.choices() if sb != DAMAGED]

    def unit(self, sector, kind, sb, first):
        """Regions that the log sector names, whichever of its contents is found."""
        key = self.units.get(sector)
        if key is None or key[0] != sb.uuid:
            mask = -1
            for data in self.disks[META].contents(sector):
                mask &= self.parse(data, sector, kind, sb, first)
            self.units[sector] = key = (sb.uuid, mask)
        return key[1]

    def parse(self, data, sector, kind, sb, first):
        body = data[32:]
        has_kind, uuid, place = struct.unpack_from('<I8sQ', data, 4)
        if has_kind != kind or uuid != sb.uuid[:8] or place != sector:
            return -1 if kind == INTENTS else ((1 << BITS_PER_SECTOR) - 1) << first
        key = (kind, first, body)
        if key not in self.parsed:
            if len(self.parsed) > 20000:
                self.parsed.clear()
            self.parsed[key] = self.parse_body(kind, body, sb, first)
        return self.parsed[key]

    @staticmethod
    def parse_body(kind, body, sb, first):
        if kind == BITMAP:
            return int.from_bytes(body, 'little') << first
        mask = 0
        for region in set(struct.unpack('<120I', body)):
            if region != INTENT_NONE:
                if region >= sb.regions:
                    return -1
                mask |= 1 << region
        return mask

    def intents(self, sb):
        mask = 0
        for unit in range(-(-sb.activity // INTENTS_PER_SECTOR)):
            mask |= self.unit(sb.intent_start * 8 + unit, INTENTS, sb, 0)
        return mask & sb.all

    def bitmap(self, sb):
        mask = 0
        for unit in range(-(-sb.regions // BITS_PER_SECTOR)):
            mask |= self.unit(sb.bitmap_start * 8 + unit, BITMAP, sb, unit * BITS_PER_SECTOR)
        return mask & sb.all

    def dirty_by(self, sb):
        """Regions that an activation which finds this superblock copies for sure."""
        if sb is None:
            return 0 if self.sync_skip else -1
        if sb.flags & LOST:
            return sb.all
        mask = self.bitmap(sb)
        if not sb.flags & CLEAN:
            mask |= self.intents(sb)
        return mask

    def dirty(self):
        if self.certain is None:
            self.certain = -1
            for sb in self.readable():
                self.certain &= self.dirty_by(sb)
        return self.certain

    def kinships(self):
        """What an activation may make of the superblocks and the labels: 'same' is well."""
        found = set()
        for sb in self.choices():
            if sb == DAMAGED:
                found.add('damaged')
            elif sb:
                found |= self.kinships_of(sb)
        return found

    def kinships_of(self, sb):
        origin, replica = (self.disks[disk] for disk in sb.roles())
        found = set()
        for disk, role, sectors in (
                (origin, 1, (sb.origin_label_sector, sb.label_sector)),
                (replica, 0, (sb.label_sector, sb.origin_label_sector))):
            for sector in filter(None, sectors):
                if sector < len(disk.durable) // SECTOR:
                    found |= {'swapped' for label in disk.contents(sector)
                              if role_of(sb, label) not in (None, role)}
        if sb.label_sector:
            found |= {kinship(sb, label) for label in replica.contents(sb.label_sector)}
        elif sb.origin_label_sector:
            found |= {kinship(sb, label) for label in origin.contents(sb.origin_label_sector)}
        return found


def choose(first, second):
    good = [sb for sb in (first, second) if isinstance(sb, Superblock)]
    if good:
        return max(good, key=lambda sb: sb.seq)
    return None if first is second is None else DAMAGED


def role_of(sb, label):
    """The role that the leg with this label has by now; None when it is no label of ours."""
    if label[8:16] != LABEL_MAGIC or label[16:32] != sb.uuid:
        return None
    role, = struct.unpack_from('<H', label, 6)
    swaps, = struct.unpack_from('<I', label, 64)
    return (role ^ (sb.swaps - swaps)) & 1


def kinship(sb, label):
    if sb.flags & PENDING and not sb.history[0]:
        return 'same'
    if label[8:16] != LABEL_MAGIC:
        return 'lost label'
    uuid = label[16:32]
    activation, generation = struct.unpack_from('<QQ', label, 40)
    if uuid != sb.uuid:
        return 'stranger'
    if (generation, activation) == (sb.generation, sb.activation):
        return 'same'
    if sb.flags & PENDING and activation + 1 == sb.activation and sb.history[0] == generation:
        return 'same'
    if activation > sb.activation:
        return 'old meta'
    if generation in sb.history or activation + HISTORY < sb.activation:
        return 'old replica'
    return 'diverged'
