// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty log in memory; dm-replica-log.h has the rules.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/blk_types.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "dm-replica-log.h"

static u64 regions_of(sector_t sectors, unsigned int region_shift)
{
	return (sectors + (1ULL << region_shift) - 1) >> region_shift;
}

struct replica_log *replica_log_create(sector_t sectors, unsigned int region_shift)
{
	u64 regions = regions_of(sectors, region_shift);
	struct replica_log *log;
	enum replica_leg leg;

	log = kzalloc(sizeof(*log), GFP_KERNEL);
	if (!log)
		return NULL;

	spin_lock_init(&log->lock);
	log->sectors = sectors;
	log->region_shift = region_shift;
	log->nr_regions = regions;
	log->dirty = kvcalloc(BITS_TO_LONGS(regions), sizeof(long), GFP_KERNEL);
	log->marked = kvcalloc(BITS_TO_LONGS(regions), sizeof(long), GFP_KERNEL);
	for (leg = 0; leg < REPLICA_LEGS; leg++)
		log->cached[leg] = kvcalloc(regions, sizeof(atomic64_t), GFP_KERNEL);
	log->frozen = kvcalloc(BITS_TO_LONGS(regions), sizeof(long), GFP_KERNEL);
	if (!log->dirty || !log->marked || !log->cached[REPLICA_LEG_ORIGIN] ||
	    !log->cached[REPLICA_LEG_REPLICA] || !log->frozen) {
		replica_log_destroy(log);
		return NULL;
	}
	return log;
}

void replica_log_destroy(struct replica_log *log)
{
	enum replica_leg leg;

	if (!log)
		return;
	kvfree(log->frozen);
	kvfree(log->sealed);
	kvfree(log->touched);
	kvfree(log->active);
	for (leg = 0; leg < REPLICA_LEGS; leg++)
		kvfree(log->cached[leg]);
	kvfree(log->marked);
	kvfree(log->dirty);
	kfree(log);
}

int replica_log_make_durable(struct replica_log *log)
{
	kvfree(log->active);
	kvfree(log->touched);
	log->active = kvcalloc(BITS_TO_LONGS(log->nr_regions), sizeof(long), GFP_KERNEL);
	log->touched = kvcalloc(BITS_TO_LONGS(log->nr_regions), sizeof(long), GFP_KERNEL);
	return log->active && log->touched ? 0 : -ENOMEM;
}

int replica_log_make_sealed(struct replica_log *log)
{
	log->sealed = kvcalloc(BITS_TO_LONGS(log->nr_regions), sizeof(long), GFP_KERNEL);
	return log->sealed ? replica_log_make_durable(log) : -ENOMEM;
}

bool replica_log_seal(struct replica_log *log, u64 region, u64 durable)
{
	unsigned long flags;
	bool sealed;

	spin_lock_irqsave(&log->lock, flags);
	sealed = !test_bit(region, log->dirty) &&
		 !replica_log_cached(log, REPLICA_LEG_REPLICA, region, durable);
	if (sealed)
		__set_bit(region, log->sealed);
	spin_unlock_irqrestore(&log->lock, flags);
	return sealed;
}

void replica_log_import(struct replica_log *log, struct replica_log *from)
{
	/* Whole regions of the old size: its last one may have been a short one. */
	u64 common = min_t(u64, log->nr_regions, from->sectors >> log->region_shift);
	enum replica_leg leg;

	if (log->sectors <= from->sectors)
		common = log->nr_regions;
	bitmap_copy(log->dirty, from->dirty, common);
	for (leg = 0; leg < REPLICA_LEGS; leg++)
		memcpy(log->cached[leg], from->cached[leg],
		       min(log->nr_regions, from->nr_regions) * sizeof(atomic64_t));
	if (log->nr_regions > common)
		bitmap_set(log->dirty, common, log->nr_regions - common);
	log->nr_dirty = bitmap_weight(log->dirty, log->nr_regions);
}

static void mark_region(struct replica_log *log, u64 region)
{
	unsigned long flags;

	/*
	 * Both bits set: whoever copies this region will see the mark, or has
	 * yet to begin and will wait for the write that is marking it.
	 */
	if (test_bit(region, log->dirty) && test_bit(region, log->marked))
		return;

	spin_lock_irqsave(&log->lock, flags);
	if (!log->sealed || !test_bit(region, log->sealed)) {
		__set_bit(region, log->marked);
		if (!__test_and_set_bit(region, log->dirty))
			WRITE_ONCE(log->nr_dirty, log->nr_dirty + 1);
	}
	spin_unlock_irqrestore(&log->lock, flags);
}

void replica_log_mark(struct replica_log *log, sector_t sector, sector_t sectors)
{
	u64 region = sector >> log->region_shift;
	u64 last = (sector + sectors - 1) >> log->region_shift;

	for (; region <= last; region++)
		mark_region(log, region);
}

void replica_log_mark_all(struct replica_log *log)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	bitmap_fill(log->dirty, log->nr_regions);
	bitmap_fill(log->marked, log->nr_regions);
	WRITE_ONCE(log->nr_dirty, log->nr_regions);
	spin_unlock_irqrestore(&log->lock, flags);
}

bool replica_log_dirty(struct replica_log *log, sector_t sector, sector_t sectors)
{
	u64 region = sector >> log->region_shift;
	u64 end = ((sector + sectors - 1) >> log->region_shift) + 1;

	return find_next_bit(log->dirty, end, region) < end;
}

u64 replica_log_dirty_regions(struct replica_log *log)
{
	return READ_ONCE(log->nr_dirty);
}

u64 replica_log_dirty_bytes(struct replica_log *log)
{
	u64 bytes = (replica_log_dirty_regions(log) << log->region_shift) << SECTOR_SHIFT;
	u64 size = (u64)log->sectors << SECTOR_SHIFT;
	u64 whole = (log->nr_regions << log->region_shift) << SECTOR_SHIFT;

	/* The last region may be a short one. */
	if (bytes && test_bit(log->nr_regions - 1, log->dirty))
		bytes -= min(bytes, whole - size);
	return min(bytes, size);
}

u64 replica_log_regions(struct replica_log *log)
{
	return log->nr_regions;
}

u64 replica_log_next_dirty(struct replica_log *log, u64 region)
{
	return find_next_bit(log->dirty, log->nr_regions, region);
}

void replica_log_freeze(struct replica_log *log)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	bitmap_copy(log->frozen, log->dirty, log->nr_regions);
	WRITE_ONCE(log->nr_frozen, log->nr_dirty);
	WRITE_ONCE(log->freezes, log->freezes + 1);
	spin_unlock_irqrestore(&log->lock, flags);
}

bool replica_log_frozen(struct replica_log *log, sector_t sector, sector_t sectors)
{
	u64 region = sector >> log->region_shift;
	u64 end = ((sector + sectors - 1) >> log->region_shift) + 1;

	return find_next_bit(log->frozen, end, region) < end;
}

u64 replica_log_frozen_regions(struct replica_log *log)
{
	return READ_ONCE(log->nr_frozen);
}

u64 replica_log_next_frozen(struct replica_log *log, u64 region)
{
	return find_next_bit(log->frozen, log->nr_regions, region);
}

u64 replica_log_freezes(struct replica_log *log)
{
	return READ_ONCE(log->freezes);
}

void replica_log_copy_begin(struct replica_log *log, u64 region)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	__clear_bit(region, log->marked);
	spin_unlock_irqrestore(&log->lock, flags);
}

bool replica_log_copy_end(struct replica_log *log, u64 region, u64 freezes)
{
	unsigned long flags;
	bool clean;

	spin_lock_irqsave(&log->lock, flags);
	clean = !test_bit(region, log->marked);
	if (clean && __test_and_clear_bit(region, log->dirty))
		WRITE_ONCE(log->nr_dirty, log->nr_dirty - 1);
	/* Before its first write, which leaves a mark again. */
	if (freezes == log->freezes && __test_and_clear_bit(region, log->frozen))
		WRITE_ONCE(log->nr_frozen, log->nr_frozen - 1);
	spin_unlock_irqrestore(&log->lock, flags);
	return clean;
}

/* Never backwards: two writes of a region may end in either order. */
static void note_region(atomic64_t *cached, s64 generation)
{
	s64 noted = atomic64_read(cached);

	while (noted < generation && !atomic64_try_cmpxchg(cached, &noted, generation))
		;
}

void replica_log_note_cached(struct replica_log *log, enum replica_leg leg, sector_t sector,
			     sector_t sectors, u64 generation)
{
	u64 region = sector >> log->region_shift;
	u64 last = (sector + sectors - 1) >> log->region_shift;

	for (; region <= last; region++)
		note_region(&log->cached[leg][region], generation);
}

void replica_log_mark_cached(struct replica_log *log, enum replica_leg leg, u64 durable)
{
	u64 region;

	for (region = 0; region < log->nr_regions; region++) {
		if (replica_log_cached(log, leg, region, durable))
			mark_region(log, region);
		if (!(region & 0xffff))
			cond_resched();
	}
}
