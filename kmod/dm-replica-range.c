// SPDX-License-Identifier: GPL-2.0-only
/*
 * Range lock by zones; dm-replica-range.h says how it works.
 */
#include <linux/interval_tree_generic.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "dm-replica-range.h"

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

static void count_blockers(struct replica_range_bucket *bucket, struct replica_range *range)
{
	struct replica_range *other;

	for (other = range_tree_iter_first(&bucket->tree, range->first, range->last);
	     other;
	     other = range_tree_iter_next(other, range->first, range->last)) {
		range->blockers++;
		range->behind_window |= other->kind == REPLICA_RANGE_WINDOW;
	}
}

bool __replica_range_add(struct replica_range_bucket *bucket, struct replica_range *range)
{
	lockdep_assert_held(&bucket->lock);

	if (bucket->solo) {
		range_tree_insert(bucket->solo, &bucket->tree);
		bucket->solo = NULL;
	}
	count_blockers(bucket, range);
	range_tree_insert(range, &bucket->tree);
	return !range->blockers;
}

void __replica_range_del(struct replica_range_lock *lock, struct replica_range_bucket *bucket,
			 struct replica_range *range)
{
	struct replica_range *other;

	lockdep_assert_held(&bucket->lock);

	range_tree_remove(range, &bucket->tree);
	for (other = range_tree_iter_first(&bucket->tree, range->first, range->last);
	     other;
	     other = range_tree_iter_next(other, range->first, range->last)) {
		if ((s32)(other->seq - range->seq) < 0)
			continue;
		if (--other->blockers)
			continue;
		other->since = (u32)jiffies;
		lock->granted(other, lock->context);
	}
}

struct replica_range *replica_range_first(struct replica_range_bucket *bucket)
{
	struct rb_node *node = rb_first_cached(&bucket->tree);

	lockdep_assert_held(&bucket->lock);
	if (bucket->solo)
		return bucket->solo;
	return node ? rb_entry(node, struct replica_range, node) : NULL;
}

struct replica_range *replica_range_next(struct replica_range_bucket *bucket,
					 struct replica_range *range)
{
	struct rb_node *node = bucket->solo ? NULL : rb_next(&range->node);

	return node ? rb_entry(node, struct replica_range, node) : NULL;
}
