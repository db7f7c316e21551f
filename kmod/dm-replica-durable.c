// SPDX-License-Identifier: GPL-2.0-only
/*
 * Up to which write a leg is durable; dm-replica-durable.h has the idea.
 */
#include "dm-replica-delta.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"

void replica_durable_init(struct replica_durable *durable, struct replica *replica,
			  enum replica_leg leg)
{
	durable->replica = replica;
	durable->leg = leg;
	atomic64_set(&durable->lost, S64_MAX);
}

void __replica_durable_begin_anew(struct replica_durable *durable, u64 generation)
{
	lockdep_assert_held(&durable->replica->lock);
	atomic64_set(&durable->flushed, generation);
	atomic64_set(&durable->lost, S64_MAX);
}

void replica_durable_note(struct replica_durable *durable, sector_t sector, sector_t sectors)
{
	struct replica *replica = durable->replica;

	replica_log_note_cached(replica->log, durable->leg, sector, sectors,
				atomic64_read(&replica->flush_gen));
}

void replica_flush_begin(struct replica_durable *durable, struct replica_flush *flush)
{
	flush->before = atomic64_read(&durable->flushed);
	flush->generation = atomic64_inc_return(&durable->replica->flush_gen) - 1;
}

void replica_flush_end(struct replica_durable *durable, const struct replica_flush *flush)
{
	s64 flushed = atomic64_read(&durable->flushed);

	while (flushed < (s64)flush->generation &&
	       !atomic64_try_cmpxchg(&durable->flushed, &flushed, flush->generation))
		;
}

void replica_flush_failed(struct replica_durable *durable, const struct replica_flush *flush)
{
	unsigned long flags;

	spin_lock_irqsave(&durable->replica->lock, flags);
	durable->failures++;
	if (atomic64_read(&durable->lost) > (s64)flush->before)
		atomic64_set(&durable->lost, flush->before);
	spin_unlock_irqrestore(&durable->replica->lock, flags);
}

u64 replica_durable_generation(const struct replica_durable *durable)
{
	return min(atomic64_read(&durable->flushed), atomic64_read(&durable->lost));
}

bool replica_durable_doubt(const struct replica_durable *durable)
{
	return atomic64_read(&durable->lost) != S64_MAX;
}

/*
 * The origin may have had a write, and have lost it, that waits for the replica still: it is
 * noted when it ends.  It is seen here, or has been noted before it left the range lock.
 */
static void mark_under_way(struct replica *replica)
{
	struct replica_range *range;
	unsigned int i;

	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = &replica->ranges->buckets[i];

		spin_lock_irq(&bucket->lock);
		for (range = replica_range_first(bucket); range;
		     range = replica_range_next(bucket, range))
			if (replica_io_is_issued(range))
				replica_log_mark(replica->log, range->first,
						 range->last - range->first + 1);
		spin_unlock_irq(&bucket->lock);
	}
}

bool replica_durable_mark(struct replica_durable *durable, u64 generation)
{
	struct replica *replica = durable->replica;
	unsigned int failures;
	bool all;

	spin_lock_irq(&replica->lock);
	failures = durable->failures;
	generation = min(generation, replica_durable_generation(durable));
	spin_unlock_irq(&replica->lock);
	if (durable->leg == REPLICA_LEG_ORIGIN)
		mark_under_way(replica);
	replica_log_mark_cached(replica->log, durable->leg, generation);
	spin_lock_irq(&replica->lock);
	/* One that failed meanwhile may have left the floor where it is: the number tells of it. */
	all = durable->failures == failures;
	if (all)
		atomic64_set(&durable->lost, S64_MAX);
	spin_unlock_irq(&replica->lock);
	return all;
}

/*
 * The origin.
 */

void replica_origin_fua_failed(struct replica *replica)
{
	struct replica_flush flush = { .before = atomic64_read(&replica->on_origin.flushed) };

	replica_origin_lost(replica, &flush);
}

void replica_origin_lost(struct replica *replica, const struct replica_flush *flush)
{
	replica_flush_failed(&replica->on_origin, flush);
	/* Before the worker has marked it: until then nothing is frozen anew. */
	replica_delta_restart(replica);
	if (replica->intents) {
		replica_intents_note(replica);
		return;
	}
	replica_get(replica);
	if (!queue_work(replica_aux_wq, &replica->lost_work))
		replica_put(replica);
}

void replica_origin_mark_lost(struct replica *replica)
{
	bool given_up;

	if (!replica->intents)
		lockdep_assert_held(&replica->op_mutex);
	if (!replica_durable_doubt(&replica->on_origin))
		return;
	/* What is in the queue may be newer than what the origin has now: no copy before it. */
	given_up = replica_queue_give_up(replica, "behind: origin flush error");
	replica_durable_mark(&replica->on_origin, U64_MAX);
	/* What is not copied yet may not be of the instant any more. */
	replica_delta_restart(replica);
	if (!given_up)
		replica_state_unsynced(replica, "origin flush error");
}

bool replica_origin_doubts(struct replica *replica, sector_t sector, sector_t sectors)
{
	u64 durable, region, last;

	if (likely(!replica_durable_doubt(&replica->on_origin)))
		return false;
	durable = replica_durable_generation(&replica->on_origin);
	last = replica_log_region(replica->log, sector + sectors - 1);
	for (region = replica_log_region(replica->log, sector); region <= last; region++)
		if (replica_log_cached(replica->log, REPLICA_LEG_ORIGIN, region, durable))
			return true;
	return false;
}

void replica_origin_lost_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, lost_work);

	/* With another table comes another log, and without one the association is over. */
	mutex_lock(&replica->op_mutex);
	if (replica->md)
		replica_origin_mark_lost(replica);
	mutex_unlock(&replica->op_mutex);
	replica_put(replica);
}
