/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Range lock: writes that overlap, and the windows of a job, run one after the
 * other in the order in which they came; all others run side by side.
 *
 * The device is cut into zones of REPLICA_ZONE_SECTORS.  A range never crosses
 * a zone, and zones hash into buckets with a spinlock each, so that there is no
 * lock that all writers share.  In a bucket the ranges sit in an interval tree.
 * A range counts the earlier ones that it overlaps; whoever releases a range
 * takes one from the count of each later range that it overlaps, and a range
 * whose count reaches zero is granted.  Waiting ranges block later ones as well,
 * so the order is fair and nothing starves.
 */
#ifndef DM_REPLICA_RANGE_H
#define DM_REPLICA_RANGE_H

#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Sectors of a zone: no bio and no window crosses the end of one. */
#define REPLICA_ZONE_SHIFT	11
#define REPLICA_ZONE_SECTORS	2048U

static_assert(REPLICA_ZONE_SECTORS == 1UL << REPLICA_ZONE_SHIFT);

enum replica_range_kind {
	REPLICA_RANGE_WRITE,	/* an application's write */
	REPLICA_RANGE_WINDOW,	/* a window of a job */
	REPLICA_RANGE_BARRIER,	/* the whole bucket: a drain */
};

/**
 * struct replica_range - one range, embedded in whoever holds it
 * @first: first sector
 * @last: last sector, inclusive
 * @seq: order of arrival in the bucket, wraps
 * @since: jiffies when it was granted, cut to 32 bits
 * @blockers: earlier overlapping ranges that are still there
 * @kind: enum replica_range_kind
 * @behind_window: one of @blockers was a window when it came
 *
 * Small, because it is part of the per-bio data.
 */
struct replica_range {
	struct rb_node node;
	u64 first;
	u64 last;
	u64 subtree_last;	/* greatest @last below this node */
	u32 seq;
	u32 since;
	u32 blockers;
	u8 kind;
	bool behind_window;
};

/**
 * struct replica_range_bucket - the ranges of the zones that hash to one place
 * @lock: guards everything here; taken with interrupts off
 * @solo: the only range, which is then not in @tree
 * @nr: number of ranges
 */
struct replica_range_bucket {
	spinlock_t lock;	/* guards the rest */
	u32 next_seq;
	unsigned int nr;
	struct replica_range *solo;
	struct rb_root_cached tree;
} ____cacheline_aligned_in_smp;

#define REPLICA_RANGE_BUCKETS	256

/* Called with the bucket lock held for each range that a release granted. */
typedef void (*replica_range_granted_fn)(struct replica_range *range, void *context);

struct replica_range_lock {
	replica_range_granted_fn granted;
	void *context;
	struct replica_range_bucket buckets[REPLICA_RANGE_BUCKETS];
};

/* May sleep.  @context goes to @granted. */
struct replica_range_lock *replica_range_lock_create(replica_range_granted_fn granted,
						     void *context);
void replica_range_lock_destroy(struct replica_range_lock *lock);

/* Neighbouring zones in neighbouring buckets: no two of 256 in a row share one. */
static inline struct replica_range_bucket *
replica_range_bucket(struct replica_range_lock *lock, u64 sector)
{
	return &lock->buckets[(sector >> REPLICA_ZONE_SHIFT) % REPLICA_RANGE_BUCKETS];
}

/* range.c, for the inline functions below: the bucket has or had other ranges. */
bool __replica_range_add(struct replica_range_bucket *bucket, struct replica_range *range);
void __replica_range_del(struct replica_range_lock *lock, struct replica_range_bucket *bucket,
			 struct replica_range *range);

/**
 * replica_range_add - queue a range
 * Bucket lock held.  Return: true when it is granted at once, false when it
 * waits; the granted callback is called later in the latter case only.
 */
static inline bool replica_range_add(struct replica_range_bucket *bucket,
				     struct replica_range *range)
{
	lockdep_assert_held(&bucket->lock);
	range->blockers = 0;
	range->behind_window = false;
	range->seq = bucket->next_seq++;
	range->since = (u32)jiffies;
	if (unlikely(bucket->nr++))
		return __replica_range_add(bucket, range);
	bucket->solo = range;
	return true;
}

/* Release a range, granted or not.  Bucket lock held; grants others. */
static inline void replica_range_del(struct replica_range_lock *lock,
				     struct replica_range_bucket *bucket,
				     struct replica_range *range)
{
	lockdep_assert_held(&bucket->lock);
	bucket->nr--;
	if (likely(bucket->solo == range))
		bucket->solo = NULL;
	else
		__replica_range_del(lock, bucket, range);
}

/* The same, taking the bucket lock.  Any context. */
static inline void replica_range_release(struct replica_range_lock *lock,
					 struct replica_range *range)
{
	struct replica_range_bucket *bucket = replica_range_bucket(lock, range->first);
	unsigned long flags;

	spin_lock_irqsave(&bucket->lock, flags);
	replica_range_del(lock, bucket, range);
	spin_unlock_irqrestore(&bucket->lock, flags);
}

/* First range in the bucket, and the next.  Bucket lock held. */
struct replica_range *replica_range_first(struct replica_range_bucket *bucket);
struct replica_range *replica_range_next(struct replica_range_bucket *bucket,
					 struct replica_range *range);

/* Was it granted more than @age_ms milliseconds ago? */
static inline bool replica_range_older(const struct replica_range *range, unsigned int age_ms)
{
	return (s32)((u32)jiffies - range->since - (u32)msecs_to_jiffies(age_ms)) > 0;
}

#endif /* DM_REPLICA_RANGE_H */
