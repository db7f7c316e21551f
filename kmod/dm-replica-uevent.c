// SPDX-License-Identifier: GPL-2.0-only
/*
 * Legs and meta device get a "change" when they begin or cease to belong to a replica, or
 * change places, so that udev, whose rules hide them meanwhile, looks at them again.
 *
 * A uevent takes a mutex that others hold while they wait for memory, and memory may wait
 * for writes to the very device that is being resumed.  So a worker sends them, for which
 * no suspend, resume or removal waits.
 */
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica.h"

#define NEWS_DEVICES	3

/**
 * struct replica_news - one change for each of the devices of a table
 * @work: sends them and frees this
 * @bdevs: with a reference to their kobjects, NULL for none
 */
struct replica_news {
	struct work_struct work;
	struct block_device *bdevs[NEWS_DEVICES];
};

/* Return: the next partition behind *@index, with a reference, or NULL. */
static struct block_device *next_part(struct gendisk *disk, unsigned long *index)
{
	struct block_device *part;

	rcu_read_lock();
	do {
		++*index;
		part = xa_find(&disk->part_tbl, index, ULONG_MAX, XA_PRESENT);
	} while (part && !kobject_get_unless_zero(bdev_kobj(part)));
	rcu_read_unlock();
	return part;
}

/* What is on a leg is hidden with it. */
static void send_parts(struct block_device *bdev)
{
	struct block_device *part;
	unsigned long index = 0;

	if (bdev_is_partition(bdev))
		return;
	while ((part = next_part(bdev->bd_disk, &index))) {
		kobject_uevent(bdev_kobj(part), KOBJ_CHANGE);
		kobject_put(bdev_kobj(part));
	}
}

static void send_news(struct work_struct *work)
{
	struct replica_news *news = container_of(work, struct replica_news, work);
	unsigned int i;

	for (i = 0; i < NEWS_DEVICES && news->bdevs[i]; i++) {
		kobject_uevent(bdev_kobj(news->bdevs[i]), KOBJ_CHANGE);
		send_parts(news->bdevs[i]);
	}
	replica_news_drop(news);
}

static void take(struct replica_news *news, unsigned int i, struct dm_dev *dev)
{
	if (!dev)
		return;
	kobject_get(bdev_kobj(dev->bdev));
	news->bdevs[i] = dev->bdev;
}

struct replica_news *replica_news_create(struct replica_target *rt, gfp_t gfp)
{
	struct replica_news *news = kzalloc(sizeof(*news), gfp);

	if (!news)
		return NULL;
	INIT_WORK(&news->work, send_news);
	take(news, 0, rt->origin);
	take(news, 1, rt->copy);
	take(news, 2, rt->meta);
	return news;
}

struct replica_news *replica_news_of_mapped(struct replica *replica)
{
	struct replica_news *news = kzalloc(sizeof(*news), GFP_NOIO);

	if (!news)
		return NULL;
	INIT_WORK(&news->work, send_news);
	news->bdevs[0] = dm_disk(replica->md)->part0;
	kobject_get(bdev_kobj(news->bdevs[0]));
	return news;
}

void replica_news_send(struct replica_news *news)
{
	if (news)
		queue_work(replica_release_wq, &news->work);
}

void replica_news_drop(struct replica_news *news)
{
	unsigned int i;

	if (!news)
		return;
	for (i = 0; i < NEWS_DEVICES && news->bdevs[i]; i++)
		kobject_put(bdev_kobj(news->bdevs[i]));
	kfree(news);
}
