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
#include <linux/dm-io.h>
#include <linux/dm-kcopyd.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-compare.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-trace.h"

/* Windows under way: enough to keep both legs busy at once. */
#define WINDOWS			4
/* Times, 100 ms apart, that a verify waits for memory. */
#define ROOM_TRIES		300
/* Sectors: unit of what a resync that compares writes, and gaps that it writes as well. */
#define PART_ALIGN		8
#define PART_GAP		64
/* Longest pause that "auto" makes for the application, ms. */
#define YIELD_MAX_MS		100

enum window_state {
	WINDOW_FREE,
	WINDOW_WAITS,		/* for its range */
	WINDOW_GRANTED,
	WINDOW_BUSY,		/* being copied or read */
	WINDOW_OVER,		/* to be reaped by the worker */
	WINDOW_DETACHED,	/* given up; dm-kcopyd or a leg still has it */
};

enum window_stage {
	STAGE_COPY,
	STAGE_READ,
	STAGE_READ_AGAIN,	/* it differed: what differs twice counts */
};

struct batch {
	u64 first;		/* region */
	u64 regions;		/* 0: free */
	unsigned int windows;	/* under way */
	bool issued;		/* all of its windows were made */
	bool failed;
};

struct window {
	struct replica_range range;
	struct replica_resync *resync;
	struct batch *batch;
	u32 job;		/* that it was made for */
	enum replica_walk how;
	enum window_stage stage;
	struct replica_compare *compare;	/* room to read both legs */
	sector_t copy;		/* the part that is being copied */
	sector_t copy_sectors;
	atomic_t state;
	ktime_t started;
	int read_error;
	unsigned long write_error;
};

/*
 * struct question - a read of the origin's first block, to see whether it answers
 * @work: sends it; that may take as long as the answer
 * @sent: jiffies of the last one, cut to 32 bits
 * @answered: there was one
 */
struct question {
	struct work_struct work;
	struct bio bio;
	struct bio_vec vec;
	struct page *page;
	u32 sent;
	bool answered;
};

/*
 * struct replica_resync - the walk
 * @running: a job is under way; under replica->lock
 * @how: what it does; under replica->lock
 * @restart: it is another walk than the one before; under replica->lock
 * @walk: @how as the worker knows it
 * @walk_job: the job as the worker knows it
 * @given_up: windows of a verify were given up by the clock
 * @no_room: times in a row that there was no memory for a window of a verify
 * @quiesced: the device is suspended; under replica->lock
 * @flushing: the final flush of the replica is out
 * @cursor: next region to look at
 * @offset: next sector in @open, the batch whose windows are not all made
 * @read_errors: windows that the origin could not deliver in this job
 * @bad_sector: one of them
 * @not_before: the rate limit's time of the next window
 * @ios: application's requests when a window was last made
 * @question: the clock's alone, apart from its completion
 */
struct replica_resync {
	struct replica *replica;
	struct dm_kcopyd_client *kcopyd;
	struct dm_kcopyd_throttle throttle;
	struct delayed_work work;
	wait_queue_head_t idle;
	bool running;
	bool restart;
	bool quiesced;
	bool flushing;
	enum replica_walk how;
	enum replica_walk walk;
	u32 walk_job;
	bool given_up;
	unsigned int no_room;
	blk_status_t flush_status;
	u64 cursor;
	sector_t offset;
	struct batch *open;
	unsigned int read_errors;
	sector_t bad_sector;
	ktime_t not_before;
	u64 ios;
	struct question question;
	struct window windows[WINDOWS];
	struct batch batches[WINDOWS + 1];
};

static void kick(struct replica_resync *resync)
{
	mod_delayed_work(resync->replica->wq, &resync->work, 0);
}

/*
 * Windows under way.
 */

static void release_window(struct window *window)
{
	struct replica *replica = window->resync->replica;
	struct replica_range_bucket *bucket;

	bucket = replica_range_bucket(replica->ranges, window->range.first);
	spin_lock_irq(&bucket->lock);
	replica_range_del(replica->ranges, bucket, &window->range);
	spin_unlock_irq(&bucket->lock);
}

static void window_over(struct window *window)
{
	struct replica_resync *resync = window->resync;
	struct replica *replica = resync->replica;

	/* Once it is over no suspend waits for us, nor whoever comes after it. */
	replica_get(replica);
	if (atomic_cmpxchg(&window->state, WINDOW_BUSY, WINDOW_OVER) == WINDOW_BUSY) {
		kick(resync);
		replica_put(replica);
		return;
	}
	atomic_set(&window->state, WINDOW_FREE);
	kick(resync);
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

static enum window_stage first_stage(const struct window *window)
{
	return window->how == REPLICA_WALK_COPY || !window->compare ? STAGE_COPY : STAGE_READ;
}

/* From here on the clock may give it up.  Bucket lock held, or the range is not in a tree. */
static void set_busy(struct window *window, enum window_stage stage)
{
	window->stage = stage;
	if (stage != STAGE_COPY)
		replica_compare_prepare(window->compare);
	atomic_set(&window->state, WINDOW_BUSY);
}

static void run_stage(struct window *window)
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
	set_busy(window, stage);
	spin_unlock_irq(&bucket->lock);
	run_stage(window);
}

void replica_resync_granted(struct replica_range *range)
{
	struct window *window = container_of(range, struct window, range);

	atomic_set(&window->state, WINDOW_GRANTED);
	kick(window->resync);
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
	kick(window->resync);
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

static void ask_work(struct work_struct *work)
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
	u64 region, generation = atomic64_read(&replica->flush_gen);

	for (region = batch->first; !batch->failed && region < batch->first + batch->regions;
	     region++) {
		/* The copy may sit in the replica's cache until the next flush. */
		if (replica->replica_volatile)
			replica_log_note_cached(replica->log, region << replica->region_shift,
						1, generation);
		replica_log_copy_end(replica->log, region);
	}
	batch->regions = 0;
}

static void put_batch(struct replica *replica, struct batch *batch)
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
}

static void leave_batch(struct window *window)
{
	struct batch *batch = window->batch;

	window->batch = NULL;
	batch->windows--;
	put_batch(window->resync->replica, batch);
}

static void yield_to_application(struct replica_resync *resync, ktime_t took)
{
	u64 ios = replica_counter_sum(resync->replica, DM_REPLICA_C_READS) +
		  replica_counter_sum(resync->replica, DM_REPLICA_C_WRITES);
	bool busy = ios != resync->ios ||
		    replica_counter_sum(resync->replica, DM_REPLICA_C_INFLIGHT);

	resync->ios = ios;
	resync->not_before = 0;
	if (busy)
		resync->not_before = ktime_add_ns(ktime_get(),
						  min_t(u64, 3 * ktime_to_ns(took),
							YIELD_MAX_MS * NSEC_PER_MSEC));
}

static void pace(struct replica_resync *resync, struct window *window, u64 bytes)
{
	u32 rate = READ_ONCE(resync->replica->settings.resync_rate);
	ktime_t now = ktime_get();

	if (!rate) {
		yield_to_application(resync, ktime_sub(now, window->started));
		return;
	}
	/* A late start is not made good by a burst. */
	if (ktime_before(resync->not_before, window->started))
		resync->not_before = window->started;
	resync->not_before = ktime_add_ns(resync->not_before,
					  div64_u64(bytes * NSEC_PER_SEC, (u64)rate << 20));
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
	struct replica_resync *resync = window->resync;
	const struct replica_job *job;
	bool wanted;

	spin_lock_irq(&resync->replica->lock);
	job = __replica_job_current(resync->replica);
	wanted = resync->running && !resync->restart && job && job->id == window->job;
	spin_unlock_irq(&resync->replica->lock);
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
	if (first_stage(window) == STAGE_COPY || window->stage == STAGE_READ_AGAIN)
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
	release_window(window);
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
	pace(window->resync, window, window_bytes(window));
	free_range(window);
}

/* It waited for writes of the application, and has its range now. */
static void start_granted(struct window *window)
{
	if (is_wanted(window)) {
		begin_stage(window, first_stage(window));
		return;
	}
	window->batch->failed = true;
	free_range(window);
}

static void reap(struct replica_resync *resync)
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

static unsigned int windows_out(struct replica_resync *resync)
{
	unsigned int i, n = 0;

	for (i = 0; i < WINDOWS; i++)
		n += !!resync->windows[i].batch;
	return n;
}

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

/* How many dirty regions in a row one window can take. */
static u64 regions_in_a_row(struct replica *replica, u64 region)
{
	unsigned int shift = replica->region_shift;
	u64 end, n = 1;

	if (1U << shift >= REPLICA_WINDOW)
		return 1;
	end = round_up((region + 1) << shift, REPLICA_WINDOW) >> shift;
	end = min(end, replica_log_regions(replica->log));
	while (region + n < end && replica_log_next_dirty(replica->log, region + n) == region + n)
		n++;
	return n;
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
	resync->cursor = batch->first + batch->regions;
	resync->offset = batch->first << resync->replica->region_shift;
}

/* Return: NULL when there is nothing to do at or behind the cursor. */
static struct batch *open_batch(struct replica_resync *resync)
{
	struct replica *replica = resync->replica;
	u64 i, region = resync->cursor;
	struct batch *batch;

	if (resync->walk != REPLICA_WALK_VERIFY)
		region = replica_log_next_dirty(replica->log, region);
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
	batch->regions = regions_in_a_row(replica, region);
	batch->issued = false;
	batch->failed = false;
	for (i = 0; i < batch->regions; i++)
		replica_log_copy_begin(replica->log, region + i);
	resync->cursor = region + batch->regions;
	resync->offset = region << replica->region_shift;
	return batch;
}

static void issue_window(struct replica_resync *resync, struct window *window)
{
	struct replica *replica = resync->replica;
	struct batch *batch = resync->open;
	sector_t end = (batch->first + batch->regions) << replica->region_shift;
	struct replica_range_bucket *bucket;
	bool granted;

	end = min(end, replica->sectors);
	window->range.kind = REPLICA_RANGE_WINDOW;
	window->range.first = resync->offset;
	window->range.last = min(end, round_down(resync->offset, REPLICA_WINDOW) +
				      (sector_t)REPLICA_WINDOW) - 1;
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
	if (granted)
		set_busy(window, first_stage(window));
	spin_unlock_irq(&bucket->lock);
	if (granted)
		run_stage(window);
}

static bool paused(struct replica_resync *resync)
{
	s64 left = ktime_to_ns(ktime_sub(resync->not_before, ktime_get()));

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
	if (++resync->no_room >= ROOM_TRIES && !windows_out(resync))
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

	while ((window = free_window(resync))) {
		if (paused(resync) || (limited && windows_out(resync)))
			return true;
		if (!resync->open)
			resync->open = open_batch(resync);
		if (!resync->open)
			return false;
		if (!make_room(resync, window))
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
	kick(resync);
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
	*quiesced = resync->quiesced;
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

	/* The next job may open a region again that a batch of this one still has. */
	for (i = 0; i < ARRAY_SIZE(resync->batches); i++)
		resync->batches[i].failed = true;
	free_room(resync);
	resync->open = NULL;
	if (open) {
		open->issued = true;
		put_batch(resync->replica, open);
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
		replica_state_job_failed(replica, text);
		return;
	}
	resync->cursor = 0;
	if (replica_log_dirty_regions(replica->log)) {
		kick(resync);
		return;
	}
	/* Synchronized means durable: one flush, then look again. */
	if (resync->flush_status == BLK_STS_OK) {
		if (!replica_state_synced(replica))
			kick(resync);
		resync->flush_status = BLK_STS_AGAIN;
		return;
	}
	resync->flushing = true;
	if (replica_leg_flush(replica, flushed, resync)) {
		resync->flushing = false;
		queue_delayed_work(replica->wq, &resync->work, HZ / 10);
	}
}

static void resync_work(struct work_struct *work)
{
	struct replica_resync *resync = container_of(to_delayed_work(work),
						     struct replica_resync, work);
	bool running, restart, quiesced;

	reap(resync);
	/* Pairs with flushed(). */
	if (smp_load_acquire(&resync->flushing))
		return;
	running = look(resync, &restart, &quiesced);
	if (!running || restart)
		abandon(resync);
	if (!running)
		return;
	/* Suspended: the job goes on later where it is now. */
	if (quiesced) {
		wake_up_all(&resync->idle);
		return;
	}
	if (!issue(resync) && !windows_out(resync))
		end_pass(resync);
}

/*
 * Control.
 */

u32 replica_resync_start(struct replica *replica, u32 from, u16 job_type, enum replica_walk how,
			 const char *reason)
{
	u64 durable = replica_leg_durable(replica);
	u32 id = 0;

	if (!replica_state_move(replica, from, DM_REPLICA_STATE_UNSYNCHRONIZED, reason))
		return 0;

	/* Writes that were not shipped have left their marks behind this. */
	replica_leg_ship_barrier(replica);
	/* And whoever gave up a request of theirs has counted it. */
	if (replica_leg_owes(replica)) {
		/* One that lands after the copy would undo it.  Somebody wants a job. */
		replica_state_replica_failed(replica, 0, -EBUSY,
					     "replica still has requests that were given up");
		spin_lock_irq(&replica->lock);
		replica->resume_ordered = true;
		spin_unlock_irq(&replica->lock);
		return 0;
	}
	replica_log_mark_cached(replica->log, durable);
	atomic64_set(&replica->lost_gen, S64_MAX);

	spin_lock_irq(&replica->lock);
	if (replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED) {
		/* A job that was suspended goes on as it was ordered. */
		if (__replica_job_current(replica) &&
		    replica->resync->how == REPLICA_WALK_COMPARE)
			how = REPLICA_WALK_COMPARE;
		id = __replica_job_start(replica, job_type,
					 replica_log_dirty_bytes(replica->log));
		replica_resync_run(replica, how);
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
	kick(resync);
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
	kick(replica->resync);
}

void replica_resync_quiesce(struct replica *replica)
{
	struct replica_resync *resync = replica->resync;

	spin_lock_irq(&replica->lock);
	resync->quiesced = true;
	spin_unlock_irq(&replica->lock);
	kick(resync);
	wait_event(resync->idle, !windows_out(resync) && !READ_ONCE(resync->flushing));
	cancel_delayed_work_sync(&resync->work);
}

void replica_resync_continue(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	replica->resync->quiesced = false;
	spin_unlock_irq(&replica->lock);
	kick(replica->resync);
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
	INIT_WORK(&resync->question.work, ask_work);
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
