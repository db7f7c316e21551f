// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table line becomes a target, and ceases to be one.
 */
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-io.h"
#include "dm-replica-target.h"

static int get_leg(struct dm_target *ti, struct dm_arg_set *as, struct dm_dev **dev,
		   char *sentence)
{
	const char *path = dm_shift_arg(as);
	int r;

	r = compat_get_leg(ti, path, dev);
	if (r)
		ti->error = sentence;
	return r;
}

/* Discards in the way the table asks for, where both legs can. */
static void set_discards(struct dm_target *ti, struct replica_target *rt)
{
	bool zeroes = bdev_write_zeroes_sectors(rt->origin->bdev) &&
		      bdev_write_zeroes_sectors(rt->copy->bdev);

	ti->num_write_zeroes_bios = 1;
	switch (rt->params.discard) {
	case REPLICA_DISCARD_ZERO:
		ti->num_discard_bios = zeroes;
		ti->discards_supported = zeroes;
		break;
	case REPLICA_DISCARD_PASSDOWN:
		ti->num_discard_bios = 1;
		ti->num_secure_erase_bios = 1;
		break;
	case REPLICA_DISCARD_OFF:
		break;
	}
}

static int set_target(struct dm_target *ti, struct replica_target *rt)
{
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->per_io_data_size = sizeof(struct replica_io);
	compat_set_stable_writes(ti);
	set_discards(ti, rt);
	ti->private = rt;
	return dm_set_target_max_io_len(ti, min_t(sector_t, rt->params.region_sectors,
						  REPLICA_ZONE_SECTORS));
}

void replica_target_put(struct dm_target *ti, struct replica_target *rt)
{
	if (rt->replica)
		replica_put(rt->replica);
	if (rt->meta)
		dm_put_device(ti, rt->meta);
	if (rt->copy)
		dm_put_device(ti, rt->copy);
	if (rt->origin)
		dm_put_device(ti, rt->origin);
	/* Only now nothing in sysfs says any more that they are held. */
	replica_news_drop(rt->came);
	if (rt->resumed)
		replica_news_send(rt->left);
	else
		replica_news_drop(rt->left);
	kfree(rt);
}

/* Device-mapper has the mapped device as the table, at each resume: the two go together. */
static int check_read_only(struct dm_target *ti, struct replica_target *rt)
{
	if (rt->params.read_only == !compat_mode_writable(ti))
		return 0;
	ti->error = rt->params.read_only ?
		    "read_only source needs a read-only table (dmsetup --readonly)" :
		    "a read-only table can be replicated with the feature read_only source only";
	return -EROFS;
}

static int build(struct dm_target *ti, struct replica_target *rt, struct dm_arg_set *as)
{
	struct replica *replica;
	const char *meta;
	int r;

	r = get_leg(ti, as, &rt->origin, "origin could not be opened");
	if (r)
		return r;
	r = get_leg(ti, as, &rt->copy, "replica could not be opened");
	if (r)
		return r;
	r = replica_table_parse(&rt->params, &meta, as, ti->len, &ti->error) ?:
	    check_read_only(ti, rt);
	if (r)
		return r;
	r = replica_target_check_legs(ti, rt) ?: replica_target_get_meta(ti, rt, meta) ?:
	    replica_target_check_free(ti, rt);
	if (r)
		return r;
	replica = replica_create(&rt->params, ti->len, rt->origin->bdev->bd_dev,
				 rt->copy->bdev->bd_dev, &ti->error);
	if (IS_ERR(replica))
		return PTR_ERR(replica);
	rt->replica = replica;
	rt->came = replica_news_create(rt, GFP_KERNEL);
	rt->left = replica_news_create(rt, GFP_KERNEL);
	if (!rt->came || !rt->left) {
		ti->error = "not enough memory";
		return -ENOMEM;
	}
	if (rt->meta)
		replica->meta_dev = rt->meta->bdev->bd_dev;
	r = replica_target_check_clone(ti, replica);
	if (r)
		return r;
	if (rt->meta || rt->params.clone) {
		/* Not in preresume: making one takes memory from everybody. */
		replica->log_wq = alloc_workqueue("dm-replica-log", WQ_MEM_RECLAIM | WQ_UNBOUND,
						  0);
		if (!replica->log_wq) {
			ti->error = "not enough memory";
			return -ENOMEM;
		}
	}
	return set_target(ti, rt);
}

int replica_target_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	struct replica_target *rt;
	int r;

	if (argc < 5) {
		ti->error = "expected: <origin> <replica> <meta|-> <mode> <#feature args> ...";
		return -EINVAL;
	}
	if (ti->begin) {
		ti->error = "the replica target must start at sector 0";
		return -EINVAL;
	}
	rt = kzalloc(sizeof(*rt), GFP_KERNEL);
	if (!rt) {
		ti->error = "not enough memory";
		return -ENOMEM;
	}
	rt->ti = ti;
	r = build(ti, rt, &as);
	if (r)
		replica_target_put(ti, rt);
	return r;
}
