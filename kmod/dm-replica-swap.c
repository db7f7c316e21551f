// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin and replica change places, while the mapped device is in use.
 *
 * New writes wait in the range lock behind a barrier, new reads and flushes at the gate,
 * until those that are under way are over and the queue is empty; both legs are flushed.
 * Then nobody uses either leg.  The superblock is written, which is the instant at which
 * it happens for whoever comes after a power cut; the pointers are exchanged; and all that
 * waited goes on.  Documentation/design/roles.rst says why that is sound.
 *
 * Before I/O is held the legs have to answer, the queue to be short, and all memory to be
 * there.  What takes too long ends the attempt, and nothing has changed.
 */
#include <linux/bio.h>
#include <linux/delay.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-command.h"
#include "dm-replica-compare.h"
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent-priv.h"
#include "dm-replica-queue.h"
#include "dm-replica-swap.h"

/* Longest time for each of the things that are to be so before I/O is held, ms. */
#define READY_MS		3000
/* What is in the queue has to be there within this, ms, or it would hold I/O for longer. */
#define QUEUE_MS		1000
/* Longest time that I/O is held for what is under way, ms; the meta device comes besides. */
#define HOLD_MS			3000
/* Before the legs are tried again that are to change back, ms. */
#define BACK_DELAY_MIN_MS	200U
#define BACK_DELAY_MAX_MS	60000U

#define ONLY_ORIGIN		\
	"writers wait whose writes the origin alone has: resync, or set on_replica_error to track first"
#define TOO_FAR_BEHIND		\
	"the replica is too far behind: what is in the queue would hold I/O for seconds"

#define S(name)		BIT(DM_REPLICA_STATE_##name)

/*
 * struct attempt - one try
 * @swap: what is to be so
 * @durable: writes up to this generation were durable on the replica before its flush
 * @cut: it was cut off by then, and its cache may have been lost meanwhile
 * @ask: command to the replica, for when I/O is held
 * @flush: likewise, to the replica and to the origin
 * @origin_flush: that of the origin
 * @failures: of flushes of the origin, before that
 * @origin_lost: it failed
 * @torn: it did, or an earlier one whose loss is not marked yet
 * @before: room for the superblock as it was
 * @deadline: jiffies: until then I/O is held for what is under way
 */
struct attempt {
	const struct replica_swap *swap;
	u64 durable;
	bool cut;
	struct replica_command *ask;
	struct replica_command *flush[2];
	struct replica_flush origin_flush;
	unsigned int failures;
	bool origin_lost;
	bool torn;
	struct dm_replica_superblock *before;
	unsigned long deadline;
};

static unsigned int time_left(const struct attempt *attempt)
{
	long left = attempt->deadline - jiffies;

	return left > 0 ? jiffies_to_msecs(left) : 0;
}

/*
 * Before I/O is held.
 */

/* The administrator may put the legs to sleep meanwhile. */
static int check_suspend(struct replica *replica, const char **error)
{
	if (!READ_ONCE(replica->suspending))
		return 0;
	*error = "the mapped device is being suspended";
	return -EBUSY;
}

/* A write that is held, and that the origin has done, would be acknowledged without it. */
static bool holds_completions(struct replica *replica)
{
	struct bio *bio;

	lockdep_assert_held(&replica->lock);
	bio_list_for_each(bio, &replica->held)
		if (replica_io_of(bio)->kind == REPLICA_IO_DONE)
			return true;
	return false;
}

static int check_legs(struct replica *replica, const struct replica_swap *swap,
		      const char **error)
{
	bool equal, from, held;

	spin_lock_irq(&replica->lock);
	from = BIT(replica->state) & swap->from;
	equal = !replica_log_dirty_regions(replica->log) && !replica->skewed_bytes &&
		!replica_durable_doubt(&replica->on_origin);
	held = holds_completions(replica);
	spin_unlock_irq(&replica->lock);
	if (!from || (swap->equal && !equal)) {
		*error = "the state changed meanwhile";
		return -EBUSY;
	}
	if (!swap->equal && held) {
		*error = ONLY_ORIGIN;
		return -EBUSY;
	}
	return 0;
}

/* Until the replica has what is in the queue now. */
static int wait_for_queue(struct replica *replica, unsigned long end, const char **error)
{
	u64 seq = replica_queue_last(replica);

	while (READ_ONCE(replica->ship) && !replica_queue_passed(replica, seq)) {
		if (time_after(jiffies, end)) {
			*error = TOO_FAR_BEHIND;
			return -EBUSY;
		}
		if (check_suspend(replica, error))
			return -EBUSY;
		usleep_range(5000, 10000);
	}
	return 0;
}

/* One that opens it from here on reads what is there afterwards. */
static int check_users(struct replica *replica, const struct replica_swap *swap,
		       const char **error)
{
	if (!swap->unused || !disk_openers(dm_disk(replica->md)))
		return 0;
	*error = "the mapped device was opened meanwhile";
	return -EBUSY;
}

/* How far behind the replica is now is how long it would hold I/O. */
static int check_queue(struct replica *replica, const char **error)
{
	unsigned long end = jiffies + msecs_to_jiffies(READY_MS), began;
	int r;

	do {
		began = jiffies;
		r = wait_for_queue(replica, end, error);
	} while (!r && time_after(jiffies, began + msecs_to_jiffies(QUEUE_MS)));
	return r;
}

/* It answers, and has not so much in its cache that a flush would hold I/O for long. */
static int check_replica(struct replica *replica, const char **error)
{
	struct replica_command *ask = replica_command_create_read(replica);
	struct replica_command *flush = replica_command_create(replica);
	int r;

	if (!ask || !flush) {
		replica_command_drop(ask);
		replica_command_drop(flush);
		*error = "not enough memory";
		return -ENOMEM;
	}
	*error = "the replica does not answer";
	r = replica_command_ask(replica, ask, READY_MS);
	if (!r)
		r = replica_command_flush_replica(replica, flush, READY_MS);
	else
		replica_command_drop(flush);
	return r ? -EIO : 0;
}

static int allocate(struct replica *replica, struct attempt *attempt, const char **error)
{
	attempt->ask = replica_command_create_read(replica);
	attempt->flush[0] = replica_command_create(replica);
	attempt->flush[1] = replica_command_create(replica);
	if (replica->intents)
		attempt->before = kmalloc(sizeof(*attempt->before), GFP_NOIO);
	if (attempt->ask && attempt->flush[0] && attempt->flush[1] &&
	    (attempt->before || !replica->intents))
		return 0;
	*error = "not enough memory";
	return -ENOMEM;
}

/*
 * The mutex is held, and no label is pending.  An origin that has room gets its first label
 * before it needs one: the superblock says so first, as it does at an activation.
 */
static int label_origin(struct replica_intents *intents)
{
	struct replica_meta *meta = intents->meta;
	int r;

	if (meta->origin_label_sector)
		return 0;
	meta->origin_label_sector = replica_label_place(intents, intents->replica->origin_bdev);
	if (!meta->origin_label_sector)
		return 0;
	intents->label_pending = true;
	r = replica_intents_write_sb(intents, 0) ?: replica_intents_write_label(intents);
	if (!r && intents->label_pending) {
		/* It fails, which may be why it is to be left; the other label will do. */
		DMWARN("%s: the origin gets no label: it cannot be written",
		       intents->replica->name);
		meta->origin_label_sector = 0;
		intents->label_pending = false;
		r = replica_intents_write_sb(intents, 0);
	}
	if (r)
		replica_intents_fail(intents, r);
	return r;
}

/* Each leg that has a label has the present one, and is the one that it should be. */
static int prepare_labels(struct replica *replica, const char **error)
{
	struct replica_intents *intents = replica->intents;
	int r = -EIO;

	if (!intents)
		return 0;
	mutex_lock(&intents->mutex);
	if (intents->failed)
		*error = "the meta device has failed: what changes could not be written down";
	else if (replica_intents_write_label(intents) || intents->label_pending)
		*error = "the labels of the legs could not be looked at and written";
	else if (label_origin(intents))
		*error = "the meta device could not be written";
	else
		r = 0;
	mutex_unlock(&intents->mutex);
	return r;
}

static int prepare(struct replica *replica, struct attempt *attempt, const char **error)
{
	attempt->durable = replica_leg_durable(replica);
	attempt->cut = !READ_ONCE(replica->ship);
	return check_legs(replica, attempt->swap, error) ?: check_queue(replica, error) ?:
	       check_replica(replica, error) ?: prepare_labels(replica, error) ?:
	       allocate(replica, attempt, error);
}

/*
 * Until nobody uses the legs.
 */

/* Nobody waits for long: what is about to end has no more to wait for. */
static bool all_ended(struct replica *replica, const struct attempt *attempt)
{
	while (atomic_read(&replica->ending)) {
		if (!time_left(attempt))
			return false;
		usleep_range(100, 500);
	}
	return true;
}

static int settle_replica(struct replica *replica, struct attempt *attempt, const char **error)
{
	struct replica_command *ask = attempt->ask, *flush = attempt->flush[0];
	int r;

	/* No flush enters the queue any more, either. */
	if (!replica_queue_drain(replica, time_left(attempt))) {
		*error = "the replica did not take what is in the queue in time";
		return -EBUSY;
	}
	*error = "the replica does not answer";
	attempt->flush[0] = NULL;
	r = replica_command_flush_replica(replica, flush, time_left(attempt));
	if (r)
		return r;
	attempt->ask = NULL;
	r = replica_command_ask(replica, ask, time_left(attempt));
	if (r)
		return r;
	/* A barrier of somebody else may have one out. */
	if (!wait_event_timeout(replica->quiet, replica_leg_quiet(replica),
				msecs_to_jiffies(time_left(attempt))) ||
	    !replica_queue_empty(replica) || !all_ended(replica, attempt)) {
		*error = "a flush of the replica did not end in time";
		return -EBUSY;
	}
	if (!replica_leg_owes(replica))
		return 0;
	*error = "the replica has not yet returned requests that were given up";
	return -EBUSY;
}

/* What the origin lost with its cache is not known: the other leg has it, or tells. */
static int settle_origin(struct replica *replica, struct attempt *attempt, const char **error)
{
	struct replica_command *flush = attempt->flush[1];
	int r;

	if (atomic_read(&replica->leg_commands) || atomic_read(&replica->asked_origin)) {
		*error = "a leg has not yet returned an earlier request";
		return -EBUSY;
	}
	attempt->flush[1] = NULL;
	attempt->failures = READ_ONCE(replica->on_origin.failures);
	replica_flush_begin(&replica->on_origin, &attempt->origin_flush);
	r = replica_command_flush_origin(replica, flush, &attempt->origin_flush,
					 time_left(attempt));
	*error = "the origin could not be flushed";
	attempt->origin_lost = r == -EIO;
	attempt->torn = attempt->origin_lost || replica_durable_doubt(&replica->on_origin);
	return attempt->origin_lost && !attempt->swap->equal ? 0 : r;
}

static int quiesce(struct replica *replica, struct attempt *attempt, struct replica_drain *drain,
		   const char **error)
{
	int r = replica_drain_wait(replica, drain, HOLD_MS, error);

	if (r)
		return r;
	if (!replica_gate_drain(replica, time_left(attempt))) {
		*error = "the reads and flushes under way did not end in time";
		return -EBUSY;
	}
	return settle_replica(replica, attempt, error) ?:
	       settle_origin(replica, attempt, error) ?: check_suspend(replica, error);
}

/*
 * The exchange.
 */

/*
 * Nothing is under way, and both legs have been flushed: the one that was the origin is a copy
 * of this moment, if that flush and all before it ended well.
 */
static void exchange(struct replica *replica, bool back, bool whole)
{
	s64 generation;

	spin_lock_irq(&replica->lock);
	generation = atomic64_inc_return(&replica->flush_gen) - 1;
	swap(replica->origin_bdev, replica->replica_bdev);
	swap(replica->origin_dev, replica->replica_dev);
	replica->origin_volatile = bdev_write_cache(replica->origin_bdev);
	replica->replica_volatile = bdev_write_cache(replica->replica_bdev);
	replica->swap_back = back;
	__replica_delta_swapped(replica, whole);
	replica->whole = whole;
	if (whole)
		replica->last_consistent = ktime_get();
	/* A flush of our own that begins from here on is of the other leg, and may fail. */
	__replica_durable_begin_anew(&replica->on_origin, generation);
	__replica_durable_begin_anew(&replica->on_replica, generation);
	spin_unlock_irq(&replica->lock);
	replica_target_swap(replica->owner, replica->swaps + 1);
	replica_queue_forget(replica);
}

/* Where the labels are, after the exchange. */
static void swap_labels(struct replica_intents *intents)
{
	struct replica_meta *meta = intents->meta;

	swap(meta->origin_label_sector, meta->label_sector);
	intents->label_pending = replica_meta_has_label(meta);
}

/* As it was, but for the number that no other copy has. */
static void take_back(struct replica_intents *intents, const struct dm_replica_superblock *before)
{
	struct dm_replica_superblock *sb = intents->meta->sb;
	__le64 seq = sb->seq;

	swap_labels(intents);
	intents->label_pending = false;
	*sb = *before;
	sb->seq = seq;
}

/* Write down that it has happened.  On failure the superblock in memory is as before. */
static int commit(struct replica_intents *intents, const struct attempt *attempt)
{
	struct dm_replica_superblock *sb = intents->meta->sb, *before = attempt->before;
	int r;

	*before = *sb;
	swap_labels(intents);
	intents->label_behind = false;
	replica_label_next_generation(intents);
	le32_add_cpu(&sb->swaps, 1);
	memcpy(sb->origin_path, before->replica_path, sizeof(sb->origin_path));
	memcpy(sb->replica_path, before->origin_path, sizeof(sb->replica_path));
	intents->planned = attempt->swap->to;
	intents->planned_back = attempt->swap->back;
	intents->planned_whole = !attempt->torn;
	r = replica_intents_write_sb(intents, 0);
	intents->planned = 0;
	if (!r)
		return 0;
	/* One copy may have it, and the labels are to tell that it is not so. */
	take_back(intents, before);
	replica_intents_fail(intents, r);
	return r;
}

/*
 * What is not known to be equal is marked, and durably so, before what relies on it.  A flush
 * of the replica may have been one of a cache that it had lost while it was cut off.
 */
static void mark_doubts(struct replica *replica, const struct attempt *attempt)
{
	if (attempt->swap->equal)
		return;
	replica_verify_mark(replica);
	if (attempt->origin_lost)
		replica_log_mark_all(replica->log);
	else if (attempt->cut || !READ_ONCE(replica->ship))
		replica_log_mark_cached(replica->log, REPLICA_LEG_REPLICA,
					min(attempt->durable, replica_leg_durable(replica)));
	if (attempt->torn)
		replica_durable_mark(&replica->on_origin, U64_MAX);
	replica_intents_sync(replica);
}

/* The superblock says what the state is by now, whatever has become of it meanwhile. */
static void enter_state(struct replica *replica, const struct replica_swap *swap, u32 *job_id)
{
	if (swap->job)
		*job_id = replica_resync_start(replica, ~0U, swap->job, REPLICA_WALK_COPY,
					       swap->reason);
	else if (!swap->equal)
		replica_state_move(replica, ~0U, swap->to, swap->reason);
}

/* The log's worker flushes the origin too, and the disk may have told it. */
static int check_origin(struct replica *replica, const struct attempt *attempt,
			const char **error)
{
	if (attempt->torn || READ_ONCE(replica->on_origin.failures) == attempt->failures)
		return 0;
	*error = "the state changed meanwhile";
	return -EBUSY;
}

static int commit_and_exchange(struct replica *replica, const struct attempt *attempt,
			       u32 *job_id, const char **error)
{
	struct replica_intents *intents = replica->intents;
	const struct replica_swap *swap = attempt->swap;
	int r;

	if (intents)
		mutex_lock(&intents->mutex);
	r = check_suspend(replica, error) ?: check_legs(replica, swap, error) ?:
	    check_users(replica, swap, error) ?: check_origin(replica, attempt, error);
	if (!r && intents) {
		*error = "the meta device could not be written";
		r = intents->failed ? -EIO : intents->label_pending ? -EBUSY :
		    commit(intents, attempt);
	}
	if (!r) {
		/* The worker may have flushed it since it was marked. */
		if (replica_durable_doubt(&replica->on_origin))
			replica_durable_mark(&replica->on_origin, U64_MAX);
		exchange(replica, swap->back, !attempt->torn);
		enter_state(replica, swap, job_id);
	}
	if (intents)
		mutex_unlock(&intents->mutex);
	return r;
}

/* The superblock says which leg is which; the labels repeat it. */
static void write_labels(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;
	int r;

	if (!intents)
		return;
	mutex_lock(&intents->mutex);
	if (!intents->failed) {
		r = replica_intents_write_label(intents);
		if (r)
			replica_intents_fail(intents, r);
	}
	mutex_unlock(&intents->mutex);
}

static void raise_roles(struct replica *replica, const char *reason)
{
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_ROLES,
		.state = READ_ONCE(replica->state),
	};

	strscpy(event.reason, reason, sizeof(event.reason));
	replica_event_raise(replica, &event);
}

/*
 * An attempt that fails may leave marks.  In step no more, if it was; but which leg is right
 * after a verify is not for a copy to decide that nobody has ordered.
 */
static void leave_marks(struct replica *replica)
{
	static const char reason[] = "origin and replica could not change places";

	replica_state_move(replica, S(SKEWED), DM_REPLICA_STATE_FRACTURED, reason);
	replica_state_unsynced(replica, reason);
}

/* Nobody uses the legs. */
static int turn(struct replica *replica, const struct attempt *attempt, u32 *job_id,
		const char **error)
{
	int r;

	mark_doubts(replica, attempt);
	r = commit_and_exchange(replica, attempt, job_id, error);
	/* With delta updates there may be marks all the same. */
	if (r && !attempt->swap->equal && replica_log_dirty_regions(replica->log))
		leave_marks(replica);
	return r;
}

/* All I/O waits: what is under way ends, and the legs change places. */
static int swap_quiesced(struct replica *replica, struct attempt *attempt, u32 *job_id,
			 const char **error)
{
	struct replica_drain *drain = replica_drain_begin(replica);
	int r;

	if (!drain) {
		*error = "not enough memory for the barrier";
		return -ENOMEM;
	}
	attempt->deadline = jiffies + msecs_to_jiffies(HOLD_MS);
	replica_gate_close(replica);
	r = quiesce(replica, attempt, drain, error) ?: turn(replica, attempt, job_id, error);
	if (!r) {
		raise_roles(replica, attempt->swap->reason);
		replica_leg_ship_barrier(replica);
	} else if (attempt->origin_lost) {
		replica_origin_lost(replica, &attempt->origin_flush);
	}
	replica_drain_end(replica, drain);
	replica_gate_open(replica);
	/* Drain barriers have waited for the gate. */
	mod_delayed_work(replica_aux_wq, &replica->confirm_work, 0);
	return r;
}

/* No window of a job goes on, nor does its flush. */
static int swap_paused(struct replica *replica, struct attempt *attempt, u32 *job_id,
		       const char **error)
{
	int r = -EBUSY;

	if (replica_resync_pause(replica, READY_MS))
		r = swap_quiesced(replica, attempt, job_id, error);
	else
		*error = "the copy under way did not pause in time";
	replica_resync_unpause(replica);
	return r;
}

int replica_swap_legs(struct replica *replica, const struct replica_swap *swap, u32 *job_id,
		      const char **error)
{
	struct attempt attempt = { .swap = swap };
	struct replica_news *news;
	int r;

	lockdep_assert_held(&replica->op_mutex);
	/* Without memory for it udev goes on with the old places until the end. */
	news = replica_news_create(replica->owner, GFP_NOIO);
	r = prepare(replica, &attempt, error);
	if (!r) {
		replica_state_end_verify(replica, "the legs change places");
		r = swap_paused(replica, &attempt, job_id, error);
	}
	if (!r) {
		write_labels(replica);
		replica_news_send(news);
		/* What udev knows of the mapped device names the legs too. */
		replica_news_send(replica_news_of_mapped(replica));
	} else {
		replica_news_drop(news);
	}
	replica_command_drop(attempt.ask);
	replica_command_drop(attempt.flush[0]);
	replica_command_drop(attempt.flush[1]);
	kfree(attempt.before);
	return r;
}

/*
 * The way back, after a failback or a restore.
 */

void replica_swap_back_soon(struct replica *replica, unsigned int ms)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	/* Without a mapped device nobody would wait for the work to end. */
	if (replica->swap_back && replica->md &&
	    replica->state == DM_REPLICA_STATE_SYNCHRONIZED)
		queue_delayed_work(replica_aux_wq, &replica->back_work, msecs_to_jiffies(ms));
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_swap_back_work(struct work_struct *work)
{
	static const struct replica_swap back = {
		.from = S(SYNCHRONIZED),
		.equal = true,
		.to = DM_REPLICA_STATE_SYNCHRONIZED,
		.reason = "in step, and both legs have their places back",
	};
	struct replica *replica = container_of(to_delayed_work(work), struct replica, back_work);
	const char *error;
	u32 job;
	int r = 0;

	mutex_lock(&replica->op_mutex);
	/* A resume looks again. */
	if (replica->swap_back && !replica_operable(replica, &error))
		r = replica_swap_legs(replica, &back, &job, &error);
	if (!r)
		replica_delta_apply(replica);
	if (r && !replica->back_delay_ms)
		DMWARN("%s: the legs do not change back yet: %s", replica->name, error);
	replica->back_delay_ms = r ? clamp(replica->back_delay_ms * 2, BACK_DELAY_MIN_MS,
					   BACK_DELAY_MAX_MS) : 0;
	mutex_unlock(&replica->op_mutex);
	if (r)
		replica_swap_back_soon(replica, replica->back_delay_ms);
}
