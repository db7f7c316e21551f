// SPDX-License-Identifier: GPL-2.0-only
/*
 * The meta device of a table line, when the table is loaded: nothing is written yet.
 */
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-intent.h"
#include "dm-replica-meta.h"
#include "dm-replica-target.h"
#include "dm-replica.h"

static bool same_disk(struct block_device *a, struct block_device *b)
{
	return a->bd_dev == b->bd_dev ||
	       (bdev_whole(a) == bdev_whole(b) && (!bdev_is_partition(a) || !bdev_is_partition(b)));
}

static int check_meta_device(struct dm_target *ti, struct replica_target *rt)
{
	struct block_device *meta = rt->meta->bdev;

	if (same_disk(meta, rt->origin->bdev) || same_disk(meta, rt->copy->bdev)) {
		ti->error = "the meta device is or overlaps origin or replica";
		return -EINVAL;
	}
	if (bdev_read_only(meta)) {
		ti->error = "meta device is read-only";
		return -EROFS;
	}
	if (bdev_is_zoned(meta) || bdev_logical_block_size(meta) > DM_REPLICA_BLOCK_SIZE) {
		ti->error = "meta device is zoned or has blocks of more than 4096 bytes";
		return -EINVAL;
	}
	return 0;
}

/* Does an association with this meta device run on the mapped device now? */
static bool meta_in_use_here(struct dm_target *ti, struct replica_target *rt)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct replica *old = replica_registry_find_dev(disk_devt(dm_disk(md)));
	bool same = old && old->meta_dev == rt->meta->bdev->bd_dev;

	if (old)
		replica_put(old);
	return same;
}

static int check_growth(struct dm_target *ti, struct replica_target *rt,
			const struct dm_replica_superblock *sb)
{
	struct replica_geometry now, then;

	replica_geometry_read(&now, sb);
	if (!replica_geometry_grow(&then, &now, ti->len)) {
		ti->error = "region_size is too small for a device of this size";
		return -EINVAL;
	}
	if (then.blocks * (DM_REPLICA_BLOCK_SIZE >> SECTOR_SHIFT) <=
	    bdev_nr_sectors(rt->meta->bdev))
		return 0;
	ti->error = "meta device is too small for a log of this size";
	return -ENOSPC;
}

static int check_found_log(struct dm_target *ti, struct replica_target *rt,
			   const struct dm_replica_superblock *sb)
{
	u32 region_sectors = le32_to_cpu(sb->region_sectors);
	u32 activity = le32_to_cpu(sb->activity);

	ti->error = replica_role_sentence(sb, rt->params.clone);
	if (ti->error)
		return -EINVAL;
	if (rt->params.region_given && rt->params.region_sectors != region_sectors) {
		ti->error = "region_size is not that of the log on the meta device";
		return -EINVAL;
	}
	if (rt->params.activity && rt->params.activity != activity) {
		ti->error = "activity is not that of the log on the meta device";
		return -EINVAL;
	}
	rt->params.region_sectors = region_sectors;
	rt->params.activity = activity;
	if (ti->len == le64_to_cpu(sb->sectors))
		return 0;
	if (ti->len < le64_to_cpu(sb->sectors) || !meta_in_use_here(ti, rt)) {
		ti->error = "log on the meta device is for a device of another size";
		return -EINVAL;
	}
	return check_growth(ti, rt, sb);
}

static int check_log(struct dm_target *ti, struct replica_target *rt,
		     struct dm_replica_superblock *sb)
{
	int r = replica_meta_peek(rt->meta->bdev, sb);

	if (r < 0) {
		ti->error = "meta device cannot be read";
		return r;
	}
	if (r == REPLICA_BLOCK_GOOD) {
		r = check_found_log(ti, rt, sb);
	} else if (r != REPLICA_BLOCK_ZERO) {
		ti->error = replica_verdict_sentence(r);
		r = -EINVAL;
	} else {
		if (!rt->params.activity)
			rt->params.activity =
				replica_default_activity(ti->len, rt->params.region_sectors);
		ti->error = replica_intents_too_small(rt->meta->bdev, ti->len,
						      rt->params.region_sectors,
						      rt->params.activity);
		r = ti->error ? -ENOSPC : 0;
	}
	return r;
}

int replica_target_get_meta(struct dm_target *ti, struct replica_target *rt, const char *path)
{
	struct dm_replica_superblock *sb;
	int r;

	if (!path)
		return 0;
	r = compat_get_leg(ti, path, &rt->meta);
	if (r) {
		ti->error = "meta device could not be opened";
		return r;
	}
	r = check_meta_device(ti, rt);
	if (r)
		return r;
	sb = kmalloc(sizeof(*sb), GFP_KERNEL);
	if (!sb) {
		ti->error = "not enough memory";
		return -ENOMEM;
	}
	r = check_log(ti, rt, sb);
	kfree(sb);
	return r;
}
