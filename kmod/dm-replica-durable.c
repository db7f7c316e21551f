// SPDX-License-Identifier: GPL-2.0-only
/*
 * Up to which write a leg is durable; dm-replica-durable.h has the idea.
 */
#include "dm-replica-delta.h"
#include "dm-replica-intent.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"

void replica_durable_init(struct replica_durable *durable, struct replica *replica)
{
	durable->replica = replica;
	atomic64_set(&durable->lost, S64_MAX);
}

void __replica_durable_begin_anew(struct replica_durable *durable, u64 generation)
{
	lockdep_assert_held(&durable->replica->lock);
	atomic64_set(&durable->flushed, generation);
	atomic64_set(&durable->lost, S64_MAX);
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

/* A flush that fails meanwhile may leave the floor where it is: the number tells of it. */
void replica_durable_mark(struct replica_durable *durable, u64 generation)
{
	struct replica *replica = durable->replica;
	unsigned int failures;
	bool all;

	do {
		spin_lock_irq(&replica->lock);
		failures = durable->failures;
		generation = min(generation, replica_durable_generation(durable));
		spin_unlock_irq(&replica->lock);
		replica_log_mark_cached(replica->log, generation);
		spin_lock_irq(&replica->lock);
		all = durable->failures == failures;
		if (all)
			atomic64_set(&durable->lost, S64_MAX);
		spin_unlock_irq(&replica->lock);
	} while (!all);
}

/*
 * The origin.
 */

void replica_origin_lost(struct replica *replica, const struct replica_flush *flush)
{
	replica_flush_failed(&replica->on_origin, flush);
	/* Before the worker has marked it: until then nothing is frozen anew. */
	replica_delta_restart(replica);
	if (replica->intents)
		replica_intents_note(replica);
	else
		queue_work(replica_aux_wq, &replica->lost_work);
}

void replica_origin_mark_lost(struct replica *replica)
{
	if (!replica->intents)
		lockdep_assert_held(&replica->op_mutex);
	if (!replica_durable_doubt(&replica->on_origin))
		return;
	replica_durable_mark(&replica->on_origin, U64_MAX);
	/* What is not copied yet may not be of the instant any more. */
	replica_delta_restart(replica);
	/* What is in the queue may be newer than what the origin has now: no copy before it. */
	if (!replica_queue_give_up(replica, "behind: origin flush error"))
		replica_state_unsynced(replica, "origin flush error");
}

void replica_origin_lost_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, lost_work);

	/* With another table comes another log. */
	mutex_lock(&replica->op_mutex);
	replica_origin_mark_lost(replica);
	mutex_unlock(&replica->op_mutex);
}
