/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty log: which regions may differ between the legs.
 *
 * The rule that everything rests on (two phases): a region is dirty in the log,
 * durably when there is a meta device, before a write that could make the legs
 * differ is issued; it is cleared only when the replica holds the data durably.
 *
 * This is the log in memory, in which marking never waits.  With a meta device
 * a region has to be active, that is durably dirty, before a write to it is
 * issued: replica_log_admit() tells, and intent.c makes regions active and
 * takes that back.  What is marked dirty is therefore always covered on disk.
 *
 * A region is copied like this: replica_log_copy_begin() on it, copy all of it
 * while its windows are locked, replica_log_copy_end().  A mark that comes in
 * between makes copy_end() leave the region dirty.
 */
#ifndef DM_REPLICA_LOG_H
#define DM_REPLICA_LOG_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/blk_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "dm-replica-durable.h"

/**
 * struct replica_log - facts about each region; log.c's and intent.c's
 * @lock: taken to set a bit that was clear, and to clear one
 * @nr_dirty: number of bits in @dirty, under @lock, read without it
 * @dirty: the legs may differ
 * @marked: marked since the last copy_begin()
 * @cached: of each leg, flush generation of the last write into its cache
 * @active: durably dirty on the meta device; NULL without one.  Set by intent.c
 *	only; cleared by it, and then valid when it has seen the bucket locks
 * @touched: written to since intent.c last looked
 * @sealed: no mark is taken any more; NULL but in the clone role.  Set by clone.c only,
 *	under @lock
 * @frozen: of those that were dirty at the last freeze, what has not been copied since;
 *	@nr_frozen of them, under @lock.  It counts while replica->first says so
 * @freezes: how many there were
 */
struct replica_log {
	spinlock_t lock;	/* see above */
	u64 nr_dirty;
	u64 nr_regions;
	sector_t sectors;
	unsigned int region_shift;
	unsigned long *dirty;
	unsigned long *marked;
	atomic64_t *cached[REPLICA_LEGS];
	unsigned long *active;
	unsigned long *touched;
	unsigned long *sealed;
	unsigned long *frozen;
	u64 nr_frozen;
	u64 freezes;
};

/**
 * replica_log_create - a log with all regions clean
 * @sectors: of the device; @region_shift: log2 of sectors of a region
 * May sleep.  Return: NULL when there is no memory.
 */
struct replica_log *replica_log_create(sector_t sectors, unsigned int region_shift);
void replica_log_destroy(struct replica_log *log);
/**
 * replica_log_import - take over the bits of another log with the same regions
 * What @from does not cover becomes dirty.  May sleep; nobody uses either.
 */
void replica_log_import(struct replica_log *log, struct replica_log *from);

/* Give the log what it needs for a meta device.  May sleep.  0 or -ENOMEM. */
int replica_log_make_durable(struct replica_log *log);

/* Likewise for the clone role, with or without one. */
int replica_log_make_sealed(struct replica_log *log);
/**
 * replica_log_seal - take no more marks for a region
 * @durable: generation of flushes up to which the replica's cache can be relied on
 * Any context.  Return: false when it is dirty, or was copied later than that.
 */
bool replica_log_seal(struct replica_log *log, u64 region, u64 durable);

static inline u64 replica_log_region(const struct replica_log *log, sector_t sector)
{
	return sector >> log->region_shift;
}

/**
 * replica_log_admit - may a write to this range be issued?
 * Bucket lock of the range held, and the range in its tree.  Return: false when
 * a region is not active: it has to wait for intent.c.
 */
static inline bool replica_log_admit(struct replica_log *log, sector_t sector, sector_t sectors)
{
	u64 region, last;

	if (!log->active)
		return true;
	last = replica_log_region(log, sector + sectors - 1);
	for (region = replica_log_region(log, sector); region <= last; region++) {
		if (!test_bit(region, log->active))
			return false;
		if (!test_bit(region, log->touched))
			set_bit(region, log->touched);
	}
	return true;
}

/* Mark the regions of a range.  Any context. */
void replica_log_mark(struct replica_log *log, sector_t sector, sector_t sectors);
void replica_log_mark_all(struct replica_log *log);
/* Does any region of the range carry a mark?  Any context. */
bool replica_log_dirty(struct replica_log *log, sector_t sector, sector_t sectors);
/* Number of dirty regions, and the bytes they cover.  Any context. */
u64 replica_log_dirty_regions(struct replica_log *log);
u64 replica_log_dirty_bytes(struct replica_log *log);
u64 replica_log_regions(struct replica_log *log);
/* First dirty region at or behind @region, or replica_log_regions(). */
u64 replica_log_next_dirty(struct replica_log *log, u64 region);

/* What is dirty now is frozen.  No write is under way.  Any context. */
void replica_log_freeze(struct replica_log *log);
/* Is any region of the range frozen?  Any context, as the others. */
bool replica_log_frozen(struct replica_log *log, sector_t sector, sector_t sectors);
u64 replica_log_frozen_regions(struct replica_log *log);
/* First frozen region at or behind @region, or replica_log_regions(). */
u64 replica_log_next_frozen(struct replica_log *log, u64 region);
/* The number of the last freeze. */
u64 replica_log_freezes(struct replica_log *log);

void replica_log_copy_begin(struct replica_log *log, u64 region);
/*
 * @freezes: the number of the last freeze before it was begun.  If that is the last one
 * still, the region is frozen no more.
 * Return: true when the region is clean now, false when it was marked anew.
 */
bool replica_log_copy_end(struct replica_log *log, u64 region, u64 freezes);

/*
 * Volatile caches: a write that a leg completed into its cache is lost when it loses power.
 * Each region remembers for each leg the flush generation of its last such write, or copy;
 * see dm-replica-durable.h.
 */
void replica_log_note_cached(struct replica_log *log, enum replica_leg leg, sector_t sector,
			     sector_t sectors, u64 generation);
/* Mark every region noted with a generation above @durable.  May sleep. */
void replica_log_mark_cached(struct replica_log *log, enum replica_leg leg, u64 durable);
/* Was the region written on the leg after that generation?  Any context. */
static inline bool replica_log_cached(const struct replica_log *log, enum replica_leg leg,
				      u64 region, u64 durable)
{
	return (u64)atomic64_read(&log->cached[leg][region]) > durable;
}

#endif /* DM_REPLICA_LOG_H */
