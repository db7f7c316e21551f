/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The blocks of the meta device: made, sealed and judged.  Pure functions, which
 * the module and the library both compile, so that a block is read in one way.
 */
#ifndef DM_REPLICA_ONDISK_H
#define DM_REPLICA_ONDISK_H

#include <linux/dm-replica-ondisk.h>

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include "ondisk-user.h"
#endif

/* What a block is found to be. */
enum replica_verdict {
	REPLICA_BLOCK_GOOD,
	REPLICA_BLOCK_ZERO,		/* nothing but zeroes */
	REPLICA_BLOCK_FOREIGN,		/* without our magic */
	REPLICA_BLOCK_DAMAGED,		/* ours, and the checksum is wrong */
	REPLICA_BLOCK_VERSION,		/* of a format we do not know */
	REPLICA_BLOCK_FEATURE,		/* with a feature we must know and do not */
	REPLICA_BLOCK_NONSENSE,		/* sealed, with values that cannot be */
};

/**
 * struct replica_geometry - where what is, for one device size
 * @sectors: of a leg; @region_sectors: a power of two
 * @regions: number of them
 * @activity: most intents
 * @intent_start, @intent_blocks, @bitmap_start, @bitmap_blocks: in blocks
 * @blocks: that the meta device must have
 */
struct replica_geometry {
	u64 sectors;
	u32 region_sectors;
	u32 activity;
	u64 regions;
	u32 intent_start;
	u32 intent_blocks;
	u32 bitmap_start;
	u32 bitmap_blocks;
	u64 blocks;
};

/* Sectors of a region when nobody says: at most 2^20 regions, each 1 MiB or more. */
u32 replica_default_region_sectors(u64 sectors);
/* Most intents when nobody says. */
u32 replica_default_activity(u64 sectors, u32 region_sectors);
void replica_geometry_make(struct replica_geometry *geometry, u64 sectors, u32 region_sectors,
			   u32 activity);
/**
 * replica_geometry_grow - for a larger device, with all that is there in its place
 * Return: false when that cannot be.
 */
bool replica_geometry_grow(struct replica_geometry *to, const struct replica_geometry *from,
			   u64 sectors);
/* As a superblock says it.  The superblock is good. */
void replica_geometry_read(struct replica_geometry *geometry,
			   const struct dm_replica_superblock *sb);

enum replica_verdict replica_sb_judge(const struct dm_replica_superblock *sb);
/**
 * replica_sb_choose - which of the two copies counts
 * @verdict: when none does, why; a damaged one outweighs one of zeroes
 * Return: 0, 1, or -1.
 */
int replica_sb_choose(const struct dm_replica_superblock *first,
		      const struct dm_replica_superblock *second, enum replica_verdict *verdict);
void replica_sb_seal(struct dm_replica_superblock *sb);
/* Geometry, magic and version into a superblock of zeroes; the rest is the caller's. */
void replica_sb_make(struct dm_replica_superblock *sb, const struct replica_geometry *geometry,
		     const u8 *uuid);

/* @place: in units of 512 bytes from the start of the meta device. */
void replica_log_sector_seal(struct dm_replica_log_sector *sector, u32 kind, const u8 *uuid,
			     u64 place, u64 seq);
bool replica_log_sector_good(const struct dm_replica_log_sector *sector, u32 kind,
			     const u8 *uuid, u64 place);

enum replica_verdict replica_label_judge(const struct dm_replica_label *label);
void replica_label_seal(struct dm_replica_label *label);
/* First sector of the label, 0 when a replica of @size sectors has no room for one. */
u64 replica_label_sector(u64 size, u64 sectors);

/* What superblock and label say about each other. */
enum replica_kinship {
	REPLICA_KIN_SAME,		/* the log counts for this replica */
	REPLICA_KIN_OLD_REPLICA,	/* it missed an activation or more */
	REPLICA_KIN_OLD_META,		/* the meta device is a copy from earlier */
	REPLICA_KIN_DIVERGED,		/* same uuid, generations that never met */
	REPLICA_KIN_STRANGER,		/* another uuid */
};

enum replica_kinship replica_label_compare(const struct dm_replica_superblock *sb,
					   const struct dm_replica_label *label);

/* Where the origin has a label, 0: nowhere. */
u64 replica_sb_origin_label(const struct dm_replica_superblock *sb);
/* DM_REPLICA_ROLE_* now of the leg with this label, whose uuid is ours. */
unsigned int replica_label_role(const struct dm_replica_superblock *sb,
				const struct dm_replica_label *label);

#endif /* DM_REPLICA_ONDISK_H */
