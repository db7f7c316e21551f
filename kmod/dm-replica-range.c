// SPDX-License-Identifier: GPL-2.0-only
/*
 * Range lock by zones; dm-replica-range.h says how it works.
 */
#include <linux/hash.h>
#include <linux/interval_tree_generic.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "dm-replica.h"
#include "dm-replica-range.h"

struct replica_range_lock {
	replica_range_granted_fn granted;
	void *context;
	struct replica_range_bucket buckets[REPLICA_RANGE_BUCKETS];
};

#define RANGE_FIRST(range)	((range)->first)
#define RANGE_LAST(range)	((range)->last)

INTERVAL_TREE_DEFINE(struct replica_range, node, u64, subtree_last, RANGE_FIRST, RANGE_LAST,
		     static, range_tree)

struct replica_range_lock *replica_range_lock_create(replica_range_granted_fn granted,
						     void *context)
{
	struct replica_range_lock *lock;
	unsigned int i;

	lock = kvzalloc(sizeof(*lock), GFP_KERNEL);
	if (!lock)
		return NULL;

	lock->granted = granted;
	lock->context = context;
	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		spin_lock_init(&lock->buckets[i].lock);
		lock->buckets[i].tree = RB_ROOT_CACHED;
	}
	return lock;
}

void replica_range_lock_destroy(struct replica_range_lock *lock)
{
	kvfree(lock);
}

struct replica_range_bucket *replica_range_bucket(struct replica_range_lock *lock, u64 sector)
{
	/* Neighbouring zones in neighbouring buckets: no two of 256 in a row share one. */
	return &lock->buckets[(sector >> REPLICA_ZONE_SHIFT) % REPLICA_RANGE_BUCKETS];
}

struct replica_range_bucket *replica_range_bucket_nr(struct replica_range_lock *lock,
						     unsigned int nr)
{
	return &lock->buckets[nr];
}

bool replica_range_add(struct replica_range_bucket *bucket, struct replica_range *range)
{
	struct replica_range *other;

	lockdep_assert_held(&bucket->lock);

	range->blockers = 0;
	range->behind_window = false;
	range->seq = bucket->next_seq++;
	if (!RB_EMPTY_ROOT(&bucket->tree.rb_root))
		for (other = range_tree_iter_first(&bucket->tree, range->first, range->last);
		     other;
		     other = range_tree_iter_next(other, range->first, range->last)) {
			range->blockers++;
			range->behind_window |= other->kind == REPLICA_RANGE_WINDOW;
		}

	range_tree_insert(range, &bucket->tree);
	range->since = jiffies;
	return !range->blockers;
}

void replica_range_del(struct replica_range_lock *lock, struct replica_range_bucket *bucket,
		       struct replica_range *range)
{
	struct replica_range *other;

	lockdep_assert_held(&bucket->lock);

	range_tree_remove(range, &bucket->tree);
	if (RB_EMPTY_ROOT(&bucket->tree.rb_root))
		return;

	for (other = range_tree_iter_first(&bucket->tree, range->first, range->last);
	     other;
	     other = range_tree_iter_next(other, range->first, range->last)) {
		if (other->seq < range->seq)
			continue;
		if (--other->blockers)
			continue;
		other->since = jiffies;
		lock->granted(other, lock->context);
	}
}

struct replica_range *replica_range_first(struct replica_range_bucket *bucket)
{
	struct rb_node *node = rb_first_cached(&bucket->tree);

	lockdep_assert_held(&bucket->lock);
	return node ? rb_entry(node, struct replica_range, node) : NULL;
}

struct replica_range *replica_range_next(struct replica_range *range)
{
	struct rb_node *node = rb_next(&range->node);

	return node ? rb_entry(node, struct replica_range, node) : NULL;
}
