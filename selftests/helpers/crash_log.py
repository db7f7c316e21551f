# SPDX-License-Identifier: GPL-2.0-or-later
"""What the meta device says about regions, read by the words of dm-replica-ondisk.h and
without any code of the module. Sets of regions are integers, bit n for region n."""
import struct

from crash_model import META, REPLICA, SECTOR

SB_PLACES = (0, 16 * 8)
SB_MAGIC = b'dmRepSB1'
LABEL_MAGIC = b'dmRepLb1'
CLEAN, LOST, JOB, LABEL, PENDING = (1 << n for n in range(5))
INTENTS, BITMAP = 0x746e4952, 0x616d4252
INITIALIZED = 2
INTENT_NONE = 0xffffffff
INTENTS_PER_SECTOR, BITS_PER_SECTOR = 120, 3840
HISTORY = 8
STATES = {2: 'Initialized', 3: 'Unsynchronized', 4: 'Synchronized', 5: 'Broken', 6: 'Fractured',
          7: 'Split', 8: 'Inactive', 9: 'Suspended', 12: 'Aborted'}


def bits_of(mask):
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Superblock:
    """The first sector of a copy has all that counts here."""

    def __init__(self, data):
        self.data = data
        self.flags, = struct.unpack_from('<H', data, 6)
        self.seq, = struct.unpack_from('<Q', data, 16)
        self.uuid = data[48:64]
        (self.sectors, self.region_sectors, self.intent_start, self.intent_blocks,
         self.bitmap_start, self.bitmap_blocks, self.activity,
         self.state) = struct.unpack_from('<QIIIIIIH', data, 192)
        self.activation, self.generation = struct.unpack_from('<QQ', data, 232)
        self.history = struct.unpack_from('<8Q', data, 248)
        self.regions = -(-self.sectors // self.region_sectors)
        self.all = (1 << self.regions) - 1

    def __str__(self):
        flags = [name for name, bit in (('clean', CLEAN), ('lost', LOST), ('label', LABEL),
                                        ('pending', PENDING)) if self.flags & bit]
        return (f'superblock {self.seq}: {STATES.get(self.state, self.state)} '
                f'{" ".join(flags)} activation {self.activation}')


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
        """None when there is none. A torn one cannot be: all that counts is in one sector."""
        if data[8:16] != SB_MAGIC:
            return None
        if data not in self.superblocks:
            if len(self.superblocks) > 1000:
                self.superblocks.clear()
            self.superblocks[data] = Superblock(data)
        return self.superblocks[data]

    def changed(self, sectors):
        if sectors:
            self.certain = None
        for sector in sectors:
            self.units.pop(sector, None)
            if sector in SB_PLACES:
                self.chosen = None

    def choices(self):
        """Superblocks that an activation may find; None is no log."""
        if self.chosen is None:
            found = {}
            for first in self.disks[META].contents(SB_PLACES[0]):
                for second in self.disks[META].contents(SB_PLACES[1]):
                    a, b = self.superblock(first), self.superblock(second)
                    best = b if b and (not a or b.seq > a.seq) else a
                    found[best and best.data] = best
            self.chosen = list(found.values())
        return self.chosen

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
        if sb.state == INITIALIZED:
            return 0 if self.sync_skip else sb.all
        if sb.flags & LOST:
            return sb.all
        mask = self.bitmap(sb)
        if not sb.flags & CLEAN:
            mask |= self.intents(sb)
        return mask

    def dirty(self):
        if self.certain is None:
            self.certain = -1
            for sb in self.choices():
                self.certain &= self.dirty_by(sb)
        return self.certain

    def label_place(self, sb):
        last = len(self.disks[REPLICA].durable) // SECTOR // 8 * 8 - 8
        return last if last >= sb.sectors else 0

    def kinships(self):
        """What the label may make of an activation: a set of words, 'same' is well."""
        found = set()
        for sb in self.choices():
            place = sb and self.label_place(sb)
            if not place or not sb.activation:
                continue
            for label in self.disks[REPLICA].contents(place):
                found.add(kinship(sb, label))
        return found


def kinship(sb, label):
    if label[8:16] != LABEL_MAGIC:
        return 'lost label' if sb.flags & LABEL else 'same'
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
