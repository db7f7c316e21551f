// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * The blocks of the meta device; include/uapi/linux/dm-replica-ondisk.h has the
 * format and dm-replica-ondisk.h says what is here.
 */
#ifdef __KERNEL__
#include <linux/crc32c.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#endif

#include "dm-replica-ondisk.h"

/* Regions that the default region size leads to, and the smallest default, sectors. */
#define DEFAULT_REGIONS		1048576U
#define DEFAULT_REGION_MIN	2048U
#define REGION_SECTORS_MIN	8U
#define REGION_SECTORS_MAX	1048576U
/* What a crash costs to copy at most, when nobody says: 4 GiB in sectors. */
#define DEFAULT_EXPOSURE	(8ULL << 20)

/* Entries and bits of a block. */
#define BLOCK_INTENTS	(DM_REPLICA_LOG_SECTORS_PER_BLOCK * DM_REPLICA_INTENTS_PER_SECTOR)
#define BLOCK_BITS	(DM_REPLICA_LOG_SECTORS_PER_BLOCK * DM_REPLICA_BITS_PER_SECTOR)
/* Units of 512 bytes of a block. */
#define BLOCK_UNITS	(DM_REPLICA_BLOCK_SIZE / DM_REPLICA_LOG_SECTOR_SIZE)

static u64 div_up(u64 n, u32 by)
{
	return div_u64(n + by - 1, by);
}

u32 replica_default_region_sectors(u64 sectors)
{
	u32 size = DEFAULT_REGION_MIN;

	while (size < REGION_SECTORS_MAX && div_up(sectors, size) > DEFAULT_REGIONS)
		size *= 2;
	return size;
}

u32 replica_default_activity(u64 sectors, u32 region_sectors)
{
	u64 regions = div_up(sectors, region_sectors);
	u64 activity = min(div_u64(DEFAULT_EXPOSURE, region_sectors), regions);

	return clamp_t(u64, activity, 1024U, 16384U);
}

void replica_geometry_make(struct replica_geometry *geometry, u64 sectors, u32 region_sectors,
			   u32 activity)
{
	u64 units;

	geometry->sectors = sectors;
	geometry->region_sectors = region_sectors;
	geometry->regions = div_up(sectors, region_sectors);
	geometry->activity = activity;
	geometry->intent_start = DM_REPLICA_LOG_BLOCK;
	units = div_up(activity, DM_REPLICA_INTENTS_PER_SECTOR);
	geometry->intent_blocks = div_up(units, DM_REPLICA_LOG_SECTORS_PER_BLOCK);
	geometry->bitmap_start = geometry->intent_start + geometry->intent_blocks;
	units = div_up(geometry->regions, DM_REPLICA_BITS_PER_SECTOR);
	geometry->bitmap_blocks = div_up(units, DM_REPLICA_LOG_SECTORS_PER_BLOCK);
	geometry->blocks = (u64)geometry->bitmap_start + geometry->bitmap_blocks;
}

static u64 end_of(const struct replica_geometry *geometry)
{
	return max((u64)geometry->bitmap_start + geometry->bitmap_blocks,
		   (u64)geometry->intent_start + geometry->intent_blocks);
}

void replica_geometry_read(struct replica_geometry *geometry,
			   const struct dm_replica_superblock *sb)
{
	geometry->sectors = le64_to_cpu(sb->sectors);
	geometry->region_sectors = le32_to_cpu(sb->region_sectors);
	geometry->regions = div_up(geometry->sectors, geometry->region_sectors);
	geometry->activity = le32_to_cpu(sb->activity);
	geometry->intent_start = le32_to_cpu(sb->intent_start);
	geometry->intent_blocks = le32_to_cpu(sb->intent_blocks);
	geometry->bitmap_start = le32_to_cpu(sb->bitmap_start);
	geometry->bitmap_blocks = le32_to_cpu(sb->bitmap_blocks);
	geometry->blocks = end_of(geometry);
}

/* crc32c as everybody else computes it, over all of a block but its first 4 bytes. */
static u32 checksum(const void *block, unsigned int size)
{
	return ~crc32c(~0U, (const u8 *)block + sizeof(__le32), size - sizeof(__le32));
}

static bool all_zero(const void *block, unsigned int size)
{
	return !memchr_inv(block, 0, size);
}

/*
 * Superblock.
 */

/* Do two runs of blocks lie apart, and behind the superblocks? */
static bool places_good(const struct replica_geometry *geometry)
{
	u64 intent_end = (u64)geometry->intent_start + geometry->intent_blocks;
	u64 bitmap_end = (u64)geometry->bitmap_start + geometry->bitmap_blocks;

	return geometry->intent_start >= DM_REPLICA_LOG_BLOCK &&
	       geometry->bitmap_start >= DM_REPLICA_LOG_BLOCK &&
	       (intent_end <= geometry->bitmap_start || bitmap_end <= geometry->intent_start);
}

static bool sizes_good(const struct replica_geometry *geometry)
{
	u64 intents = (u64)geometry->intent_blocks * DM_REPLICA_LOG_SECTORS_PER_BLOCK *
		      DM_REPLICA_INTENTS_PER_SECTOR;
	u64 bits = (u64)geometry->bitmap_blocks * DM_REPLICA_LOG_SECTORS_PER_BLOCK *
		   DM_REPLICA_BITS_PER_SECTOR;

	return geometry->activity >= DM_REPLICA_ACTIVITY_MIN &&
	       geometry->activity <= DM_REPLICA_ACTIVITY_MAX &&
	       intents >= geometry->activity &&
	       geometry->intent_blocks <= div_up(DM_REPLICA_ACTIVITY_MAX, BLOCK_INTENTS) &&
	       geometry->regions && geometry->regions <= DM_REPLICA_REGIONS_MAX &&
	       bits >= geometry->regions &&
	       geometry->bitmap_blocks <= div_up(DM_REPLICA_REGIONS_MAX, BLOCK_BITS);
}

bool replica_geometry_grow(struct replica_geometry *to, const struct replica_geometry *from,
			   u64 sectors)
{
	*to = *from;
	to->sectors = sectors;
	to->regions = div_up(sectors, to->region_sectors);
	to->bitmap_blocks = max_t(u64, from->bitmap_blocks, div_up(to->regions, BLOCK_BITS));
	to->blocks = end_of(to);
	return sizes_good(to) && places_good(to);
}

u64 replica_sb_origin_label(const struct dm_replica_superblock *sb)
{
	return le64_to_cpu(sb->incompat) & DM_REPLICA_FEATURE_INCOMPAT_ROLES ?
	       le64_to_cpu(sb->origin_label_sector) : 0;
}

/* Outside of what is mirrored, and where a block of the replica begins. */
static bool label_sane(u64 label, u64 sectors)
{
	return !label || (label % BLOCK_UNITS == 0 && label >= sectors && !(label >> 55));
}

static bool sb_sane(const struct dm_replica_superblock *sb)
{
	u32 region_sectors = le32_to_cpu(sb->region_sectors);
	u64 sectors = le64_to_cpu(sb->sectors);
	struct replica_geometry geometry;

	if (region_sectors < REGION_SECTORS_MIN || region_sectors > REGION_SECTORS_MAX ||
	    region_sectors & (region_sectors - 1))
		return false;
	if (!sectors || sectors >> 55 || !label_sane(le64_to_cpu(sb->label_sector), sectors) ||
	    !label_sane(replica_sb_origin_label(sb), sectors))
		return false;
	replica_geometry_read(&geometry, sb);
	return sizes_good(&geometry) && places_good(&geometry);
}

enum replica_verdict replica_sb_judge(const struct dm_replica_superblock *sb)
{
	if (all_zero(sb, sizeof(*sb)))
		return REPLICA_BLOCK_ZERO;
	if (memcmp(sb->magic, DM_REPLICA_SB_MAGIC, DM_REPLICA_MAGIC_LEN))
		return REPLICA_BLOCK_FOREIGN;
	if (le32_to_cpu(sb->crc) != checksum(sb, sizeof(*sb)))
		return REPLICA_BLOCK_DAMAGED;
	if (le16_to_cpu(sb->version) != DM_REPLICA_ONDISK_VERSION)
		return REPLICA_BLOCK_VERSION;
	if (le64_to_cpu(sb->incompat) & ~DM_REPLICA_FEATURE_INCOMPAT_KNOWN ||
	    le64_to_cpu(sb->ro_compat) & ~DM_REPLICA_FEATURE_RO_COMPAT_KNOWN)
		return REPLICA_BLOCK_FEATURE;
	return sb_sane(sb) ? REPLICA_BLOCK_GOOD : REPLICA_BLOCK_NONSENSE;
}

/*
 * Does what is in the place of one copy forbid to use the other, which is good?  One of
 * a newer format was written after it, and something foreign means that the device has
 * another use now; but not if nothing but the magic has rotted.
 */
static bool outweighs(enum replica_verdict verdict, const struct dm_replica_superblock *bad,
		      const struct dm_replica_superblock *good)
{
	if (verdict == REPLICA_BLOCK_FOREIGN)
		return memcmp(bad->uuid, good->uuid, sizeof(good->uuid));
	return verdict == REPLICA_BLOCK_VERSION || verdict == REPLICA_BLOCK_FEATURE;
}

int replica_sb_choose(const struct dm_replica_superblock *first,
		      const struct dm_replica_superblock *second, enum replica_verdict *verdict)
{
	enum replica_verdict a = replica_sb_judge(first), b = replica_sb_judge(second);

	*verdict = REPLICA_BLOCK_GOOD;
	if (a == REPLICA_BLOCK_GOOD && b == REPLICA_BLOCK_GOOD)
		return le64_to_cpu(second->seq) > le64_to_cpu(first->seq);
	if (a == REPLICA_BLOCK_GOOD && !outweighs(b, second, first))
		return 0;
	if (b == REPLICA_BLOCK_GOOD && !outweighs(a, first, second))
		return 1;
	*verdict = a == REPLICA_BLOCK_GOOD ? b : b == REPLICA_BLOCK_GOOD ? a : max(a, b);
	return -1;
}

void replica_sb_seal(struct dm_replica_superblock *sb)
{
	sb->crc = cpu_to_le32(checksum(sb, sizeof(*sb)));
}

void replica_sb_make(struct dm_replica_superblock *sb, const struct replica_geometry *geometry,
		     const u8 *uuid)
{
	memset(sb, 0, sizeof(*sb));
	memcpy(sb->magic, DM_REPLICA_SB_MAGIC, DM_REPLICA_MAGIC_LEN);
	sb->version = cpu_to_le16(DM_REPLICA_ONDISK_VERSION);
	memcpy(sb->uuid, uuid, sizeof(sb->uuid));
	sb->sectors = cpu_to_le64(geometry->sectors);
	sb->region_sectors = cpu_to_le32(geometry->region_sectors);
	sb->activity = cpu_to_le32(geometry->activity);
	sb->intent_start = cpu_to_le32(geometry->intent_start);
	sb->intent_blocks = cpu_to_le32(geometry->intent_blocks);
	sb->bitmap_start = cpu_to_le32(geometry->bitmap_start);
	sb->bitmap_blocks = cpu_to_le32(geometry->bitmap_blocks);
}

/*
 * Log sectors.
 */

void replica_log_sector_seal(struct dm_replica_log_sector *sector, u32 kind, const u8 *uuid,
			     u64 place, u64 seq)
{
	sector->header.kind = cpu_to_le32(kind);
	memcpy(sector->header.uuid, uuid, sizeof(sector->header.uuid));
	sector->header.place = cpu_to_le64(place);
	sector->header.seq = cpu_to_le64(seq);
	sector->header.crc = cpu_to_le32(checksum(sector, sizeof(*sector)));
}

bool replica_log_sector_good(const struct dm_replica_log_sector *sector, u32 kind,
			     const u8 *uuid, u64 place)
{
	return le32_to_cpu(sector->header.crc) == checksum(sector, sizeof(*sector)) &&
	       le32_to_cpu(sector->header.kind) == kind &&
	       le64_to_cpu(sector->header.place) == place &&
	       !memcmp(sector->header.uuid, uuid, sizeof(sector->header.uuid));
}

/*
 * Label.
 */

u64 replica_label_sector(u64 size, u64 sectors)
{
	u64 last = size - size % BLOCK_UNITS;

	if (last < BLOCK_UNITS)
		return 0;
	last -= BLOCK_UNITS;
	return last >= sectors ? last : 0;
}

enum replica_verdict replica_label_judge(const struct dm_replica_label *label)
{
	if (all_zero(label, sizeof(*label)))
		return REPLICA_BLOCK_ZERO;
	if (memcmp(label->magic, DM_REPLICA_LABEL_MAGIC, DM_REPLICA_MAGIC_LEN))
		return REPLICA_BLOCK_FOREIGN;
	if (le32_to_cpu(label->crc) != checksum(label, sizeof(*label)))
		return REPLICA_BLOCK_DAMAGED;
	if (le16_to_cpu(label->version) != DM_REPLICA_ONDISK_VERSION)
		return REPLICA_BLOCK_VERSION;
	return REPLICA_BLOCK_GOOD;
}

void replica_label_seal(struct dm_replica_label *label)
{
	memcpy(label->magic, DM_REPLICA_LABEL_MAGIC, DM_REPLICA_MAGIC_LEN);
	label->version = cpu_to_le16(DM_REPLICA_ONDISK_VERSION);
	label->crc = cpu_to_le32(checksum(label, sizeof(*label)));
}

static bool in_history(const struct dm_replica_superblock *sb, __le64 generation)
{
	unsigned int i;

	for (i = 0; i < DM_REPLICA_HISTORY; i++)
		if (sb->history[i] && sb->history[i] == generation)
			return true;
	return false;
}

enum replica_kinship replica_label_compare(const struct dm_replica_superblock *sb,
					   const struct dm_replica_label *label)
{
	u64 ours = le64_to_cpu(sb->activation), theirs = le64_to_cpu(label->activation);

	if (memcmp(sb->uuid, label->uuid, sizeof(sb->uuid)))
		return REPLICA_KIN_STRANGER;
	if (label->generation == sb->generation && theirs == ours)
		return REPLICA_KIN_SAME;
	/* A crash between the superblock and the label: nothing was written since. */
	if (le16_to_cpu(sb->flags) & DM_REPLICA_SB_PENDING && theirs + 1 == ours &&
	    sb->history[0] && label->generation == sb->history[0])
		return REPLICA_KIN_SAME;
	if (theirs > ours)
		return REPLICA_KIN_OLD_META;
	if (theirs < ours && in_history(sb, label->generation))
		return REPLICA_KIN_OLD_REPLICA;
	/* Older than the history reaches, or from another line of activations. */
	return theirs + DM_REPLICA_HISTORY < ours ? REPLICA_KIN_OLD_REPLICA :
						    REPLICA_KIN_DIVERGED;
}

unsigned int replica_label_role(const struct dm_replica_superblock *sb,
				const struct dm_replica_label *label)
{
	u32 since = le32_to_cpu(sb->swaps) - le32_to_cpu(label->swaps);

	/* Where there never was a swap all of these are 0, the role of a replica too. */
	return (le16_to_cpu(label->role) ^ since) & 1;
}
