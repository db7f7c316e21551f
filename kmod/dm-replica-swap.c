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
 * Nothing is waited for longer than it takes to hear from a leg that works.  What takes
 * longer ends the attempt, and nothing has changed.
 */
#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-compare.h"
#include "dm-replica-event.h"
#include "dm-replica-intent-priv.h"
#include "dm-replica-queue.h"
#include "dm-replica-swap.h"

/* Longest wait for each of the things that have to end first, ms. */
#define SWAP_WAIT_MS		2000
/* Longest wait for a leg to answer, ms. */
#define LEG_WAIT_MS		3000
/* Before the legs are tried again that are to change back, ms. */
#define BACK_DELAY_MIN_MS	200U
#define BACK_DELAY_MAX_MS	60000U

#define S(name)		BIT(DM_REPLICA_STATE_##name)

/*
 * A request to a leg that somebody waits for, but not for ever.
 */

struct leg_command {
	struct kref refs;
	struct replica *replica;
	struct completion done;
	struct page *page;
	blk_status_t status;
	struct bio_vec vec;
	struct bio bio;
};

static void free_command(struct kref *refs)
{
	struct leg_command *command = container_of(refs, struct leg_command, refs);

	if (command->page)
		__free_page(command->page);
	kfree(command);
}

static void command_done(struct bio *bio)
{
	struct leg_command *command = container_of(bio, struct leg_command, bio);
	struct replica *replica = command->replica;

	command->status = bio->bi_status;
	bio_uninit(bio);
	complete(&command->done);
	kref_put(&command->refs, free_command);
	atomic_dec(&replica->leg_commands);
	replica_put(replica);
}

/* Return: 0, -ETIMEDOUT, -ENOMEM or what the leg says. */
static int run_command(struct replica *replica, struct leg_command *command)
{
	int r = -ETIMEDOUT;

	replica_get(replica);
	atomic_inc(&replica->leg_commands);
	kref_get(&command->refs);
	command->bio.bi_end_io = command_done;
	submit_bio(&command->bio);
	if (wait_for_completion_io_timeout(&command->done, msecs_to_jiffies(LEG_WAIT_MS)))
		r = blk_status_to_errno(command->status);
	kref_put(&command->refs, free_command);
	return r;
}

static struct leg_command *make_command(struct replica *replica)
{
	struct leg_command *command = kzalloc(sizeof(*command), GFP_NOIO);

	if (!command)
		return NULL;
	kref_init(&command->refs);
	init_completion(&command->done);
	command->replica = replica;
	return command;
}

static int flush_leg(struct replica *replica, struct block_device *leg)
{
	struct leg_command *command;

	if (!bdev_write_cache(leg))
		return 0;
	command = make_command(replica);
	if (!command)
		return -ENOMEM;
	bio_init(&command->bio, leg, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	return run_command(replica, command);
}

/* Does it answer at all? */
static int ask_leg(struct replica *replica, struct block_device *leg)
{
	struct leg_command *command = make_command(replica);

	if (command)
		command->page = alloc_page(GFP_NOIO);
	if (!command || !command->page) {
		kfree(command);
		return -ENOMEM;
	}
	bio_init(&command->bio, leg, &command->vec, 1, REQ_OP_READ | REQ_SYNC);
	__bio_add_page(&command->bio, command->page, bdev_logical_block_size(leg), 0);
	return run_command(replica, command);
}

/*
 * Until nobody uses the legs.
 */

/* The administrator may put them to sleep meanwhile. */
static int check_suspend(struct replica *replica, const char **error)
{
	if (!READ_ONCE(replica->suspending))
		return 0;
	*error = "the mapped device is being suspended";
	return -EBUSY;
}

static int settle_replica(struct replica *replica, const char **error)
{
	if (!replica_queue_drain(replica, SWAP_WAIT_MS)) {
		*error = "the replica did not take what is in the queue in time";
		return -EBUSY;
	}
	if (replica_leg_flush_wait(replica) || ask_leg(replica, replica->replica_bdev)) {
		*error = "the replica does not answer";
		return -EIO;
	}
	/* A barrier of somebody else may have one out. */
	if (!wait_event_timeout(replica->quiet, replica_leg_quiet(replica),
				msecs_to_jiffies(SWAP_WAIT_MS))) {
		*error = "a flush of the replica did not end in time";
		return -EBUSY;
	}
	if (!replica_leg_owes(replica))
		return 0;
	*error = "the replica has not yet returned requests that were given up";
	return -EBUSY;
}

/* What the origin lost with its cache is not known: the other leg has it, or tells. */
static int settle_origin(struct replica *replica, const struct replica_swap *swap,
			 const char **error)
{
	int r;

	if (atomic_read(&replica->leg_commands) || atomic_read(&replica->asked_origin)) {
		*error = "a leg has not yet returned an earlier request";
		return -EBUSY;
	}
	r = flush_leg(replica, replica->origin_bdev);
	if (!r)
		return 0;
	*error = "the origin could not be flushed";
	if (swap->equal || r == -ETIMEDOUT || r == -ENOMEM)
		return r;
	replica_log_mark_all(replica->log);
	return 0;
}

static int quiesce(struct replica *replica, const struct replica_swap *swap,
		   struct replica_drain *drain, const char **error)
{
	int r = replica_drain_wait(replica, drain, SWAP_WAIT_MS, error);

	if (r)
		return r;
	r = settle_replica(replica, error);
	if (r)
		return r;
	if (!replica_gate_drain(replica, SWAP_WAIT_MS)) {
		*error = "the reads and flushes under way did not end in time";
		return -EBUSY;
	}
	return settle_origin(replica, swap, error) ?: check_suspend(replica, error);
}

/*
 * The exchange.
 */

static int check_legs(struct replica *replica, const struct replica_swap *swap,
		      const char **error)
{
	bool equal, from;

	spin_lock_irq(&replica->lock);
	from = BIT(replica->state) & swap->from;
	equal = !replica_log_dirty_regions(replica->log) && !replica->skewed_bytes;
	spin_unlock_irq(&replica->lock);
	if (from && (equal || !swap->equal))
		return 0;
	*error = "the state changed meanwhile";
	return -EBUSY;
}

static void set_back(struct replica *replica, bool back)
{
	spin_lock_irq(&replica->lock);
	replica->swap_back = back;
	spin_unlock_irq(&replica->lock);
}

/* Nothing is under way, and both legs have been flushed. */
static void exchange(struct replica *replica)
{
	s64 generation = atomic64_inc_return(&replica->flush_gen) - 1;

	spin_lock_irq(&replica->lock);
	swap(replica->origin_bdev, replica->replica_bdev);
	swap(replica->origin_dev, replica->replica_dev);
	replica->replica_volatile = bdev_write_cache(replica->replica_bdev);
	spin_unlock_irq(&replica->lock);
	replica_target_swap(replica->owner);
	atomic64_set(&replica->flushed_gen, generation);
	atomic64_set(&replica->lost_gen, S64_MAX);
	replica_intents_settled(replica, generation);
	replica_queue_forget(replica);
}

/* Where the labels are, after the exchange: the replica may get its first one. */
static void plan_labels(struct replica_intents *intents, u64 place)
{
	struct replica_meta *meta = intents->meta;
	u64 before = meta->origin_label_sector;

	meta->origin_label_sector = meta->label_sector;
	meta->label_sector = before ?: place;
	intents->label_pending = replica_meta_has_label(meta);
	intents->label_fresh = !before && place;
}

/* Write down that it has happened.  On failure the superblock in memory is as before. */
static int commit(struct replica_intents *intents, const struct replica_swap *swap, u64 place)
{
	struct replica_meta *meta = intents->meta;
	struct dm_replica_superblock *sb = meta->sb, *before;
	u64 sector = meta->label_sector, origin_sector = meta->origin_label_sector;
	int r;

	before = kmemdup(sb, sizeof(*sb), GFP_NOIO);
	if (!before)
		return -ENOMEM;
	plan_labels(intents, place);
	intents->label_behind = false;
	replica_label_next_generation(intents);
	le32_add_cpu(&sb->swaps, 1);
	memcpy(sb->origin_path, before->replica_path, sizeof(sb->origin_path));
	memcpy(sb->replica_path, before->origin_path, sizeof(sb->replica_path));
	intents->planned = swap->to;
	r = replica_intents_write_sb(intents, 0);
	intents->planned = 0;
	if (r) {
		before->seq = sb->seq;
		*sb = *before;
		meta->label_sector = sector;
		meta->origin_label_sector = origin_sector;
		intents->label_pending = false;
		intents->label_fresh = false;
		replica_intents_fail(intents, r);
	}
	kfree(before);
	return r;
}

/* The meta device, with its mutex: is it fit for it? */
static int check_meta(struct replica_intents *intents, const char **error)
{
	if (intents->failed) {
		*error = "the meta device has failed: what changes could not be written down";
		return -EIO;
	}
	if (intents->label_pending && (replica_intents_write_label(intents) ||
				       intents->label_pending)) {
		*error = "the labels of the legs could not be written";
		return -EIO;
	}
	return 0;
}

static int commit_and_exchange(struct replica *replica, const struct replica_swap *swap,
			       u64 place, const char **error)
{
	struct replica_intents *intents = replica->intents;
	bool back = replica->swap_back;
	int r = 0;

	if (!swap->equal)
		replica_verify_mark(replica);
	/* Marks before what relies on them. */
	replica_intents_sync(replica);
	if (intents)
		mutex_lock(&intents->mutex);
	r = (intents ? check_meta(intents, error) : 0) ?: check_suspend(replica, error) ?:
	    check_legs(replica, swap, error);
	if (!r) {
		set_back(replica, swap->back);
		*error = "the meta device could not be written";
		r = intents ? commit(intents, swap, place) : 0;
		if (r)
			set_back(replica, back);
		else
			exchange(replica);
	}
	if (intents)
		mutex_unlock(&intents->mutex);
	return r;
}

static u64 find_place(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;
	u64 place = 0;

	if (!intents)
		return 0;
	mutex_lock(&intents->mutex);
	if (!intents->meta->origin_label_sector)
		place = replica_label_place(intents, replica->origin_bdev);
	mutex_unlock(&intents->mutex);
	return place;
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

/* All I/O waits: what is under way ends, and the legs change places. */
static int swap_quiesced(struct replica *replica, const struct replica_swap *swap, u64 place,
			 u32 *job_id, const char **error)
{
	struct replica_drain *drain = replica_drain_begin(replica);
	int r;

	if (!drain) {
		*error = "not enough memory for the barrier";
		return -ENOMEM;
	}
	replica_gate_close(replica);
	r = quiesce(replica, swap, drain, error) ?:
	    commit_and_exchange(replica, swap, place, error);
	if (!r) {
		raise_roles(replica, swap->reason);
		if (swap->job)
			*job_id = replica_resync_start(replica, swap->from, swap->job,
						       REPLICA_WALK_COPY, swap->reason);
		else
			replica_state_move(replica, swap->from, swap->to, swap->reason);
		replica_leg_ship_barrier(replica);
	}
	replica_drain_end(replica, drain);
	replica_gate_open(replica);
	return r;
}

int replica_swap_legs(struct replica *replica, const struct replica_swap *swap, u32 *job_id,
		      const char **error)
{
	u64 place;
	int r;

	lockdep_assert_held(&replica->op_mutex);
	replica_state_end_verify(replica, "the legs change places");
	place = find_place(replica);
	r = swap_quiesced(replica, swap, place, job_id, error);
	if (!r)
		write_labels(replica);
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
	if (r && !replica->back_delay_ms)
		DMWARN("%s: the legs do not change back yet: %s", replica->name, error);
	replica->back_delay_ms = r ? clamp(replica->back_delay_ms * 2, BACK_DELAY_MIN_MS,
					   BACK_DELAY_MAX_MS) : 0;
	mutex_unlock(&replica->op_mutex);
	if (r)
		replica_swap_back_soon(replica, replica->back_delay_ms);
}
