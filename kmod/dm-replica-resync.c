// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs: the initial copy and the resync, which are the same walk over the dirty
 * regions with dm-kcopyd; and the verify, a walk over all of them that reads.
 *
 * A window of up to REPLICA_WINDOW sectors is locked like a write, copied, and
 * released, so that a write of the application waits for at most the windows
 * that it touches.  A batch is what is cleared together: one region of several
 * windows, or the several small regions of one window.  Before the first window
 * of a batch is locked the marks of its regions are taken back; a region that
 * gets a new mark before the batch is over stays dirty.
 *
 * Where both legs are read first, a window that is equal is over, and one that
 * differs is copied, or read once more and reported.
 *
 * All decisions are made by one work item.  Completions only queue it.
 */
#include <linux/dm-kcopyd.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-cbw.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-log.h"
#include "dm-replica-offload.h"
#include "dm-replica-protect.h"
#include "dm-replica-queue.h"
#include "dm-replica-resync-priv.h"

/* Times, 100 ms apart, that a verify waits for memory. */
#define ROOM_TRIES		300
/* Pause while the queue is full, ms. */
#define PRESSED_MS		20
/* Times, PRESSED_MS apart, that a window waits for the queue before it locks its range. */
#define QUEUE_TRIES		100

/*
 * New windows.
 */

static struct batch *free_batch(struct replica_resync *resync)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(resync->batches); i++)
		if (!resync->batches[i].regions)
			return &resync->batches[i];
	return NULL;
}

static struct window *free_window(struct replica_resync *resync)
{
	unsigned int i;

	for (i = 0; i < WINDOWS; i++)
		if (atomic_read(&resync->windows[i].state) == WINDOW_FREE &&
		    !resync->windows[i].batch)
			return &resync->windows[i];
	return NULL;
}

static bool in_batch(void *context, u64 region)
{
	const struct replica_resync *resync = context;
	unsigned int i;

	if (replica_offload_has(resync->replica, region))
		return true;
	for (i = 0; i < ARRAY_SIZE(resync->batches); i++)
		if (region - resync->batches[i].first < resync->batches[i].regions)
			return true;
	return false;
}

/* What there is to copy: all that is dirty, or the part of it that is frozen. */
static u64 next_to_copy(struct replica *replica, u64 region)
{
	return replica_delta_copies(replica) ? replica_log_next_frozen(replica->log, region) :
					       replica_log_next_dirty(replica->log, region);
}

static u64 left_to_copy(struct replica *replica)
{
	return replica_delta_copies(replica) ? replica_log_frozen_regions(replica->log) :
					       replica_log_dirty_regions(replica->log);
}

/* A write that waits for a region goes on when it has been copied once: not twice at once. */
static bool copies_once(struct replica *replica)
{
	return replica->clone || replica_delta_copies(replica);
}

/* How many of these regions in a row one window can take. */
static u64 regions_in_a_row(struct replica *replica, u64 region)
{
	unsigned int shift = replica->region_shift;
	u64 end, n = 1;

	if (1U << shift >= REPLICA_WINDOW)
		return 1;
	end = round_up((region + 1) << shift, REPLICA_WINDOW) >> shift;
	end = min(end, replica_log_regions(replica->log));
	while (region + n < end && next_to_copy(replica, region + n) == region + n &&
	       !(copies_once(replica) && in_batch(replica->resync, region + n)))
		n++;
	return n;
}

/* What a write waits for comes first. */
static bool wanted_region(struct replica_resync *resync, u64 *region)
{
	struct replica *replica = resync->replica;
	struct replica_log *log = replica->log;

	if (!copies_once(replica))
		return false;
	*region = replica_cbw_wanted(replica, replica->clone ? log->dirty : log->frozen, in_batch,
				     resync);
	return *region < replica_log_regions(log);
}

/* Or is it the rest of a region of several windows? */
static bool open_is_wanted(struct replica_resync *resync)
{
	struct replica *replica = resync->replica;
	struct batch *open = resync->open;

	if (!open || open->urgent || !copies_once(replica))
		return open && open->urgent;
	spin_lock_irq(&replica->lock);
	open->urgent = __replica_cbw_wants(replica, open->first, open->regions);
	spin_unlock_irq(&replica->lock);
	return open->urgent;
}

static u64 next_region(struct replica_resync *resync)
{
	struct replica *replica = resync->replica;
	u64 region = next_to_copy(replica, resync->cursor);

	while (copies_once(replica) && region < replica_log_regions(replica->log) &&
	       in_batch(resync, region))
		region = next_to_copy(replica, region + 1);
	return region;
}

void replica_resync_free_run(struct replica_resync *resync, u64 *first, u64 *regions, u64 most)
{
	struct replica_log *log = resync->replica->log;
	u64 region = replica_log_next_dirty(log, *first), end = *first + *regions, n = 0;

	while (region < end && in_batch(resync, region))
		region = replica_log_next_dirty(log, region + 1);
	while (n < most && region + n < end && !in_batch(resync, region + n) &&
	       replica_log_next_dirty(log, region + n) == region + n)
		n++;
	*first = region;
	*regions = n;
	if (n)
		resync->flush_status = BLK_STS_AGAIN;
}

u32 replica_resync_copies(struct replica *replica, bool now)
{
	const struct replica_resync *resync = replica->resync;
	const struct replica_job *job;
	u32 id = 0;

	spin_lock_irq(&replica->lock);
	job = __replica_job_current(replica);
	if (job && resync->running && !resync->restart && resync->how == REPLICA_WALK_COPY &&
	    !(now && (resync->quiesced || resync->paused)))
		id = job->id;
	spin_unlock_irq(&replica->lock);
	return id;
}

/* The regions of one window, or one of several windows, dirty or not. */
static u64 regions_of_window(struct replica *replica, u64 region)
{
	unsigned int shift = replica->region_shift;
	u64 end;

	if (1U << shift >= REPLICA_WINDOW)
		return 1;
	end = round_up((region + 1) << shift, REPLICA_WINDOW) >> shift;
	return min(end, replica_log_regions(replica->log)) - region;
}

/* A batch that leaves the log alone. */
static void open_verify_batch(struct replica_resync *resync, struct batch *batch)
{
	batch->first = resync->cursor;
	batch->regions = regions_of_window(resync->replica, batch->first);
	batch->issued = false;
	batch->failed = true;
	batch->urgent = false;
	batch->freezes = 0;
	resync->cursor = batch->first + batch->regions;
	resync->offset = batch->first << resync->replica->region_shift;
}

/* Return: NULL when there is nothing to do at or behind the cursor. */
static struct batch *open_batch(struct replica_resync *resync)
{
	struct replica *replica = resync->replica;
	u64 i, region = resync->cursor;
	bool wanted = wanted_region(resync, &region);
	struct batch *batch;

	if (!wanted && resync->walk != REPLICA_WALK_VERIFY)
		region = next_region(resync);
	if (region >= replica_log_regions(replica->log))
		return NULL;
	batch = free_batch(resync);
	if (WARN_ON_ONCE(!batch))
		return NULL;
	if (resync->walk == REPLICA_WALK_VERIFY) {
		open_verify_batch(resync, batch);
		return batch;
	}

	/* What is copied from here on is not covered by an earlier flush. */
	resync->flush_status = BLK_STS_AGAIN;
	batch->first = region;
	batch->regions = wanted ? 1 : regions_in_a_row(replica, region);
	batch->issued = false;
	batch->failed = false;
	batch->urgent = wanted;
	batch->freezes = replica_log_freezes(replica->log);
	for (i = 0; i < batch->regions; i++)
		replica_log_copy_begin(replica->log, region + i);
	if (!wanted)
		resync->cursor = region + batch->regions;
	resync->offset = region << replica->region_shift;
	return batch;
}

/* Where the open batch ends, and the next window of it. */
static sector_t batch_end(const struct replica_resync *resync)
{
	const struct batch *batch = resync->open;

	return min((batch->first + batch->regions) << resync->replica->region_shift,
		   (u64)resync->replica->sectors);
}

static sector_t window_end(const struct replica_resync *resync)
{
	return min(batch_end(resync), round_down(resync->offset, REPLICA_WINDOW) +
				      (sector_t)REPLICA_WINDOW);
}

/*
 * A window that is verified has to wait for what the queue has for it.  As long as that may
 * end soon it does so before it stands in the way of writers.
 */
static bool awaits_queue(struct replica_resync *resync)
{
	if (resync->walk != REPLICA_WALK_VERIFY ||
	    !replica_queue_in_range(resync->replica, resync->offset,
				    window_end(resync) - resync->offset) ||
	    ++resync->queue_tries > QUEUE_TRIES) {
		resync->queue_tries = 0;
		return false;
	}
	queue_delayed_work(resync->replica->wq, &resync->work, msecs_to_jiffies(PRESSED_MS));
	return true;
}

static void issue_window(struct replica_resync *resync, struct window *window)
{
	struct replica *replica = resync->replica;
	struct batch *batch = resync->open;
	sector_t end = batch_end(resync);
	struct replica_range_bucket *bucket;
	bool granted, ready;

	window->range.kind = REPLICA_RANGE_WINDOW;
	window->range.first = resync->offset;
	window->range.last = window_end(resync) - 1;
	window->how = resync->walk;
	window->job = resync->walk_job;
	window->started = ktime_get();
	window->copy = window->range.first;
	window->copy_sectors = window->range.last - window->range.first + 1;
	window->batch = batch;
	batch->windows++;
	resync->offset = window->range.last + 1;
	if (resync->offset >= end) {
		batch->issued = true;
		resync->open = NULL;
	}

	atomic_set(&window->state, WINDOW_WAITS);
	bucket = replica_range_bucket(replica->ranges, window->range.first);
	spin_lock_irq(&bucket->lock);
	granted = replica_range_add(bucket, &window->range);
	window->queue_seq = replica_queue_last(replica);
	ready = granted && replica_window_ready(window);
	if (ready)
		replica_window_set_busy(window, replica_window_first_stage(window));
	else if (granted)
		replica_resync_granted(&window->range);
	spin_unlock_irq(&bucket->lock);
	if (ready)
		replica_window_run(window);
}

static bool paused(struct replica_resync *resync)
{
	s64 left = ktime_to_ns(ktime_sub(resync->not_before, ktime_get()));

	/* What the application writes comes first, or the queue would never be empty. */
	if (replica_queue_pressed(resync->replica)) {
		queue_delayed_work(resync->replica->wq, &resync->work,
				   msecs_to_jiffies(PRESSED_MS));
		return true;
	}
	if (left <= 0)
		return false;
	queue_delayed_work(resync->replica->wq, &resync->work, nsecs_to_jiffies(left) + 1);
	return true;
}

/* Return: false when a verify has no memory to go on with.  A copy needs none. */
static bool make_room(struct replica_resync *resync, struct window *window)
{
	if (resync->walk == REPLICA_WALK_COPY)
		return true;
	if (!window->compare)
		window->compare = replica_compare_create(resync->replica);
	if (window->compare || resync->walk != REPLICA_WALK_VERIFY) {
		resync->no_room = 0;
		return true;
	}
	if (++resync->no_room >= ROOM_TRIES && !replica_resync_windows_out(resync))
		replica_verify_over(resync->replica, resync->walk_job,
				    "not enough memory to read both legs");
	else
		queue_delayed_work(resync->replica->wq, &resync->work, HZ / 10);
	return false;
}

/* Return: false when all that was to do has been issued. */
static bool issue(struct replica_resync *resync)
{
	bool limited = READ_ONCE(resync->replica->settings.resync_rate) ||
		       ktime_after(resync->not_before, 0);
	struct window *window;
	u64 region;

	while ((window = free_window(resync))) {
		/* Neither a rate nor a pause is for what a write waits for. */
		if (!open_is_wanted(resync) && !wanted_region(resync, &region) &&
		    ((!resync->open && replica_offload_holds(resync->replica)) ||
		     paused(resync) || (limited && replica_resync_windows_out(resync))))
			return true;
		if (!resync->open)
			resync->open = open_batch(resync);
		if (!resync->open)
			return false;
		if (!make_room(resync, window) || awaits_queue(resync))
			return true;
		issue_window(resync, window);
	}
	return true;
}

/*
 * The end of a job.
 */

static void flushed(void *context, blk_status_t status)
{
	struct replica_resync *resync = context;

	resync->flush_status = status;
	/* Pairs with resync_work(): the status is there when the flag is down. */
	smp_store_release(&resync->flushing, false);
	replica_resync_kick(resync);
	wake_up_all(&resync->idle);
}

/* What the worker is to do.  Return: true when the walk goes on. */
static bool look(struct replica_resync *resync, bool *restart, bool *quiesced)
{
	const struct replica_job *job;
	bool running;

	spin_lock_irq(&resync->replica->lock);
	job = __replica_job_current(resync->replica);
	resync->walk_job = job ? job->id : 0;
	running = resync->running;
	*quiesced = resync->quiesced || resync->paused;
	*restart = resync->restart;
	resync->restart = false;
	resync->walk = resync->how;
	spin_unlock_irq(&resync->replica->lock);
	return running;
}

/* The windows that were given up keep theirs until the end. */
static void free_room(struct replica_resync *resync)
{
	unsigned int i;

	for (i = 0; i < WINDOWS; i++) {
		struct window *window = &resync->windows[i];

		if (atomic_read(&window->state) != WINDOW_FREE || window->batch)
			continue;
		replica_compare_destroy(window->compare);
		window->compare = NULL;
	}
}

static void end_verify(struct replica_resync *resync)
{
	char text[DM_REPLICA_REASON_LEN];
	const char *trouble = NULL;

	if (resync->read_errors) {
		scnprintf(text, sizeof(text), "origin read error near sector %llu",
			  (u64)resync->bad_sector);
		trouble = text;
	} else if (resync->given_up) {
		trouble = "a leg did not answer in time";
	}
	replica_verify_over(resync->replica, resync->walk_job, trouble);
}

/* A stop came: what is open stays dirty. */
static void abandon(struct replica_resync *resync)
{
	struct batch *open = resync->open;
	unsigned int i;

	replica_offload_abandon(resync->replica);
	/* The next job may open a region again that a batch of this one still has. */
	for (i = 0; i < ARRAY_SIZE(resync->batches); i++)
		resync->batches[i].failed = true;
	free_room(resync);
	resync->open = NULL;
	resync->drain_seq = 0;
	if (open) {
		open->issued = true;
		replica_resync_put_batch(resync->replica, open);
	}
	resync->cursor = 0;
	resync->flush_status = BLK_STS_AGAIN;
	wake_up_all(&resync->idle);
}

static void end_pass(struct replica_resync *resync)
{
	struct replica *replica = resync->replica;
	char text[DM_REPLICA_REASON_LEN];

	if (resync->walk == REPLICA_WALK_VERIFY) {
		end_verify(resync);
		return;
	}
	if (resync->read_errors) {
		scnprintf(text, sizeof(text), "origin read error near sector %llu",
			  (u64)resync->bad_sector);
		replica_state_job_failed(replica, resync->walk_job, text);
		return;
	}
	resync->cursor = 0;
	if (left_to_copy(replica)) {
		resync->drain_seq = 0;
		replica_resync_kick(resync);
		return;
	}
	/* What the origin has lost is about to be marked. */
	if (replica_durable_doubt(&replica->on_origin)) {
		queue_delayed_work(replica->wq, &resync->work, msecs_to_jiffies(PRESSED_MS));
		return;
	}
	/*
	 * What was copied may be newer than what is in the queue: a state that the origin
	 * never was in, until all that was queued by now is there.
	 */
	if (!resync->drain_seq)
		resync->drain_seq = replica_queue_last(replica) + 1;
	if (!replica_queue_passed(replica, resync->drain_seq - 1)) {
		queue_delayed_work(replica->wq, &resync->work, msecs_to_jiffies(PRESSED_MS));
		return;
	}
	/* Synchronized means durable: one flush, then look again. */
	if (resync->flush_status == BLK_STS_OK) {
		if (!replica_state_synced(replica))
			replica_resync_kick(resync);
		resync->flush_status = BLK_STS_AGAIN;
		resync->drain_seq = 0;
		return;
	}
	resync->flushing = true;
	replica_leg_flush(replica, flushed, resync);
}

static void resync_work(struct work_struct *work)
{
	struct replica_resync *resync = container_of(to_delayed_work(work),
						     struct replica_resync, work);
	bool running, restart, quiesced;

	replica_resync_reap(resync);
	/* Pairs with flushed(). */
	if (smp_load_acquire(&resync->flushing))
		return;
	running = look(resync, &restart, &quiesced);
	if (!running || restart)
		abandon(resync);
	replica_offload_work(resync->replica);
	if (!running)
		return;
	/* Suspended: the job goes on later where it is now. */
	if (quiesced) {
		wake_up_all(&resync->idle);
		return;
	}
	/* A job that copies goes on when its regions are frozen. */
	if (resync->walk != REPLICA_WALK_VERIFY && replica_delta_awaited(resync->replica))
		return;
	if (!issue(resync) && !replica_resync_windows_out(resync))
		end_pass(resync);
}

/*
 * Control.
 */

/* A Broken replica is to be copied to as soon as it can be.  Return: false when it is not. */
static bool order_resume(struct replica *replica)
{
	bool broken;

	spin_lock_irq(&replica->lock);
	broken = replica->state == DM_REPLICA_STATE_BROKEN;
	if (broken)
		replica->resume_ordered = true;
	spin_unlock_irq(&replica->lock);
	return broken;
}

u32 __replica_resync_begin(struct replica *replica, u16 job_type, enum replica_walk how)
{
	u32 id;

	lockdep_assert_held(&replica->lock);
	id = __replica_job_start(replica, job_type, replica_log_dirty_bytes(replica->log));
	if (replica->guard == REPLICA_GUARD_OPEN)
		replica_resync_run(replica, how);
	else
		__replica_guard_keep(replica, job_type, how);
	return id;
}

/*
 * A replica that gets writes again also serves what the origin cannot read, but for what is dirty:
 * what it may have lost with its cache while it was set aside has to be that before.
 */
static void mark_lost(struct replica *replica, u32 from, u64 durable)
{
	if (!replica->clone && BIT(READ_ONCE(replica->state)) & from &&
	    !replica_io_keeps_up(replica))
		replica_log_mark_cached(replica->log, REPLICA_LEG_REPLICA,
					min(durable, replica_leg_durable(replica)));
}

u32 replica_resync_start(struct replica *replica, u32 from, u16 job_type, enum replica_walk how,
			 const char *reason)
{
	u64 durable = replica_leg_durable(replica);
	/* Nothing of what a closed queue had may come behind the copy. */
	bool paid = replica_queue_pay(replica);
	u32 id = 0;

	if (replica->clone)
		job_type = DM_REPLICA_JOB_CLONE;
	/* Nothing is sent before that, not even for a moment; the probe tries again. */
	if (!paid && from & BIT(DM_REPLICA_STATE_BROKEN) && order_resume(replica)) {
		/* By itself it does not for one that overflow fail has stopped. */
		replica_leg_probe_soon(replica);
		return 0;
	}
	mark_lost(replica, from, durable);
	if (!replica_state_move(replica, from, DM_REPLICA_STATE_UNSYNCHRONIZED, reason))
		return 0;

	/* Writes that were not shipped have left their marks behind this. */
	replica_leg_ship_barrier(replica);
	/* And whoever gave up a request of theirs has counted it. */
	if (!paid || replica_queue_stale(replica) || replica_leg_owes(replica)) {
		/* One that lands after the copy would undo it.  Somebody wants a job. */
		replica_state_replica_failed(replica, 0, -EBUSY,
					     "replica still has requests that were given up");
		/* Stopped since, it waits for another order. */
		if (!READ_ONCE(replica->stopped))
			order_resume(replica);
		return 0;
	}
	/* Again: what was out when it was set aside may have come back since, or failed. */
	while (!replica_durable_mark(&replica->on_replica, durable))
		;

	spin_lock_irq(&replica->lock);
	if (replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED) {
		/* A job that was suspended goes on as it was ordered. */
		if (__replica_job_current(replica) &&
		    replica->resync->how == REPLICA_WALK_COMPARE)
			how = REPLICA_WALK_COMPARE;
		/* What was marked since the freeze is of another instant than what is frozen. */
		if (job_type != DM_REPLICA_JOB_DELTA)
			__replica_delta_restart(replica);
		id = __replica_resync_begin(replica, job_type, how);
	}
	spin_unlock_irq(&replica->lock);
	return id;
}

void replica_resync_run(struct replica *replica, enum replica_walk how)
{
	struct replica_resync *resync = replica->resync;

	lockdep_assert_held(&replica->lock);
	/* The worker may have slept through the end of another walk. */
	resync->restart |= !resync->running || resync->how != how;
	resync->how = how;
	resync->running = true;
	resync->given_up = false;
	resync->no_room = 0;
	resync->read_errors = 0;
	resync->not_before = 0;
	replica_offload_begin(replica);
	replica_resync_kick(resync);
}

void replica_resync_wake(struct replica *replica)
{
	replica_resync_kick(replica->resync);
}

void replica_resync_resized(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	replica->resync->restart = true;
}

void replica_resync_stop(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	replica->resync->running = false;
	replica_resync_kick(replica->resync);
}

bool __replica_resync_walks(struct replica *replica, u32 job_id)
{
	const struct replica_job *job = __replica_job_current(replica);
	const struct replica_resync *resync = replica->resync;

	return job && job->id == job_id && resync->running && !resync->restart;
}

void replica_resync_quiesce(struct replica *replica)
{
	struct replica_resync *resync = replica->resync;

	spin_lock_irq(&replica->lock);
	resync->quiesced = true;
	spin_unlock_irq(&replica->lock);
	do {
		replica_resync_kick(resync);
		wait_event(resync->idle, !replica_resync_windows_out(resync) &&
			   !READ_ONCE(resync->flushing));
		/*
		 * Whatever the worker was about to begin, it has by now; and a step that
		 * somebody posted is answered: without the worker he would wait in vain.
		 */
		flush_delayed_work(&resync->work);
	} while (replica_resync_windows_out(resync) || READ_ONCE(resync->flushing));
}

bool replica_resync_pause(struct replica *replica, unsigned int ms)
{
	struct replica_resync *resync = replica->resync;
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	spin_lock_irq(&replica->lock);
	resync->paused = true;
	spin_unlock_irq(&replica->lock);
	replica_resync_kick(resync);
	do {
		wait_event_timeout(resync->idle, !replica_resync_windows_out(resync) &&
				   !READ_ONCE(resync->flushing), HZ / 10);
		/* Whatever the worker was about to begin, it has by now. */
		flush_delayed_work(&resync->work);
		if (!replica_resync_windows_out(resync) && !READ_ONCE(resync->flushing))
			return true;
	} while (time_before(jiffies, end) && !READ_ONCE(replica->suspending));
	return false;
}

void replica_resync_unpause(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	replica->resync->paused = false;
	spin_unlock_irq(&replica->lock);
	replica_resync_kick(replica->resync);
}

void replica_resync_continue(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	replica->resync->quiesced = false;
	spin_unlock_irq(&replica->lock);
	replica_resync_kick(replica->resync);
}

struct replica_resync *replica_resync_create(struct replica *replica)
{
	struct replica_resync *resync;
	unsigned int i;

	resync = kzalloc(sizeof(*resync), GFP_KERNEL);
	if (!resync)
		return NULL;

	resync->question.page = alloc_page(GFP_KERNEL);
	if (!resync->question.page)
		goto no_page;
	resync->throttle.throttle = 100;
	resync->kcopyd = dm_kcopyd_client_create(&resync->throttle);
	if (IS_ERR(resync->kcopyd))
		goto no_kcopyd;
	resync->replica = replica;
	resync->flush_status = BLK_STS_AGAIN;
	resync->quiesced = true;
	INIT_DELAYED_WORK(&resync->work, resync_work);
	INIT_WORK(&resync->question.work, replica_resync_ask_work);
	init_waitqueue_head(&resync->idle);
	for (i = 0; i < WINDOWS; i++) {
		resync->windows[i].resync = resync;
		atomic_set(&resync->windows[i].state, WINDOW_FREE);
	}
	return resync;

no_kcopyd:
	__free_page(resync->question.page);
no_page:
	kfree(resync);
	return NULL;
}

void replica_resync_destroy(struct replica_resync *resync)
{
	if (!resync)
		return;
	dm_kcopyd_client_destroy(resync->kcopyd);
	/* Last: a callback that was under way may have queued it. */
	cancel_delayed_work_sync(&resync->work);
	free_room(resync);
	__free_page(resync->question.page);
	kfree(resync);
}
