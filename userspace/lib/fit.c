// SPDX-License-Identifier: LGPL-2.1-or-later
/* Do a meta device and the legs that it names belong together? */
#include <string.h>
#include <unistd.h>

#include "fit.h"
#include "sysfs.h"

static enum replica_meta_fit judge_kinship(const struct dm_replica_superblock *sb,
					   const struct dm_replica_label *label)
{
	switch (replica_label_compare(sb, label)) {
	case REPLICA_KIN_SAME:
		return REPLICA_FIT_SAME;
	case REPLICA_KIN_OLD_REPLICA:
		return REPLICA_FIT_OLD_REPLICA;
	case REPLICA_KIN_OLD_META:
		return REPLICA_FIT_OLD_META;
	case REPLICA_KIN_DIVERGED:
		return REPLICA_FIT_DIVERGED;
	default:
		return REPLICA_FIT_STRANGER;
	}
}

static bool is_ours(const struct dm_replica_superblock *sb, const struct dm_replica_label *label)
{
	return label && replica_label_judge(label) == REPLICA_BLOCK_GOOD &&
	       !memcmp(label->uuid, sb->uuid, sizeof(sb->uuid));
}

static bool swapped(const struct dm_replica_superblock *sb,
		    const struct dm_replica_label *origin,
		    const struct dm_replica_label *replica)
{
	if (is_ours(sb, origin) && replica_label_role(sb, origin) != DM_REPLICA_ROLE_ORIGIN)
		return true;
	return is_ours(sb, replica) && replica_label_role(sb, replica) != DM_REPLICA_ROLE_REPLICA;
}

enum replica_meta_fit replica_fit_judge(const struct dm_replica_superblock *sb,
					const struct dm_replica_label *origin,
					const struct dm_replica_label *replica)
{
	if ((!sb->label_sector && !replica_sb_origin_label(sb)) || !sb->activation)
		return REPLICA_FIT_UNKNOWN;
	if (swapped(sb, origin, replica))
		return REPLICA_FIT_SWAPPED;
	/* After a swap the origin may be the one with a label. */
	if (!sb->label_sector)
		return is_ours(sb, origin) ? judge_kinship(sb, origin) : REPLICA_FIT_UNKNOWN;
	if (!replica)
		return REPLICA_FIT_UNKNOWN;
	/* A crash before the first label was written. */
	if (le16_to_cpu(sb->flags) & DM_REPLICA_SB_PENDING && !sb->history[0])
		return REPLICA_FIT_SAME;
	switch (replica_label_judge(replica)) {
	case REPLICA_BLOCK_GOOD:
		return judge_kinship(sb, replica);
	case REPLICA_BLOCK_DAMAGED:
		return REPLICA_FIT_DAMAGED;
	default:
		return REPLICA_FIT_LOST;
	}
}

/* Only of a block device: who wrote the log need not mean well. */
static bool read_label(struct replica_ctx *ctx, const char *path, uint64_t sector,
		       struct dm_replica_label *label)
{
	struct replica_blockdev dev;
	uint64_t size;
	int fd, r;

	if (!path || path[0] != '/' || replica_sysfs_open(ctx, path, &dev) || dev.suspended)
		return false;
	fd = replica_meta_open_file(ctx, path, false, false, &size);
	if (fd < 0)
		return false;
	r = replica_read_at(fd, label, sizeof(*label), sector << SECTOR_SHIFT);
	close(fd);
	return !r;
}

/* The one of ours at either place, or what stands at the first. */
static bool find_label(struct replica_ctx *ctx, const struct dm_replica_superblock *sb,
		       const char *path, uint64_t first, uint64_t other,
		       struct dm_replica_label *label)
{
	if (other && read_label(ctx, path, other, label) && is_ours(sb, label))
		return true;
	return first && read_label(ctx, path, first, label);
}

enum replica_meta_fit replica_fit_look(struct replica_ctx *ctx, const struct replica_meta *meta)
{
	const struct dm_replica_superblock *sb = replica_meta_superblock(meta);
	struct dm_replica_label origin, replica;
	bool has_origin, has_replica;
	uint64_t sector, other;

	if (!sb)
		return REPLICA_FIT_UNKNOWN;
	sector = le64_to_cpu(sb->label_sector);
	other = replica_sb_origin_label(sb);
	if (sector > UINT64_MAX >> (SECTOR_SHIFT + 1) || other > UINT64_MAX >> (SECTOR_SHIFT + 1))
		return REPLICA_FIT_UNKNOWN;
	has_origin = find_label(ctx, sb, meta->fields.origin_path, other, sector, &origin);
	has_replica = find_label(ctx, sb, meta->fields.replica_path, sector, other, &replica);
	return replica_fit_judge(sb, has_origin ? &origin : NULL, has_replica ? &replica : NULL);
}
