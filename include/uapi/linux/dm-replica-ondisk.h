/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What the replica target keeps on its meta device, byte by byte.
 *
 * The meta device holds, for one association of an origin and a replica, which
 * regions of the two may differ.  It is made of blocks of 4096 bytes:
 *
 *	block 0				superblock, first copy
 *	block 16			superblock, second copy
 *	block intent_start ...		intents, intent_blocks of them
 *	block bitmap_start ...		dirty bitmap, bitmap_blocks of them
 *
 * Everything is little endian.  Blocks that are in none of these places are not
 * looked at.  All fields called reserved are written as zero and not looked at
 * either; a change that an older version must not overlook sets a feature bit.
 *
 * Region
 *	The unit of the log: region_sectors sectors, a power of two.  Region n
 *	holds the sectors from n * region_sectors; the last one may be short.
 *
 * Superblock
 *	Both copies are written one after the other, each with FUA and with the
 *	same seq, one more than before.  A reader takes the good copy with the
 *	greater seq.  When none is good the device holds no log.
 *
 * Log sector
 *	Intents and bitmap are made of units of 512 bytes, the most that every disk
 *	writes as a whole.  Each has a checksum, the place it was written for and
 *	part of the uuid, so that a unit that is damaged, was written elsewhere,
 *	or belongs to another log is known as such.  A power cut leaves the old or
 *	the new contents of a unit.
 *
 * Intents
 *	A list of regions that are or were being written to: any of them may
 *	differ after a crash.  An entry is durable before the first write to its
 *	region is issued, and is taken out when both legs hold all writes to the
 *	region durably.  The order of entries means nothing, a region may stand
 *	twice, DM_REPLICA_INTENT_NONE is no entry.  When a unit is damaged all
 *	regions may differ.
 *
 * Bitmap
 *	One bit for each region, from bit 0 of byte 0 of the first unit: 1 means
 *	that the region may differ.  When a unit is damaged the regions that it
 *	stands for may differ.
 *
 * After a crash the regions that may differ are those in the intents and those
 * in the bitmap.  With DM_REPLICA_SB_CLEAN set there are none in the intents.
 * With DM_REPLICA_SB_LOST set the log could not be written at some time, and all
 * regions may differ.
 *
 * Clone
 *	With the incompatible feature of that name the replica is to become a copy
 *	of the origin of one instant, and gets no writes.  A bit of the bitmap is
 *	then set until its region is durable on the replica, and is durably clear
 *	before the first write to the region since that instant is issued to the
 *	origin.  There are no intents.  What is damaged is not copied again: the
 *	state becomes Aborted, as with DM_REPLICA_SB_LOST, and stays so.
 *
 * Generations
 *	Each activation of the association draws a random number, its generation.
 *	The superblock remembers this and the ones before.  When the replica has
 *	room behind the mirrored sectors its last whole 4096 byte block is the
 *	label when the log is made: it repeats the uuid and the generation on that
 *	side, and stays there when the device grows.  At activation
 *	the label tells a replica that has missed something (its generation is in
 *	the history), a meta device that is a copy from earlier (the label's
 *	activation is later than its own), and legs that were swapped (the
 *	label is on the origin).  The superblock is written first, with
 *	DM_REPLICA_SB_PENDING, then the label, then the superblock without it: only
 *	while it is set may the label have the generation before the present one.
 *
 * Roles
 *	Origin and replica can change places.  The superblock counts that in swaps;
 *	the write that adds one is the instant at which it happens, and it exchanges
 *	the two paths and the two places of labels as well.  Before the first time the
 *	origin gets a label too, if it has room.  A label says which role its leg had
 *	and how many swaps there had been: after an odd number more it has the other
 *	role.  So a label that could not be written anew tells the truth too, and at
 *	activation legs in the wrong order are known as such.
 *
 * Whole
 *	While DM_REPLICA_SB_WHOLE is set the replica is a copy of one moment, whichever
 *	regions may differ from what the origin is now.  It is durably clear before the
 *	first byte of a resync is written to the replica.  So it says nothing when it is
 *	clear: a version that does not know it clears it, and it is set only with the
 *	setting protect, and in a log that ended in order.  With DM_REPLICA_SB_LOST it
 *	does not count.
 */
#ifndef _LINUX_DM_REPLICA_ONDISK_H
#define _LINUX_DM_REPLICA_ONDISK_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/build_bug.h>
#else
#include <assert.h>
#endif

/* Bytes of a block, and of a log sector. */
#define DM_REPLICA_BLOCK_SIZE		4096
#define DM_REPLICA_LOG_SECTOR_SIZE	512
#define DM_REPLICA_LOG_SECTORS_PER_BLOCK	8

/* Blocks at which the superblock stands. */
#define DM_REPLICA_SB_BLOCK_0		0
#define DM_REPLICA_SB_BLOCK_1		16
/* First block that intents and bitmap may use. */
#define DM_REPLICA_LOG_BLOCK		32

#define DM_REPLICA_SB_MAGIC		"dmRepSB1"
#define DM_REPLICA_LABEL_MAGIC		"dmRepLb1"
#define DM_REPLICA_MAGIC_LEN		8
#define DM_REPLICA_ONDISK_VERSION	1

/* Generations before the present one that the superblock remembers. */
#define DM_REPLICA_HISTORY		8

/* sb.flags */
#define DM_REPLICA_SB_CLEAN		(1 << 0)	/* ended in order: no intents */
#define DM_REPLICA_SB_LOST		(1 << 1)	/* all regions may differ */
#define DM_REPLICA_SB_JOB		(1 << 2)	/* the job fields count */
#define DM_REPLICA_SB_LABEL		(1 << 3)	/* the replica has a label */
#define DM_REPLICA_SB_PENDING		(1 << 4)	/* the label is about to be written */
#define DM_REPLICA_SB_SKEWED		(1 << 5)	/* a verify found differences */
#define DM_REPLICA_SB_SWAP_BACK		(1 << 8)	/* the legs swap when they are in step */
#define DM_REPLICA_SB_WHOLE		(1 << 9)	/* the replica is a copy of one moment */

/*
 * Features.  An unknown bit in compat is of no concern.  With one in ro_compat
 * the log may be looked at, with one in incompat not even that: neither
 * is activated.
 *
 * ROLES: the legs have been swapped, or prepared for it, at least once, and labels tell roles;
 * or the state was Prepared, in which earlier versions would copy.
 */
#define DM_REPLICA_FEATURE_INCOMPAT_ROLES	(1ULL << 1)
#define DM_REPLICA_FEATURE_COMPAT_KNOWN		0ULL
#define DM_REPLICA_FEATURE_RO_COMPAT_KNOWN	0ULL
#define DM_REPLICA_FEATURE_INCOMPAT_KNOWN	(DM_REPLICA_FEATURE_INCOMPAT_CLONE | \
						 DM_REPLICA_FEATURE_INCOMPAT_ROLES)

/* Incompatible feature: the log is that of a clone, see above. */
#define DM_REPLICA_FEATURE_INCOMPAT_CLONE	(1ULL << 0)

/* CIM_ReplicationSettingData.ReadOnly: nobody writes to the mapped device. */
#define DM_REPLICA_SB_READ_ONLY_SOURCE	2

/**
 * struct dm_replica_sb_settings - as of the last change, 64 bytes
 * @payload: enum dm_replica_payload
 * @on_replica_error: enum dm_replica_on_error
 * @recovery: enum dm_replica_recovery
 * @on_meta_error: enum dm_replica_on_meta_error
 * @discard: 0 as zeroes, 1 passed down, 2 off
 * @overflow: enum dm_replica_overflow, 0 in logs of earlier versions: the default
 * @copy_priority: enum dm_replica_copy_priority, 0 in logs of earlier versions too
 * @read_only: DM_REPLICA_SB_READ_ONLY_SOURCE, or 0 as in logs of earlier versions
 * @resync_rate: MiB/s, 0 for auto
 * @replica_timeout: milliseconds, 0 for no limit
 * @queue_bytes: bound of the queue, 0 in logs of earlier versions: the default
 * @rpo: milliseconds, 0 for none
 * @max_skew: bytes, 0 for half of @queue_bytes
 * @delta_ms: milliseconds between delta updates, 0 for none, as in logs of earlier versions
 * @protect: enum dm_replica_protect, 0 in logs of earlier versions: the default
 */
struct dm_replica_sb_settings {
	__u8 payload;
	__u8 on_replica_error;
	__u8 recovery;
	__u8 on_meta_error;
	__u8 discard;
	__u8 overflow;
	__u8 copy_priority;
	__u8 read_only;
	__le32 resync_rate;
	__le32 replica_timeout;
	__le32 queue_bytes;
	__le32 rpo;
	__le32 max_skew;
	__le32 delta_ms;
	__u8 protect;
	__u8 reserved2[31];
};

/**
 * struct dm_replica_sb_job - the job to go on with, 64 bytes
 * @type: enum dm_replica_job_type
 * @started_ms: milliseconds since the epoch
 * @bytes_total: as when it started
 * @bytes_done: when the superblock was written
 * @elapsed_ms: likewise
 */
struct dm_replica_sb_job {
	__le32 id;
	__le16 type;
	__le16 reserved;
	__le64 started_ms;
	__le64 bytes_total;
	__le64 bytes_done;
	__le64 elapsed_ms;
	__u8 reserved2[24];
};

/**
 * struct dm_replica_superblock - one block
 * @crc: crc32c of the bytes behind it, to the end of the block
 * @version: DM_REPLICA_ONDISK_VERSION
 * @flags: DM_REPLICA_SB_*
 * @magic: DM_REPLICA_SB_MAGIC
 * @seq: number of this version of the superblock, from 1
 * @compat: features, see above
 * @ro_compat: features, see above
 * @incompat: features, see above
 * @uuid: of the association
 * @name: of the mapped device, ends with a zero byte unless it fills the field
 * @sectors: of each leg that are mirrored
 * @region_sectors: of a region
 * @intent_start: block
 * @intent_blocks: number of them
 * @bitmap_start: block
 * @bitmap_blocks: number of them
 * @activity: most regions in the intents
 * @state: enum dm_replica_copy_state
 * @mode: enum dm_replica_mode
 * @activation: counts the activations
 * @generation: of this activation
 * @history: generations before it, the latest first, 0 for none
 * @settings: run-time settings
 * @job: when DM_REPLICA_SB_JOB is set
 * @next_job_id: number of the next job
 * @created_ms: milliseconds since the epoch, like the other times; 0 for never
 * @established_ms: the association was made
 * @synced_ms: the legs were last equal
 * @suspended_ms: it was last suspended
 * @written_ms: this version of the superblock was made
 * @label_sector: of the replica, where the label begins; 0 when there is none.
 *	This and all that is before it lies in the first 512 bytes, so that what
 *	changes while the association runs cannot be torn
 * @origin_path: how the tool opens the origin; empty when it was not the tool
 *	that made the log
 * @replica_path: likewise
 * @whole_ms: with DM_REPLICA_SB_WHOLE: the moment that the replica is a copy of; 0 when it
 *	is that of the end, or is not known
 * @origin_label_sector: of the origin, where it has a label; 0 when it has none
 * @swaps: how often the legs have changed places
 */
struct dm_replica_superblock {
	__le32 crc;
	__le16 version;
	__le16 flags;
	__u8 magic[DM_REPLICA_MAGIC_LEN];
	__le64 seq;
	__le64 compat;
	__le64 ro_compat;
	__le64 incompat;
	__u8 uuid[16];
	__u8 name[128];
	__le64 sectors;
	__le32 region_sectors;
	__le32 intent_start;
	__le32 intent_blocks;
	__le32 bitmap_start;
	__le32 bitmap_blocks;
	__le32 activity;
	__le16 state;
	__le16 mode;
	__le32 next_job_id;
	__le64 activation;
	__le64 generation;
	__le64 history[DM_REPLICA_HISTORY];
	struct dm_replica_sb_settings settings;
	struct dm_replica_sb_job job;
	__le64 created_ms;
	__le64 established_ms;
	__le64 synced_ms;
	__le64 suspended_ms;
	__le64 written_ms;
	__le64 label_sector;
	__u8 origin_path[256];
	__u8 replica_path[256];
	__u8 reserved[3056];
	__le64 whole_ms;
	__le64 origin_label_sector;
	__le32 swaps;
	__u8 reserved2[20];
};

/**
 * struct dm_replica_log_header - first 32 bytes of a log sector
 * @crc: crc32c of the bytes behind it, to the end of the log sector
 * @kind: DM_REPLICA_LOG_INTENTS or DM_REPLICA_LOG_BITMAP
 * @uuid: first 8 bytes of the uuid of the association
 * @place: sectors of 512 bytes from the start of the meta device
 * @seq: counts the writes of this log sector, for people who look at it
 */
struct dm_replica_log_header {
	__le32 crc;
	__le32 kind;
	__u8 uuid[8];
	__le64 place;
	__le64 seq;
};

#define DM_REPLICA_LOG_INTENTS		0x746e4952	/* "RInt" */
#define DM_REPLICA_LOG_BITMAP		0x616d4252	/* "RBma" */

/* Of a log sector: bytes behind the header, entries and bits in them. */
#define DM_REPLICA_LOG_BYTES		480
#define DM_REPLICA_INTENTS_PER_SECTOR	120
#define DM_REPLICA_BITS_PER_SECTOR	3840

#define DM_REPLICA_INTENT_NONE		0xffffffffU

/* The log has at most so many regions, and so many intents. */
#define DM_REPLICA_REGIONS_MAX		16777216U
#define DM_REPLICA_ACTIVITY_MIN		512U
#define DM_REPLICA_ACTIVITY_MAX		65536U

struct dm_replica_log_sector {
	struct dm_replica_log_header header;
	union {
		__le32 intents[DM_REPLICA_INTENTS_PER_SECTOR];
		__u8 bitmap[DM_REPLICA_LOG_BYTES];
	};
};

/* Roles of a leg. */
#define DM_REPLICA_ROLE_REPLICA		0
#define DM_REPLICA_ROLE_ORIGIN		1

/**
 * struct dm_replica_label - one block, at the tail of the replica, or of the origin
 * @crc: crc32c of the bytes behind it, to the end of the block
 * @version: DM_REPLICA_ONDISK_VERSION
 * @role: DM_REPLICA_ROLE_*, of this leg when @swaps was as it is here
 * @magic: DM_REPLICA_LABEL_MAGIC
 * @uuid: of the association
 * @sectors: that are mirrored
 * @activation: as in the superblock
 * @generation: as in the superblock
 * @written_ms: milliseconds since the epoch
 * @swaps: as in the superblock
 */
struct dm_replica_label {
	__le32 crc;
	__le16 version;
	__le16 role;
	__u8 magic[DM_REPLICA_MAGIC_LEN];
	__u8 uuid[16];
	__le64 sectors;
	__le64 activation;
	__le64 generation;
	__le64 written_ms;
	__le32 swaps;
	__u8 reserved2[4028];
};

static_assert(sizeof(struct dm_replica_sb_settings) == 64, "settings");
static_assert(sizeof(struct dm_replica_sb_job) == 64, "job");
static_assert(sizeof(struct dm_replica_superblock) == DM_REPLICA_BLOCK_SIZE, "superblock");
static_assert(sizeof(struct dm_replica_log_header) == 32, "log header");
static_assert(sizeof(struct dm_replica_log_sector) == DM_REPLICA_LOG_SECTOR_SIZE, "log sector");
static_assert(sizeof(struct dm_replica_label) == DM_REPLICA_BLOCK_SIZE, "label");

#endif /* _LINUX_DM_REPLICA_ONDISK_H */
