// SPDX-License-Identifier: GPL-2.0-only
/*
 * Are the legs that a table names fit for it, free, and those of the table before?
 */
#include "compat.h"
#include "dm-replica-io.h"
#include "dm-replica-target.h"

static int check_leg(struct dm_target *ti, struct dm_dev *dev, char *read_only, char *zoned,
		     char *small)
{
	if (bdev_read_only(dev->bdev)) {
		ti->error = read_only;
		return -EROFS;
	}
	if (bdev_is_zoned(dev->bdev)) {
		ti->error = zoned;
		return -EINVAL;
	}
	if (bdev_nr_sectors(dev->bdev) < ti->len) {
		ti->error = small;
		return -EINVAL;
	}
	if (bdev_logical_block_size(dev->bdev) > PAGE_SIZE) {
		ti->error = "logical blocks larger than a page are not supported";
		return -EINVAL;
	}
	return 0;
}

static int check_regions(struct dm_target *ti, struct replica_target *rt)
{
	u64 bytes = (u64)rt->params.region_sectors << SECTOR_SHIFT;

	if (bytes >= bdev_logical_block_size(rt->origin->bdev) &&
	    bytes >= bdev_logical_block_size(rt->copy->bdev))
		return 0;
	ti->error = "region_size is smaller than a logical block of the legs";
	return -EINVAL;
}

int replica_target_check_legs(struct dm_target *ti, struct replica_target *rt)
{
	int r;

	if (rt->origin->bdev->bd_dev == rt->copy->bdev->bd_dev) {
		ti->error = "origin and replica are the same device";
		return -EINVAL;
	}
	if (bdev_whole(rt->origin->bdev) == bdev_whole(rt->copy->bdev) &&
	    (!bdev_is_partition(rt->origin->bdev) || !bdev_is_partition(rt->copy->bdev))) {
		ti->error = "origin and replica overlap: one is a partition of the other";
		return -EINVAL;
	}
	r = check_leg(ti, rt->origin, "origin is read-only",
		      "origin is a zoned device, which is not supported",
		      "origin is smaller than the table says");
	return r ?: check_leg(ti, rt->copy, "replica is read-only",
			      "replica is a zoned device, which is not supported",
			      "replica is smaller than the table says");
}

bool replica_target_crossed(const struct replica *old, dev_t origin, dev_t copy)
{
	return old->origin_dev == copy && old->replica_dev == origin;
}

static bool is_leg(dev_t dev, const struct replica *fresh)
{
	return dev == fresh->replica_dev || dev == fresh->origin_dev;
}

bool replica_target_owed(struct replica *old, const struct replica *fresh)
{
	return (old && is_leg(old->replica_dev, fresh) && replica_leg_owes(old)) ||
	       replica_registry_orphans(fresh->replica_dev) ||
	       replica_registry_orphans(fresh->origin_dev);
}

bool replica_target_can_adopt(const struct replica *old, const struct replica *fresh)
{
	return old->origin_dev == fresh->origin_dev && old->replica_dev == fresh->replica_dev &&
	       old->meta_dev == fresh->meta_dev && old->region_shift == fresh->region_shift &&
	       !old->clone == !fresh->clone;
}

/*
 * A clone under way has an instant to lose, and the table that it has now is gone by the
 * time that the new one is resumed.  One that is over still cannot follow another size.
 */
static bool loses_instant(const struct replica *old, const struct replica *fresh)
{
	u16 state = READ_ONCE(old->state);

	if (!old->clone || old->origin_dev != fresh->origin_dev ||
	    old->replica_dev != fresh->replica_dev)
		return false;
	if (replica_target_can_adopt(old, fresh))
		return old->sectors != fresh->sectors;
	return state != DM_REPLICA_STATE_SYNCHRONIZED && state != DM_REPLICA_STATE_ABORTED;
}

int replica_target_check_clone(struct dm_target *ti, const struct replica *fresh)
{
	dev_t dev = disk_devt(dm_disk(dm_table_get_md(ti->table)));
	struct replica *old = replica_registry_find_dev(dev);
	int r = 0;

	if (!old)
		return 0;
	if (loses_instant(old, fresh)) {
		ti->error = "a clone keeps role, size, regions and meta device until it is over";
		r = -EBUSY;
	} else if (fresh->offload && !old->offload && replica_target_can_adopt(old, fresh)) {
		ti->error = "a clone gets the feature offload when it is made, or not at all";
		r = -EBUSY;
	}
	replica_put(old);
	return r;
}

/* A line from before a swap must not turn the direction of the copy around. */
static bool against_roles(struct dm_target *ti, struct replica_target *rt)
{
	dev_t dev = disk_devt(dm_disk(dm_table_get_md(ti->table)));
	struct replica *old = replica_registry_find_dev(dev);
	bool against = old && (replica_target_crossed(old, rt->origin->bdev->bd_dev,
						      rt->copy->bdev->bd_dev) ||
			       (rt->params.swaps_given &&
				rt->params.swaps != READ_ONCE(old->swaps)));

	if (old)
		replica_put(old);
	return against;
}

bool replica_target_in_other(struct dm_target *ti, struct replica_target *rt)
{
	dev_t dev = disk_devt(dm_disk(dm_table_get_md(ti->table)));

	return replica_registry_conflict(dev, rt->origin->bdev->bd_dev) ||
	       replica_registry_conflict(dev, rt->copy->bdev->bd_dev) ||
	       (rt->meta && replica_registry_conflict(dev, rt->meta->bdev->bd_dev));
}

int replica_target_check_free(struct dm_target *ti, struct replica_target *rt)
{
	int r = check_regions(ti, rt);

	if (r)
		return r;
	if (replica_target_in_other(ti, rt)) {
		ti->error = "origin, replica or meta device is in use by another replica already";
		return -EBUSY;
	}
	if (against_roles(ti, rt)) {
		ti->error = "origin and replica are in the other order now; see reverse_roles";
		return -EINVAL;
	}
	if (replica_registry_orphans(rt->copy->bdev->bd_dev)) {
		ti->error = "replica has not yet returned requests that were given up";
		return -EBUSY;
	}
	if (replica_registry_orphans(rt->origin->bdev->bd_dev)) {
		ti->error = "origin has not yet returned what it was given as a replica";
		return -EBUSY;
	}
	return 0;
}
