// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clone role: opening regions to writes, and the end of a clone that cannot be
 * finished; dm-replica-clone.h has the idea.
 *
 * Writes wait in the list of cbw.c.  One worker opens all that has been copied, with one
 * flush of the replica and one write to the meta device however many wait, and lets go
 * whom that serves.  The walk of resync.c asks replica_cbw_wanted() first what to copy.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-cbw.h"
#include "dm-replica-clone.h"
#include "dm-replica-intent-priv.h"
#include "dm-replica-log.h"

/* Before what nobody waits for is made durable, so that a crash does not copy it again, ms. */
#define LAZY_MS			2000U

/**
 * struct replica_clone - what the role needs besides the log
 * @replica: the association
 * @work: the worker; on replica->log_wq, for it waits for both devices
 * @stopped: the device is suspended; under replica->lock
 * @unreadable: a write waits for what the origin cannot deliver; under replica->lock
 * @bad_sector: where; likewise
 * @open: the point in time is lost and all regions are active; the worker's
 */
struct replica_clone {
	struct replica *replica;
	struct delayed_work work;
	bool stopped;
	bool unreadable;
	sector_t bad_sector;
	bool open;
};

/*
 * Writes that wait.
 */

void __replica_clone_waits(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	mod_delayed_work(replica->log_wq, &replica->clone->work, 0);
}

/* Not later than in @delay jiffies. */
static void queue_worker(struct replica *replica, unsigned long delay)
{
	struct replica_clone *clone = replica->clone;
	unsigned long flags;

	if (!clone)
		return;
	spin_lock_irqsave(&replica->lock, flags);
	if (!clone->stopped && !delay)
		mod_delayed_work(replica->log_wq, &clone->work, 0);
	else if (!clone->stopped)
		queue_delayed_work(replica->log_wq, &clone->work, delay);
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_clone_kick(struct replica *replica)
{
	queue_worker(replica, 0);
}

void replica_clone_copied(struct replica *replica)
{
	queue_worker(replica, !replica->clone || replica_cbw_any(replica) ?
		     0 : msecs_to_jiffies(LAZY_MS));
}

void replica_clone_unreadable(struct replica *replica, u64 first, u64 regions, sector_t sector)
{
	struct replica_clone *clone = replica->clone;
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	if (__replica_cbw_wants(replica, first, regions)) {
		clone->unreadable = true;
		clone->bad_sector = sector;
	}
	spin_unlock_irqrestore(&replica->lock, flags);
	replica_clone_kick(replica);
}

/*
 * Opening.
 */

static u64 words(const struct replica_log *log)
{
	return BITS_TO_LONGS(log->nr_regions);
}

static unsigned long valid_bits(const struct replica_log *log, u64 word)
{
	return word == words(log) - 1 ? BITMAP_LAST_WORD_MASK(log->nr_regions) : ~0UL;
}

static unsigned long copied_bits(const struct replica_log *log, u64 word)
{
	return ~READ_ONCE(log->dirty[word]) & ~log->sealed[word] & valid_bits(log, word);
}

static unsigned long sealed_bits(const struct replica_log *log, u64 word)
{
	return log->sealed[word] & ~READ_ONCE(log->active[word]);
}

/* Take the lowest bit.  Return: its region. */
static u64 take_bit(unsigned long *bits, u64 word)
{
	u64 region = word * BITS_PER_LONG + __ffs(*bits);

	*bits &= *bits - 1;
	return region;
}

/* What of the replica's cache can be relied on. */
static u64 durable_generation(struct replica *replica)
{
	return replica->replica_volatile ? replica_leg_durable(replica) : U64_MAX;
}

static bool any_unflushed(struct replica *replica)
{
	struct replica_log *log = replica->log;
	u64 word, durable = durable_generation(replica);

	for (word = 0; word < words(log); word++) {
		unsigned long bits = copied_bits(log, word);

		while (bits)
			if (replica_log_cached(log, REPLICA_LEG_REPLICA, take_bit(&bits, word),
					       durable))
				return true;
		cond_resched();
	}
	return false;
}

/* A replica that failed gets nothing: look_after() sees to who waits. */
static void flush_copied(struct replica *replica)
{
	if (replica_clone_copies(replica) && any_unflushed(replica))
		replica_leg_flush_patiently(replica);
}

/* Return: true when there is something to open. */
static bool seal_copied(struct replica *replica)
{
	struct replica_log *log = replica->log;
	u64 word, durable = durable_generation(replica);
	bool any = false;

	for (word = 0; word < words(log); word++) {
		unsigned long bits = copied_bits(log, word);

		while (bits)
			replica_log_seal(log, take_bit(&bits, word), durable);
		any |= sealed_bits(log, word);
		cond_resched();
	}
	return any;
}

/* A suspend that waits for all writes lets them pass. */
static bool must_be_durable(struct replica *replica)
{
	bool must;

	spin_lock_irq(&replica->lock);
	must = replica->settings.on_meta_error == DM_REPLICA_ON_META_STOP &&
	       !(replica->suspending && !replica->noflush);
	spin_unlock_irq(&replica->lock);
	return must;
}

/* The bits of what is sealed, off the meta device.  Return: false when nothing may pass. */
static bool clear_sealed(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;
	u64 word;
	int r;

	lockdep_assert_held(&intents->mutex);
	for (word = 0; word < words(replica->log) && !intents->failed; word++) {
		unsigned long bits = sealed_bits(replica->log, word) & intents->on_disk[word];

		while (bits)
			replica_intents_clear_bit(intents, take_bit(&bits, word), true);
		cond_resched();
	}
	r = intents->failed ? 0 : replica_meta_write_log(intents->meta, false);
	if (r)
		replica_intents_fail(intents, r);
	return !intents->failed || !must_be_durable(replica);
}

/* Only this worker seals: what was sealed is still what was written down. */
static void activate_sealed(struct replica_log *log)
{
	u64 word;

	for (word = 0; word < words(log); word++) {
		unsigned long bits = sealed_bits(log, word);

		while (bits)
			set_bit(take_bit(&bits, word), log->active);
		cond_resched();
	}
}

static void open_copied(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;

	flush_copied(replica);
	if (!seal_copied(replica))
		return;
	if (!intents) {
		activate_sealed(replica->log);
		return;
	}
	/* Who writes the log anew goes by what is active. */
	mutex_lock(&intents->mutex);
	if (clear_sealed(replica))
		activate_sealed(replica->log);
	mutex_unlock(&intents->mutex);
}

void replica_clone_rewrite(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;
	struct replica_log *log = replica->log;
	u64 region;

	lockdep_assert_held(&intents->mutex);
	for (region = 0; region < log->nr_regions; region++) {
		if (test_bit(region, log->active))
			replica_intents_clear_bit(intents, region, true);
		else
			replica_intents_set_bit(intents, region, true);
		cond_resched();
	}
}

/*
 * A clone that cannot be finished.
 */

static bool gives_back(struct replica *replica)
{
	bool back;

	spin_lock_irq(&replica->lock);
	back = replica->suspending && replica->noflush;
	spin_unlock_irq(&replica->lock);
	return back;
}

/* May writes wait until the replica is back?  A suspend that waits for them ends it. */
static bool holds(struct replica *replica)
{
	bool hold;

	spin_lock_irq(&replica->lock);
	hold = replica->settings.on_replica_error == DM_REPLICA_ON_ERROR_STOP &&
	       !(replica->suspending && !replica->noflush);
	spin_unlock_irq(&replica->lock);
	return hold;
}

/* Aborted: before anything passes the meta device has to know.  Return: false when it waits. */
static bool note_loss(struct replica_clone *clone)
{
	struct replica *replica = clone->replica;
	struct replica_intents *intents = replica->intents;
	bool held = false;
	int r;

	if (intents) {
		mutex_lock(&intents->mutex);
		r = intents->failed ? 0 : replica_intents_write_sb(intents, 0);
		if (r)
			replica_intents_fail(intents, r);
		held = intents->failed && must_be_durable(replica);
		mutex_unlock(&intents->mutex);
	}
	if (held)
		return false;
	bitmap_fill(replica->log->sealed, replica->log->nr_regions);
	bitmap_fill(replica->log->active, replica->log->nr_regions);
	clone->open = true;
	return true;
}

static void lose(struct replica_clone *clone, const char *why)
{
	char text[DM_REPLICA_REASON_LEN];

	scnprintf(text, sizeof(text), "point in time lost: %s", why);
	DMERR("%s: %s", clone->replica->name, text);
	replica_state_give_up(clone->replica, text);
}

/* A job that failed is tried again at once: a write waits for it. */
static void run_job(struct replica *replica)
{
	bool runs;

	spin_lock_irq(&replica->lock);
	runs = __replica_job_current(replica);
	spin_unlock_irq(&replica->lock);
	if (!runs)
		replica_resync_start(replica, BIT(DM_REPLICA_STATE_UNSYNCHRONIZED),
				     DM_REPLICA_JOB_CLONE, REPLICA_WALK_COPY,
				     "a write waits for the copy");
	replica_resync_wake(replica);
}

static bool take_unreadable(struct replica_clone *clone, sector_t *sector)
{
	bool unreadable;

	spin_lock_irq(&clone->replica->lock);
	unreadable = clone->unreadable;
	clone->unreadable = false;
	*sector = clone->bad_sector;
	spin_unlock_irq(&clone->replica->lock);
	return unreadable;
}

static void go_on_copying(struct replica_clone *clone)
{
	char text[DM_REPLICA_REASON_LEN];
	sector_t sector;

	if (!take_unreadable(clone, &sector)) {
		run_job(clone->replica);
		return;
	}
	scnprintf(text, sizeof(text), "origin read error near sector %llu", (u64)sector);
	lose(clone, text);
}

static void miss_replica(struct replica_clone *clone)
{
	char text[DM_REPLICA_REASON_LEN];
	struct replica *replica = clone->replica;

	if (holds(replica))
		return;
	spin_lock_irq(&replica->lock);
	strscpy(text, replica->reason, sizeof(text));
	spin_unlock_irq(&replica->lock);
	lose(clone, text);
}

/* Writes wait for what is not open. */
static void look_after(struct replica_clone *clone)
{
	struct replica *replica = clone->replica;

	switch (READ_ONCE(replica->state)) {
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
		go_on_copying(clone);
		break;
	case DM_REPLICA_STATE_BROKEN:
	case DM_REPLICA_STATE_SUSPENDED:
		miss_replica(clone);
		break;
	default:
		break;
	}
	if (gives_back(replica))
		replica_cbw_give_back(replica);
}

static void clone_work(struct work_struct *work)
{
	struct replica_clone *clone = container_of(to_delayed_work(work), struct replica_clone,
						   work);
	struct replica *replica = clone->replica;

	if (!clone->open)
		open_copied(replica);
	replica_cbw_let_go(replica);
	if (replica_cbw_any(replica))
		look_after(clone);
	if (READ_ONCE(replica->state) == DM_REPLICA_STATE_ABORTED && !clone->open &&
	    note_loss(clone))
		replica_cbw_let_go(replica);
}

/*
 * Operations.
 */

u64 replica_clone_operations(struct replica *replica)
{
	switch (READ_ONCE(replica->state)) {
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
		return BIT_ULL(DM_REPLICA_OP_ABORT);
	case DM_REPLICA_STATE_BROKEN:
	case DM_REPLICA_STATE_SUSPENDED:
		return BIT_ULL(DM_REPLICA_OP_ABORT) | BIT_ULL(DM_REPLICA_OP_RESUME);
	default:
		return 0;
	}
}

const char *replica_clone_refuses(struct replica *replica, u16 operation)
{
	lockdep_assert_held(&replica->op_mutex);
	if (operation != DM_REPLICA_OP_ABORT && operation != DM_REPLICA_OP_RESUME)
		return "a clone has no such operation: abort and resume are all";
	if (replica_clone_operations(replica) & BIT_ULL(operation))
		return NULL;
	if (READ_ONCE(replica->state) == DM_REPLICA_STATE_SYNCHRONIZED)
		return "the clone is complete";
	if (READ_ONCE(replica->state) == DM_REPLICA_STATE_ABORTED)
		return "the clone was given up, its point in time is lost: make a new one";
	return "the operation is not allowed in the present copy state";
}

int replica_clone_abort(struct replica *replica, const char *reason, const char **error)
{
	lockdep_assert_held(&replica->op_mutex);
	if (replica_state_move(replica, BIT(DM_REPLICA_STATE_UNSYNCHRONIZED) |
			       BIT(DM_REPLICA_STATE_BROKEN) | BIT(DM_REPLICA_STATE_SUSPENDED),
			       DM_REPLICA_STATE_ABORTED, reason))
		return 0;
	*error = "the state changed meanwhile";
	return -EBUSY;
}

/*
 * Making.
 */

void replica_clone_opened(struct replica *replica, bool aborted)
{
	struct replica_log *log = replica->log;

	if (aborted)
		bitmap_fill(log->active, log->nr_regions);
	else
		bitmap_complement(log->active, log->dirty, log->nr_regions);
	bitmap_copy(log->sealed, log->active, log->nr_regions);
	replica->clone->open = aborted;
}

void replica_clone_resume(struct replica *replica)
{
	if (!replica->clone)
		return;
	spin_lock_irq(&replica->lock);
	replica->clone->stopped = false;
	spin_unlock_irq(&replica->lock);
	replica_clone_kick(replica);
}

void replica_clone_suspend(struct replica *replica)
{
	if (!replica->clone)
		return;
	spin_lock_irq(&replica->lock);
	replica->clone->stopped = true;
	spin_unlock_irq(&replica->lock);
	cancel_delayed_work_sync(&replica->clone->work);
}

struct replica_clone *replica_clone_create(struct replica *replica)
{
	struct replica_clone *clone = kzalloc(sizeof(*clone), GFP_KERNEL);

	if (!clone || replica_log_make_sealed(replica->log)) {
		kfree(clone);
		return NULL;
	}
	clone->replica = replica;
	clone->stopped = true;
	replica->first = REPLICA_FIRST_ACTIVE;
	INIT_DELAYED_WORK(&clone->work, clone_work);
	return clone;
}

void replica_clone_destroy(struct replica_clone *clone)
{
	if (!clone)
		return;
	cancel_delayed_work_sync(&clone->work);
	kfree(clone);
}
