// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writes a meta device: a new log, none any more, or one block of it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ondisk.h"

#define UNITS	DM_REPLICA_LOG_SECTORS_PER_BLOCK

static int sync_file(int fd)
{
	return fsync(fd) ? -errno : 0;
}

int replica_meta_write_superblock(int fd, unsigned int copy,
				  const struct dm_replica_superblock *sb)
{
	uint64_t block = copy ? DM_REPLICA_SB_BLOCK_1 : DM_REPLICA_SB_BLOCK_0;
	int r = replica_write_at(fd, sb, sizeof(*sb), block * sizeof(*sb));

	return r ? r : sync_file(fd);
}

int replica_meta_write_sector(int fd, struct dm_replica_log_sector *sector,
			      uint32_t kind, const uint8_t *uuid, uint64_t place)
{
	replica_log_sector_seal(sector, kind, uuid, place,
				le64_to_cpu(sector->header.seq) + 1);
	return replica_write_at(fd, sector, sizeof(*sector), place * sizeof(*sector));
}

int replica_meta_wipe(int fd)
{
	static const struct dm_replica_superblock zeroes;
	int r = replica_meta_write_superblock(fd, 0, &zeroes);

	return r ? r : replica_meta_write_superblock(fd, 1, &zeroes);
}

/* The bits of regions behind the last one stay zero. */
static void fill_bits(struct dm_replica_log_sector *sector, uint64_t unit, uint64_t regions)
{
	uint64_t first = unit * DM_REPLICA_BITS_PER_SECTOR;

	for (uint64_t i = 0; i < DM_REPLICA_BITS_PER_SECTOR && first + i < regions; i++)
		sector->bitmap[i / 8] |= 1 << i % 8;
}

static int write_block(int fd, const struct dm_replica_superblock *sb, uint64_t block,
		       struct dm_replica_log_sector units[UNITS], uint32_t kind)
{
	for (uint64_t i = 0; i < UNITS; i++)
		replica_log_sector_seal(&units[i], kind, sb->uuid, block * UNITS + i, 1);
	return replica_write_at(fd, units, UNITS * sizeof(*units), block * UNITS * sizeof(*units));
}

static int write_intents(int fd, const struct dm_replica_superblock *sb,
			 const struct replica_geometry *g)
{
	struct dm_replica_log_sector units[UNITS];
	int r = 0;

	for (uint32_t i = 0; i < g->intent_blocks && !r; i++) {
		memset(units, 0, sizeof(units));
		for (size_t unit = 0; unit < UNITS; unit++)
			memset(units[unit].intents, 0xff, sizeof(units[unit].intents));
		r = write_block(fd, sb, g->intent_start + i, units, DM_REPLICA_LOG_INTENTS);
	}
	return r;
}

static int write_bitmap(int fd, const struct dm_replica_superblock *sb,
			const struct replica_geometry *g, bool dirty)
{
	struct dm_replica_log_sector units[UNITS];
	int r = 0;

	for (uint32_t i = 0; i < g->bitmap_blocks && !r; i++) {
		memset(units, 0, sizeof(units));
		for (uint64_t unit = 0; dirty && unit < UNITS; unit++)
			fill_bits(&units[unit], (uint64_t)i * UNITS + unit, g->regions);
		r = write_block(fd, sb, g->bitmap_start + i, units, DM_REPLICA_LOG_BITMAP);
	}
	return r;
}

int replica_meta_mark_all(int fd, const struct dm_replica_superblock *sb)
{
	struct replica_geometry geometry;
	int r;

	replica_geometry_read(&geometry, sb);
	r = write_bitmap(fd, sb, &geometry, true);
	return r ? r : sync_file(fd);
}

/*
 * The superblocks go first and come last: never does one stand over a log that is
 * not its own.
 */
int replica_meta_format(int fd, struct dm_replica_superblock *sb, bool dirty)
{
	struct replica_geometry geometry;
	int r = replica_meta_wipe(fd);

	replica_geometry_read(&geometry, sb);
	if (!r)
		r = write_intents(fd, sb, &geometry);
	if (!r)
		r = write_bitmap(fd, sb, &geometry, dirty);
	if (!r)
		r = sync_file(fd);
	if (r)
		return r;
	sb->seq = cpu_to_le64(1);
	replica_sb_seal(sb);
	r = replica_meta_write_superblock(fd, 0, sb);
	return r ? r : replica_meta_write_superblock(fd, 1, sb);
}
