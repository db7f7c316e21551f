// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads a meta device.  Whatever cannot be believed makes regions count as those
 * that may differ: what comes out is never less than what is so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ondisk.h"

/* Log sectors that are read at a time. */
#define CHUNK_UNITS	128

static const uint64_t sb_blocks[] = { DM_REPLICA_SB_BLOCK_0, DM_REPLICA_SB_BLOCK_1 };

const struct dm_replica_superblock *
replica_meta_superblock(const struct replica_meta *meta)
{
	return meta->copy < 0 ? NULL : &meta->sb[meta->copy];
}

static uint32_t flags_of(const struct replica_meta *meta)
{
	return le16_to_cpu(meta->sb[meta->copy].flags);
}

/* ------------------------------------------------------------------------ */
/* Regions that may differ */

static void mark(struct replica_meta *meta, uint64_t region)
{
	uint8_t bit = 1 << region % 8;

	if (meta->dirty[region / 8] & bit)
		return;
	meta->dirty[region / 8] |= bit;
	meta->nr_dirty++;
}

static void mark_range(struct replica_meta *meta, uint64_t first, uint64_t count)
{
	for (; count; first++, count--)
		mark(meta, first);
}

static void mark_all(struct replica_meta *meta)
{
	mark_range(meta, 0, meta->geometry.regions);
}

static void add_damage(struct replica_meta *meta, bool intents, uint64_t place,
		       uint64_t first, uint64_t regions)
{
	struct replica_meta_damage *more;

	/* Grown by doubling: at each power of two. */
	if (!(meta->nr_damage & (meta->nr_damage - 1))) {
		more = realloc(meta->damage, (2 * meta->nr_damage + 1) * sizeof(*more));
		if (!more) {
			meta->no_memory = true;
			return;
		}
		meta->damage = more;
	}
	meta->damage[meta->nr_damage++] = (struct replica_meta_damage){
		.intents = intents,
		.offset = place * DM_REPLICA_LOG_SECTOR_SIZE,
		.first_region = first,
		.regions = regions,
	};
}

/* ------------------------------------------------------------------------ */
/* Log sectors */

/* One unit of the log; sector is NULL when it could not be read. */
typedef void (*unit_fn)(struct replica_meta *meta, uint64_t unit, uint64_t place,
			const struct dm_replica_log_sector *sector);

static bool unit_good(const struct replica_meta *meta, uint32_t kind, uint64_t place,
		      const struct dm_replica_log_sector *sector)
{
	return sector && replica_log_sector_good(sector, kind,
						 replica_meta_superblock(meta)->uuid, place);
}

/* An intent for a region that does not exist is no intent that could be believed. */
static bool intents_sane(const struct replica_meta *meta,
			 const struct dm_replica_log_sector *sector)
{
	for (size_t i = 0; i < DM_REPLICA_INTENTS_PER_SECTOR; i++) {
		uint32_t region = le32_to_cpu(sector->intents[i]);

		if (region != DM_REPLICA_INTENT_NONE && region >= meta->geometry.regions)
			return false;
	}
	return true;
}

/* After an end in order the intents say nothing, whatever they are. */
static void take_intents(struct replica_meta *meta, uint64_t unit, uint64_t place,
			 const struct dm_replica_log_sector *sector)
{
	bool clean = flags_of(meta) & DM_REPLICA_SB_CLEAN;

	(void)unit;
	if (!unit_good(meta, DM_REPLICA_LOG_INTENTS, place, sector) ||
	    !intents_sane(meta, sector)) {
		add_damage(meta, true, place, 0, clean ? 0 : meta->geometry.regions);
		if (!clean)
			mark_all(meta);
		return;
	}
	for (size_t i = 0; i < DM_REPLICA_INTENTS_PER_SECTOR; i++) {
		uint32_t region = le32_to_cpu(sector->intents[i]);

		if (region == DM_REPLICA_INTENT_NONE || clean)
			continue;
		meta->intents[meta->nr_intents++] = region;
		mark(meta, region);
	}
}

static void take_bitmap(struct replica_meta *meta, uint64_t unit, uint64_t place,
			const struct dm_replica_log_sector *sector)
{
	uint64_t first = unit * DM_REPLICA_BITS_PER_SECTOR;
	uint64_t count = meta->geometry.regions - first;

	if (count > DM_REPLICA_BITS_PER_SECTOR)
		count = DM_REPLICA_BITS_PER_SECTOR;
	if (!unit_good(meta, DM_REPLICA_LOG_BITMAP, place, sector)) {
		add_damage(meta, false, place, first, count);
		mark_range(meta, first, count);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		if (sector->bitmap[i / 8] & 1 << i % 8)
			mark(meta, first + i);
}

/* A chunk that cannot be read is read unit by unit: one bad sector is one. */
static void read_units(struct replica_meta *meta, int fd, uint64_t first_place,
		       uint64_t units, unit_fn take)
{
	struct dm_replica_log_sector chunk[CHUNK_UNITS];
	uint64_t unit, n, i;
	bool whole;
	int r = 0;

	for (unit = 0; unit < units; unit += n) {
		uint64_t at = (first_place + unit) * DM_REPLICA_LOG_SECTOR_SIZE;

		n = min(units - unit, (uint64_t)CHUNK_UNITS);
		whole = !replica_read_at(fd, chunk, n * sizeof(*chunk), at);
		for (i = 0; i < n; i++) {
			if (!whole)
				r = replica_read_at(fd, &chunk[i], sizeof(*chunk),
						    at + i * sizeof(*chunk));
			take(meta, unit + i, first_place + unit + i,
			     whole || !r ? &chunk[i] : NULL);
		}
	}
}

static int read_log(struct replica_meta *meta, int fd)
{
	const struct replica_geometry *g = &meta->geometry;
	uint64_t units = REPLICA_UNITS(g->intent_blocks);

	meta->dirty = calloc(1, g->regions / 8 + 1);
	meta->intents = calloc(units * DM_REPLICA_INTENTS_PER_SECTOR, sizeof(*meta->intents));
	if (!meta->dirty || !meta->intents)
		return -ENOMEM;
	read_units(meta, fd, REPLICA_UNITS(g->intent_start), units, take_intents);
	units = (g->regions + DM_REPLICA_BITS_PER_SECTOR - 1) / DM_REPLICA_BITS_PER_SECTOR;
	read_units(meta, fd, REPLICA_UNITS(g->bitmap_start), units, take_bitmap);
	if (flags_of(meta) & DM_REPLICA_SB_LOST)
		mark_all(meta);
	return meta->no_memory ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------------ */
/* Superblocks */

void replica_meta_peek(struct replica_meta *meta, int fd, uint64_t size)
{
	memset(meta, 0, sizeof(*meta));
	meta->size = size;
	for (size_t i = 0; i < ARRAY_SIZE(sb_blocks); i++) {
		struct dm_replica_superblock *sb = &meta->sb[i];

		if (replica_read_at(fd, sb, sizeof(*sb), sb_blocks[i] * sizeof(*sb)))
			memset(sb, 0xff, sizeof(*sb));
		meta->verdict[i] = replica_sb_judge(sb);
	}
	meta->copy = replica_sb_choose(&meta->sb[0], &meta->sb[1], &meta->why);
	if (meta->copy >= 0)
		replica_geometry_read(&meta->geometry, &meta->sb[meta->copy]);
}

int replica_meta_read(struct replica_meta *meta, int fd, uint64_t size)
{
	int r = 0;

	replica_meta_peek(meta, fd, size);
	if (meta->copy >= 0)
		r = read_log(meta, fd);
	if (!r && meta->copy >= 0)
		r = replica_meta_decode(meta);
	if (r)
		replica_meta_clear(meta);
	return r;
}

void replica_meta_clear(struct replica_meta *meta)
{
	free(meta->dirty);
	free(meta->intents);
	free(meta->damage);
	replica_meta_free_fields(&meta->fields);
	memset(meta, 0, sizeof(*meta));
	meta->copy = -1;
}
