// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a window of a job: it waits for its range, is copied or read, once or
 * in stages, and is reaped by the worker of the walk, or given up by the clock.
 */
#include <linux/dm-io.h>
#include <linux/dm-kcopyd.h>
#include <linux/math64.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-log.h"
#include "dm-replica-offload.h"
#include "dm-replica-queue.h"
#include "dm-replica-resync-priv.h"
#include "dm-replica-trace.h"

/* Sectors: unit of what a resync that compares writes, and gaps that it writes as well. */
#define PART_ALIGN		8
#define PART_GAP		64
/* Before it is looked again whether the queue has something for a window, ms. */
#define QUEUE_PAUSE_MS		10
/* The application is busy until it has done nothing for so long. */
#define BUSY_MS			100

static void window_over(struct window *window)
{
	struct replica_resync *resync = window->resync;
	struct replica *replica = resync->replica;

	/* Once it is over no suspend waits for us, nor whoever comes after it. */
	replica_get(replica);
	if (atomic_cmpxchg(&window->state, WINDOW_BUSY, WINDOW_OVER) == WINDOW_BUSY) {
		replica_resync_kick(resync);
		replica_put(replica);
		return;
	}
	atomic_set(&window->state, WINDOW_FREE);
	replica_resync_kick(resync);
	wake_up_all(&resync->idle);
	atomic_dec(&replica->detached);
	replica_put(replica);
	replica_put(replica);
}

/* Called by dm-kcopyd's worker. */
static void window_copied(int read_error, unsigned long write_error, void *context)
{
	struct window *window = context;

	window->read_error = read_error;
	window->write_error = write_error;
	window_over(window);
}

/* Any context. */
static void window_read(void *context)
{
	struct window *window = context;

	window->read_error = replica_compare_origin_failed(window->compare) ? -EIO : 0;
	window->write_error = 0;
	window_over(window);
}

static void copy_window(struct window *window)
{
	struct replica *replica = window->resync->replica;
	struct dm_io_region from = {
		.bdev = replica->origin_bdev,
		.sector = window->copy,
		.count = window->copy_sectors,
	};
	struct dm_io_region to = {
		.bdev = replica->replica_bdev,
		.sector = window->copy,
		.count = window->copy_sectors,
	};

	trace_dm_replica_window(replica, window->copy, window->copy_sectors, "copy");
	dm_kcopyd_copy(window->resync->kcopyd, &from, 1, &to, 0, window_copied, window);
}

static void read_window(struct window *window)
{
	sector_t count = window->range.last - window->range.first + 1;

	trace_dm_replica_window(window->resync->replica, window->range.first, count, "read");
	replica_compare_read(window->compare, window->range.first, count, window_read, window);
}

enum window_stage replica_window_first_stage(const struct window *window)
{
	return window->how == REPLICA_WALK_COPY || !window->compare ? STAGE_COPY : STAGE_READ;
}

/* No write enters the queue for a range that is held. */
bool replica_window_ready(const struct window *window)
{
	struct replica *replica = window->resync->replica;

	return window->how != REPLICA_WALK_VERIFY ||
	       replica_queue_passed(replica, window->queue_seq) ||
	       !replica_queue_in_range(replica, window->range.first,
				       window->range.last - window->range.first + 1);
}

/* From here on the clock may give it up.  Bucket lock held, or the range is not in a tree. */
void replica_window_set_busy(struct window *window, enum window_stage stage)
{
	window->stage = stage;
	if (stage != STAGE_COPY)
		replica_compare_prepare(window->compare);
	atomic_set(&window->state, WINDOW_BUSY);
}

void replica_window_run(struct window *window)
{
	if (window->stage == STAGE_COPY)
		copy_window(window);
	else
		read_window(window);
}

/* A stage of a window that has its range; each one has its own time. */
static void begin_stage(struct window *window, enum window_stage stage)
{
	struct replica_range_bucket *bucket;

	bucket = replica_range_bucket(window->resync->replica->ranges, window->range.first);
	spin_lock_irq(&bucket->lock);
	window->range.since = (u32)jiffies;
	replica_window_set_busy(window, stage);
	spin_unlock_irq(&bucket->lock);
	replica_window_run(window);
}

void replica_resync_granted(struct replica_range *range)
{
	struct window *window = container_of(range, struct window, range);

	window->queue_seq = replica_queue_last(window->resync->replica);
	atomic_set(&window->state, WINDOW_GRANTED);
	replica_resync_kick(window->resync);
}

bool replica_resync_detach(struct replica_range *range)
{
	struct window *window = container_of(range, struct window, range);
	struct replica *replica = window->resync->replica;

	replica_get(replica);
	atomic_inc(&replica->detached);
	if (atomic_cmpxchg(&window->state, WINDOW_BUSY, WINDOW_DETACHED) != WINDOW_BUSY) {
		atomic_dec(&replica->detached);
		replica_put(replica);
		return false;
	}
	/* The writes that wait for the window may go; the worker sees to the batch. */
	replica_range_del(replica->ranges, replica_range_bucket(replica->ranges, range->first),
			  range);
	replica_resync_kick(window->resync);
	return true;
}

bool replica_resync_origin_answered(const struct replica_range *range, unsigned int age_ms)
{
	struct replica_resync *resync = container_of(range, struct window, range)->resync;
	const struct window *window = container_of(range, struct window, range);
	u32 overdue = range->since + (u32)msecs_to_jiffies(age_ms);
	bool waits_for_replica;

	if (atomic_read(&window->state) == WINDOW_BUSY && window->stage != STAGE_COPY &&
	    replica_compare_waits_for(window->compare, &waits_for_replica))
		return waits_for_replica;

	/* Pairs with origin_answered(). */
	return !atomic_read_acquire(&resync->replica->asked_origin) &&
	       resync->question.answered && (s32)(resync->question.sent - overdue) > 0;
}

static void origin_answered(struct bio *bio)
{
	struct replica_resync *resync = container_of(bio, struct replica_resync, question.bio);
	struct replica *replica = resync->replica;
	unsigned long flags;

	/* Even an error is an answer. */
	resync->question.answered = true;
	bio_uninit(bio);
	/* Pairs with replica_resync_origin_answered(). */
	atomic_set_release(&replica->asked_origin, 0);
	spin_lock_irqsave(&replica->lock, flags);
	if (replica->ticking)
		mod_delayed_work(replica->wq, &replica->timeout_work, 0);
	spin_unlock_irqrestore(&replica->lock, flags);
	replica_put(replica);
}

void replica_resync_ask_work(struct work_struct *work)
{
	struct question *question = container_of(work, struct question, work);
	struct replica *replica = container_of(question, struct replica_resync,
					       question)->replica;

	bio_init(&question->bio, replica->origin_bdev, &question->vec, 1, REQ_OP_READ);
	__bio_add_page(&question->bio, question->page,
		       min_t(unsigned int, PAGE_SIZE,
			     bdev_logical_block_size(replica->origin_bdev)), 0);
	question->bio.bi_end_io = origin_answered;
	submit_bio(&question->bio);
}

void replica_resync_ask_origin(struct replica_resync *resync)
{
	if (atomic_xchg(&resync->replica->asked_origin, 1))
		return;
	replica_get(resync->replica);
	resync->question.sent = jiffies;
	/* The clock must not wait for the origin: it is there to end waiting. */
	queue_work(replica_send_wq, &resync->question.work);
}

/* The batch has seen the last of its windows. */
static void end_batch(struct replica *replica, struct batch *batch)
{
	u64 region;

	for (region = batch->first; !batch->failed && region < batch->first + batch->regions;
	     region++) {
		/* The copy may sit in the replica's cache until the next flush. */
		if (replica->replica_volatile)
			replica_durable_note(&replica->on_replica, region << replica->region_shift,
					     1);
		replica_log_copy_end(replica->log, region, batch->freezes);
	}
	batch->regions = 0;
	replica_clone_copied(replica);
	replica_delta_copied(replica);
}

void replica_resync_put_batch(struct replica *replica, struct batch *batch)
{
	if (!batch->windows && batch->issued)
		end_batch(replica, batch);
}

static void window_failed(struct window *window)
{
	struct replica_resync *resync = window->resync;

	window->batch->failed = true;
	if (window->write_error) {
		replica_state_replica_failed(resync->replica, window->range.first, -EIO,
					     "replica write error during the copy");
		return;
	}
	resync->read_errors++;
	resync->bad_sector = window->range.first;
	/* Of several regions the others are tried alone before a write gives up on them. */
	if (window->batch->regions > 1)
		return;
	if (resync->replica->clone)
		replica_clone_unreadable(resync->replica, window->batch->first, 1,
					 window->range.first);
	else
		replica_delta_unreadable(resync->replica, window->job, window->batch->first,
					 window->range.first);
}

static void leave_batch(struct window *window)
{
	struct batch *batch = window->batch;

	window->batch = NULL;
	batch->windows--;
	replica_resync_put_batch(window->resync->replica, batch);
}

/*
 * Pauses between windows while the application does I/O, as multiples of the time that a
 * window took, and their longest.  Without pauses it is still one window at a time; only
 * urgent ones are as many as when nobody else is there.
 */
static const struct {
	unsigned int factor;
	unsigned int max_ms;
} yields[] = {
	[DM_REPLICA_PRIORITY_UNMANAGED] = { 3, 100 },
	[DM_REPLICA_PRIORITY_LOW] = { 15, 2000 },
	[DM_REPLICA_PRIORITY_SAME] = { 1, 1000 },
	[DM_REPLICA_PRIORITY_HIGH] = { 0, 0 },
};

/*
 * Windows that end together, or between two reads of a slow origin, see nothing new of an
 * application that is busy all the same: what counts is when it was last seen.
 *
 * Return: when the next window may begin, 0 when it need not look at the application.
 */
static ktime_t yield_until(struct replica_resync *resync, u8 priority, ktime_t took)
{
	u64 ios = replica_counter_sum(resync->replica, DM_REPLICA_C_READS) +
		  replica_counter_sum(resync->replica, DM_REPLICA_C_WRITES);
	ktime_t now = ktime_get();

	if (ios != resync->ios || replica_counter_sum(resync->replica, DM_REPLICA_C_INFLIGHT))
		resync->busy_at = now;
	resync->ios = ios;
	if (ktime_ms_delta(now, resync->busy_at) > BUSY_MS || priority >= ARRAY_SIZE(yields))
		return 0;
	return ktime_add_ns(now, min_t(u64, yields[priority].factor * ktime_to_ns(took),
				       yields[priority].max_ms * NSEC_PER_MSEC));
}

static void pace(struct replica_resync *resync, struct window *window, u64 bytes)
{
	u8 priority = READ_ONCE(resync->replica->settings.copy_priority);
	u32 rate = READ_ONCE(resync->replica->settings.resync_rate);
	ktime_t until = 0;

	/*
	 * A rate is a choice of its own: who says no more than that has nothing to yield.  Nor has
	 * a delta update that keeps the next one waiting, or the writers.
	 */
	if ((!rate || priority != DM_REPLICA_PRIORITY_UNMANAGED) &&
	    !replica_delta_late(resync->replica))
		until = yield_until(resync, priority, ktime_sub(ktime_get(), window->started));
	if (!rate) {
		resync->not_before = until;
		return;
	}
	/* A late start is not made good by a burst. */
	if (ktime_before(resync->not_before, window->started))
		resync->not_before = window->started;
	resync->not_before = ktime_add_ns(resync->not_before,
					  div64_u64(bytes * NSEC_PER_SEC, (u64)rate << 20));
	if (ktime_after(until, resync->not_before))
		resync->not_before = until;
}

static u64 window_bytes(const struct window *window)
{
	return (window->range.last - window->range.first + 1) << SECTOR_SHIFT;
}

/* Whatever a leg does not deliver is not equal. */
static bool window_differs(struct window *window)
{
	sector_t sector = window->range.first;

	if (window->read_error || replica_compare_replica_failed(window->compare))
		return true;
	replica_count(window->resync->replica, DM_REPLICA_C_COMPARED_BYTES, window_bytes(window));
	return replica_compare_next(window->compare, &sector);
}

/* No write was under way, and it differed twice. */
static void report_window(struct window *window)
{
	struct replica *replica = window->resync->replica;
	sector_t sector = window->range.first, count;

	if (replica_compare_replica_failed(window->compare)) {
		/* As for any request that it fails; copying may make it readable. */
		replica_log_mark(replica->log, sector, window->range.last - sector + 1);
		replica_state_replica_failed(replica, sector, -EIO,
					     "replica read error during a verify");
		return;
	}
	for (; (count = replica_compare_next(window->compare, &sector)); sector += count)
		/* What is marked will be copied anyway, and said so. */
		if (!replica_log_dirty(replica->log, sector, count))
			replica_verify_found(replica, window->job, sector, count);
}

/* Is the job that the window belongs to still the one under way? */
static bool is_wanted(struct window *window)
{
	struct replica *replica = window->resync->replica;
	bool wanted;

	spin_lock_irq(&replica->lock);
	wanted = __replica_resync_walks(replica, window->job);
	spin_unlock_irq(&replica->lock);
	return wanted;
}

/*
 * The next part to copy, at or behind @sector: in blocks, as the legs may have, and what is
 * near it at once.  Return: false when the rest is equal.
 */
static bool next_part(struct window *window, sector_t sector)
{
	sector_t first = sector, end = 0, count;

	while (sector <= window->range.last &&
	       (count = replica_compare_next(window->compare, &sector))) {
		if (end && sector > end + PART_GAP)
			break;
		if (!end)
			first = round_down(sector, PART_ALIGN);
		end = round_up(sector + count, PART_ALIGN);
		sector = end;
	}
	if (!end)
		return false;
	window->copy = max_t(sector_t, first, window->range.first);
	window->copy_sectors = min_t(sector_t, end, window->range.last + 1) - window->copy;
	return true;
}

/* A window of a resync that compares: what differs in it, part by part. */
static bool copies_more(struct window *window)
{
	if (window->read_error || window->write_error)
		/* Reading it was in vain: dm-kcopyd tells which leg fails. */
		return window->stage == STAGE_READ;
	if (window->stage == STAGE_COPY)
		return next_part(window, window->copy + window->copy_sectors);
	replica_count(window->resync->replica, DM_REPLICA_C_COMPARED_BYTES, window_bytes(window));
	return replica_compare_replica_failed(window->compare) ||
	       next_part(window, window->range.first);
}

/* Return: true when the window is in use again. */
static bool goes_on(struct window *window)
{
	if (replica_window_first_stage(window) == STAGE_COPY || window->stage == STAGE_READ_AGAIN)
		return false;
	if (window->how == REPLICA_WALK_COMPARE) {
		if (!copies_more(window))
			return false;
		begin_stage(window, STAGE_COPY);
		return true;
	}
	if (!window_differs(window))
		return false;
	begin_stage(window, STAGE_READ_AGAIN);
	return true;
}

static void window_done(struct window *window)
{
	if (window->stage == STAGE_READ_AGAIN)
		report_window(window);
	replica_job_progress(window->resync->replica, window_bytes(window));
}

static void free_range(struct window *window)
{
	replica_range_release(window->resync->replica->ranges, &window->range);
	leave_batch(window);
	atomic_set(&window->state, WINDOW_FREE);
}

static void reap_window(struct window *window)
{
	struct replica *replica = window->resync->replica;
	sector_t count = window->range.last - window->range.first + 1;
	bool wanted = is_wanted(window);

	if (window->stage == STAGE_COPY && !window->read_error && !window->write_error)
		replica_count(replica, DM_REPLICA_C_RESYNC_BYTES,
			      (u64)window->copy_sectors << SECTOR_SHIFT);
	/* Nothing more is written, or found, for a job that has ended. */
	if (wanted && goes_on(window))
		return;
	if (window->write_error || (wanted && window->read_error))
		window_failed(window);
	else if (wanted)
		window_done(window);
	else
		window->batch->failed = true;
	trace_dm_replica_window(replica, window->range.first, count, "done");
	/* What writes waited for is not on the account of a rate, which they set themselves. */
	if (!window->batch->urgent)
		pace(window->resync, window, window_bytes(window));
	free_range(window);
}

/* It waited for writes of the application, and has its range now. */
static void start_granted(struct window *window)
{
	if (is_wanted(window) && !replica_window_ready(window)) {
		queue_delayed_work(window->resync->replica->wq, &window->resync->work,
				   msecs_to_jiffies(QUEUE_PAUSE_MS));
		return;
	}
	if (is_wanted(window)) {
		begin_stage(window, replica_window_first_stage(window));
		return;
	}
	window->batch->failed = true;
	free_range(window);
}

void replica_resync_reap(struct replica_resync *resync)
{
	unsigned int i;

	for (i = 0; i < WINDOWS; i++) {
		struct window *window = &resync->windows[i];

		/* Pairs with window_over(): what was read is there. */
		switch (atomic_read_acquire(&window->state)) {
		case WINDOW_OVER:
			reap_window(window);
			break;
		case WINDOW_GRANTED:
			start_granted(window);
			break;
		case WINDOW_DETACHED:
		case WINDOW_FREE:
			/* Given up by the clock, whether it has come back or not. */
			if (window->batch) {
				resync->given_up |= window->how == REPLICA_WALK_VERIFY &&
						    window->job == resync->walk_job;
				window->batch->failed = true;
				leave_batch(window);
			}
			break;
		default:
			break;
		}
	}
}

unsigned int replica_resync_windows_out(struct replica_resync *resync)
{
	unsigned int i, n = replica_offload_out(resync->replica);

	for (i = 0; i < WINDOWS; i++)
		n += !!resync->windows[i].batch;
	return n;
}
