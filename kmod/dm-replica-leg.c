// SPDX-License-Identifier: GPL-2.0-only
/*
 * The replica leg: requests to it, flushes, the clock that gives up on a replica
 * that hangs, and the probe that finds out when a broken one is back.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-offload.h"
#include "dm-replica-queue.h"
#include "dm-replica-trace.h"

/* First pause before a broken replica is probed, and the longest, ms. */
#define PROBE_DELAY_MIN_MS	500
#define PROBE_DELAY_MAX_MS	30000
/* Time for a flush that somebody waits for while writes are held, ms. */
#define WAITED_FLUSH_MS		3000
/* Time that a suspend gives to what is out when replica_timeout is 0, ms. */
#define SUSPEND_TIMEOUT_MS	10000U
/* So long that nobody sees its end, and jiffies do not wrap. */
#define NO_LIMIT_MS		(7 * 24 * 3600 * 1000U)
/* Time for requests that were out when shipping stopped, ms. */
#define CUT_TIMEOUT_MS		5000U
/*
 * struct leg_flush - a flush of our own
 * @link: in replica->flushes, so that it can be given up; under replica->lock
 * @request: NULL when it is over; under replica->lock
 * @limit_ms: when it is given up
 */
struct leg_flush {
	struct list_head link;
	struct replica *replica;
	struct replica_request *request;
	unsigned int limit_ms;
	struct replica_flush flush;
	void (*done)(void *context, blk_status_t status);
	void *context;
};

bool replica_leg_owes(struct replica *replica)
{
	return atomic_read(&replica->detached) || !replica_queue_paid(replica) ||
	       replica_registry_orphans(replica->replica_dev);
}

static void end_leg_flush(struct leg_flush *flush, blk_status_t status)
{
	struct replica *replica = flush->replica;
	unsigned long flags;

	if (!status) {
		replica_flush_end(&replica->on_replica, &flush->flush);
	} else {
		replica_flush_failed(&replica->on_replica, &flush->flush);
		replica_state_replica_failed(replica, 0, blk_status_to_errno(status),
					     status == BLK_STS_TIMEOUT ?
					     "replica flush timed out" : "replica flush error");
	}
	flush->done(flush->context, status);
	/* Last: who sees the list empty may rely on done() being over. */
	spin_lock_irqsave(&replica->lock, flags);
	list_del(&flush->link);
	spin_unlock_irqrestore(&replica->lock, flags);
	mempool_free(flush, &replica->flushes);
	wake_up_all(&replica->quiet);
	replica_put(replica);
}

static void leg_flush_done(struct replica_request *request, blk_status_t status)
{
	struct leg_flush *flush = request->context;
	unsigned long flags;

	/* From here on the clock leaves it alone. */
	spin_lock_irqsave(&flush->replica->lock, flags);
	flush->request = NULL;
	spin_unlock_irqrestore(&flush->replica->lock, flags);
	replica_request_free(request);
	end_leg_flush(flush, status);
}

/* Writes wait for some of these: memory is set aside for two. */
int replica_leg_pool_init(struct replica *replica)
{
	return mempool_init_kmalloc_pool(&replica->flushes, 2, sizeof(struct leg_flush));
}

void replica_leg_pool_exit(struct replica *replica)
{
	mempool_exit(&replica->flushes);
}

static void send_flush(struct replica *replica, unsigned int limit_ms,
		       void (*done)(void *context, blk_status_t status), void *context)
{
	struct leg_flush *flush = mempool_alloc(&replica->flushes, GFP_NOIO);
	struct replica_request *request = replica_request_wait(replica);
	struct block_device *leg;

	request->done = leg_flush_done;
	request->context = flush;
	replica_get(replica);
	flush->replica = replica;
	flush->request = request;
	flush->limit_ms = limit_ms;
	flush->done = done;
	flush->context = context;
	/* Its generation is of this leg: it is seen before the legs change places, or later. */
	spin_lock_irq(&replica->lock);
	leg = replica->replica_bdev;
	replica_flush_begin(&replica->on_replica, &flush->flush);
	list_add_tail(&flush->link, &replica->own_flushes);
	spin_unlock_irq(&replica->lock);
	bio_init(&request->bio, leg, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	replica_request_send(request);
}

void replica_leg_flush(struct replica *replica, void (*done)(void *context, blk_status_t status),
		       void *context)
{
	send_flush(replica, NO_LIMIT_MS, done, context);
}

bool replica_leg_quiet(struct replica *replica)
{
	bool quiet;

	spin_lock_irq(&replica->lock);
	quiet = list_empty(&replica->own_flushes);
	spin_unlock_irq(&replica->lock);
	return quiet;
}

struct flush_wait {
	struct completion completion;
	blk_status_t status;
};

static void flush_waited(void *context, blk_status_t status)
{
	struct flush_wait *wait = context;

	wait->status = status;
	complete(&wait->completion);
}

static int wait_for_flush(struct replica *replica, unsigned int limit_ms)
{
	struct flush_wait wait;

	init_completion(&wait.completion);
	send_flush(replica, limit_ms, flush_waited, &wait);
	wait_for_completion_io(&wait.completion);
	return blk_status_to_errno(wait.status);
}

int replica_leg_flush_wait(struct replica *replica)
{
	return wait_for_flush(replica, WAITED_FLUSH_MS);
}

int replica_leg_flush_patiently(struct replica *replica)
{
	return wait_for_flush(replica, NO_LIMIT_MS);
}

/*
 * Clock.  Nothing is armed per request: the ranges under way are walked now and
 * then, which costs the writers nothing.
 */

static bool older_than(unsigned long since, unsigned int age_ms)
{
	return time_after(jiffies, since + msecs_to_jiffies(age_ms));
}

bool replica_io_detach(struct replica_io *io)
{
	/* Pairs with the release in send_to_replica(). */
	struct replica_request *request = smp_load_acquire(&io->request);

	if (!request || io->queued || io->detached ||
	    !replica_request_detach(request, REPLICA_REQUEST_DETACHED))
		return false;
	io->detached = true;
	return true;
}

static bool request_older(struct replica_io *io, unsigned int age_ms)
{
	/* Pairs with the release in send_to_replica(). */
	struct replica_request *request = smp_load_acquire(&io->request);

	/* What is in the queue is the queue's to give up. */
	return request && !io->queued && !io->detached && older_than(request->sent, age_ms);
}

/*
 * struct overdue - what a turn of the clock looks for
 * @age_ms: whatever the replica has had for longer is given up
 * @read_ms: but for a failed-over read, which is after that
 * @blind_ms: windows older than this are given up whichever leg they wait for
 * @windows: number of them given up
 * @doubt: a window is overdue, and the origin may be the one to blame
 */
struct overdue {
	unsigned int age_ms;
	unsigned int read_ms;
	unsigned int blind_ms;
	unsigned int windows;
	bool doubt;
};

static void detach_window(struct replica_range *range, struct overdue *overdue)
{
	if (replica_range_older(range, overdue->blind_ms) ||
	    replica_resync_origin_answered(range, overdue->age_ms))
		overdue->windows += replica_resync_detach(range);
	else
		overdue->doubt = true;
}

/* One hanging write of a bucket, given up; NULL when there is none. */
static struct replica_io *detach_one_write(struct replica_range_bucket *bucket,
					   struct overdue *overdue)
{
	struct replica_range *range, *next;
	struct replica_io *found = NULL;

	spin_lock_irq(&bucket->lock);
	for (range = replica_range_first(bucket); range; range = next) {
		next = replica_range_next(bucket, range);
		if (range->blockers || !replica_range_older(range, overdue->age_ms))
			continue;
		if (range->kind == REPLICA_RANGE_WRITE) {
			struct replica_io *io = container_of(range, struct replica_io, range);

			if (request_older(io, overdue->age_ms) && replica_io_detach(io)) {
				found = io;
				break;
			}
		} else if (range->kind == REPLICA_RANGE_WINDOW) {
			detach_window(range, overdue);
		}
	}
	spin_unlock_irq(&bucket->lock);
	return found;
}

static unsigned int unranged_ms(const struct replica_io *io, const struct overdue *overdue)
{
	return io->kind == REPLICA_IO_FAILOVER ? overdue->read_ms : overdue->age_ms;
}

static struct replica_io *detach_one_unranged(struct replica *replica,
					      const struct overdue *overdue)
{
	struct replica_io *io, *found = NULL;

	spin_lock_irq(&replica->lock);
	list_for_each_entry(io, &replica->unranged, unranged.link)
		if (request_older(io, unranged_ms(io, overdue)) && replica_io_detach(io)) {
			found = io;
			break;
		}
	spin_unlock_irq(&replica->lock);
	return found;
}

static struct leg_flush *detach_own_flush(struct replica *replica, unsigned int limit_ms)
{
	struct leg_flush *flush, *found = NULL;

	spin_lock_irq(&replica->lock);
	list_for_each_entry(flush, &replica->own_flushes, link)
		if (flush->request &&
		    older_than(flush->request->sent, min(flush->limit_ms, limit_ms)) &&
		    replica_request_detach(flush->request, REPLICA_REQUEST_ORPHANED)) {
			flush->request = NULL;
			found = flush;
			break;
		}
	spin_unlock_irq(&replica->lock);
	return found;
}

static unsigned int detach_unranged(struct replica *replica, const struct overdue *overdue)
{
	struct replica_io *io;
	unsigned int n = 0;

	while ((io = detach_one_unranged(replica, overdue))) {
		replica_io_detached(io);
		n++;
	}
	return n;
}

static void detach_own_flushes(struct replica *replica, unsigned int limit_ms)
{
	struct leg_flush *own;

	while ((own = detach_own_flush(replica, limit_ms))) {
		replica_count(replica, DM_REPLICA_C_REPLICA_TIMEOUTS, 1);
		end_leg_flush(own, BLK_STS_TIMEOUT);
	}
}

/* Give up all that the replica has had for too long. */
static void detach_older(struct replica *replica, struct overdue *overdue)
{
	unsigned int i, n = 0;
	struct replica_io *io;

	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = &replica->ranges->buckets[i];

		if (!READ_ONCE(bucket->nr))
			continue;
		while ((io = detach_one_write(bucket, overdue))) {
			replica_io_detached(io);
			n++;
		}
	}
	n += detach_unranged(replica, overdue);
	n += replica_queue_detach_older(replica, overdue->age_ms);
	overdue->windows += replica_offload_detach(replica, overdue->age_ms);
	replica_count(replica, DM_REPLICA_C_REPLICA_TIMEOUTS, n + overdue->windows);
	if (overdue->doubt)
		replica_resync_ask_origin(replica->resync);
	if (overdue->windows)
		replica_state_replica_failed(replica, 0, -ETIMEDOUT, "replica timed out");
}

/*
 * Nothing new is sent to the replica.  Between delta updates a verify still reads from it, and
 * whoever reads what the origin fails.
 */
static bool is_cut(struct replica *replica)
{
	if (READ_ONCE(replica->ship) || replica_clone_copies(replica) ||
	    replica_delta_copies(replica))
		return false;
	return !replica_delta_on(replica) ||
	       !(BIT(READ_ONCE(replica->state)) & REPLICA_VERIFY_STATES);
}

void replica_leg_timeout_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica,
					       timeout_work);
	unsigned int timeout = READ_ONCE(replica->settings.replica_timeout);
	struct overdue overdue = { .blind_ms = NO_LIMIT_MS };
	unsigned int next_ms;

	/* Even without a limit nobody waits for ever for a suspend or a remove. */
	if (smp_load_acquire(&replica->suspending)) {
		timeout = min_not_zero(timeout, SUSPEND_TIMEOUT_MS);
		overdue.blind_ms = SUSPEND_TIMEOUT_MS;
		if (older_than(READ_ONCE(replica->suspend_began), SUSPEND_TIMEOUT_MS))
			replica_queue_hurry(replica);
	}
	detach_own_flushes(replica, timeout ?: NO_LIMIT_MS);
	overdue.read_ms = timeout ?: NO_LIMIT_MS;
	/* After a cut what is still out gets little time, but for a read that only it can serve. */
	if (is_cut(replica)) {
		timeout = min_not_zero(timeout, CUT_TIMEOUT_MS);
		overdue.blind_ms = CUT_TIMEOUT_MS;
		if (!replica_io_keeps_up(replica))
			overdue.read_ms = timeout;
	}
	overdue.age_ms = timeout;
	if (timeout)
		detach_older(replica, &overdue);
	next_ms = min(replica_delta_clock(replica), clamp(timeout / 4 ?: 1000U, 50U, 1000U));
	if (READ_ONCE(replica->ticking))
		queue_delayed_work(replica->wq, &replica->timeout_work,
				   msecs_to_jiffies(next_ms));
}

void replica_leg_ship_barrier(struct replica *replica)
{
	unsigned int i;

	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = &replica->ranges->buckets[i];

		spin_lock_irq(&bucket->lock);
		spin_unlock_irq(&bucket->lock);
	}
}

/*
 * Probe.  One read of the first block; the real proof is the resync that follows
 * it.  The pause doubles until the legs are in step again.
 */

static void probe_again(struct replica *replica, unsigned int delay_ms)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	if (replica->ticking)
		queue_delayed_work(replica->wq, &replica->probe_work, msecs_to_jiffies(delay_ms));
	spin_unlock_irqrestore(&replica->lock, flags);
}

static void probe_done(struct replica_request *request, blk_status_t status)
{
	struct replica *replica = request->replica;

	replica_request_free(request);
	atomic_dec(&replica->detached);
	atomic_set(&replica->probe, status ? REPLICA_PROBE_FAILED : REPLICA_PROBE_GOOD);
	probe_again(replica, 0);
	replica_put(replica);
}

static void send_probe(struct replica *replica)
{
	struct block_device *leg = READ_ONCE(replica->replica_bdev);
	unsigned int size = bdev_logical_block_size(leg);
	struct replica_request *request = replica_request_alloc(replica);

	if (request && !request->page)
		request->page = replica_payload_page_alloc(replica->payload);
	if (!request || !request->page || size > PAGE_SIZE) {
		if (request)
			replica_request_give_back(request);
		probe_again(replica, PROBE_DELAY_MIN_MS);
		return;
	}
	request->vecs = request->inline_vecs;
	bvec_set_page(&request->vecs[0], request->page, size, 0);
	request->done = probe_done;
	bio_init(&request->bio, leg, request->vecs, 1, REQ_OP_READ);
	request->bio.bi_vcnt = 1;
	request->bio.bi_iter.bi_size = size;

	/* A probe that hangs counts like a detached request: it ends when it ends. */
	atomic_set(&replica->probe, REPLICA_PROBE_SENT);
	replica_get(replica);
	atomic_inc(&replica->detached);
	replica_count(replica, DM_REPLICA_C_PROBES, 1);
	replica_request_send(request);
}

static void probe_good(struct replica *replica)
{
	bool ordered;

	spin_lock_irq(&replica->lock);
	ordered = replica->resume_ordered;
	replica->resume_ordered = false;
	spin_unlock_irq(&replica->lock);

	if (ordered || READ_ONCE(replica->settings.recovery) != DM_REPLICA_RECOVERY_MANUAL)
		replica_resync_start(replica, BIT(DM_REPLICA_STATE_BROKEN),
				     DM_REPLICA_JOB_RESYNC, REPLICA_WALK_COPY,
				     "replica is back");
	else if (READ_ONCE(replica->settings.on_replica_error) == DM_REPLICA_ON_ERROR_STOP)
		DMINFO("%s: replica is back; writes are held until it is resumed",
		       replica->name);
	else
		replica_state_move(replica, BIT(DM_REPLICA_STATE_BROKEN),
				   DM_REPLICA_STATE_SUSPENDED,
				   "replica is back; recovery is manual, resume to go on");
}

/* The origin could not deliver some sectors; perhaps it can now. */
static void retry_failed_job(struct replica *replica)
{
	bool failed;

	spin_lock_irq(&replica->lock);
	/* Delta updates have a clock of their own for it, which spares the writers. */
	failed = replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED && !replica->behind &&
		 !replica->delta_on && !__replica_job_current(replica);
	spin_unlock_irq(&replica->lock);
	/* There is no other way to go on with a clone. */
	if (!failed || (!replica->clone && READ_ONCE(replica->settings.recovery) ==
			DM_REPLICA_RECOVERY_MANUAL))
		return;
	if (!replica->probe_delay_ms) {
		replica->probe_delay_ms = PROBE_DELAY_MIN_MS;
		probe_again(replica, PROBE_DELAY_MIN_MS);
		return;
	}
	replica->probe_delay_ms = min(replica->probe_delay_ms * 2, (unsigned int)
				      PROBE_DELAY_MAX_MS);
	probe_again(replica, replica->probe_delay_ms);
	replica_resync_start(replica, BIT(DM_REPLICA_STATE_UNSYNCHRONIZED),
			     DM_REPLICA_JOB_RESYNC, REPLICA_WALK_COPY, "trying again");
}

void replica_leg_probe_soon(struct replica *replica)
{
	atomic_cmpxchg(&replica->probe, REPLICA_PROBE_IDLE, REPLICA_PROBE_WAIT);
	mod_delayed_work(replica->wq, &replica->probe_work, 0);
}

void replica_leg_probe_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica, probe_work);

	/* Only its completion ends this, and that queues us again. */
	if (atomic_read(&replica->probe) == REPLICA_PROBE_SENT)
		return;
	if (READ_ONCE(replica->state) != DM_REPLICA_STATE_BROKEN) {
		atomic_set(&replica->probe, REPLICA_PROBE_IDLE);
		retry_failed_job(replica);
		return;
	}
	/* overflow fail: the replica is well, and waits for an order. */
	if (READ_ONCE(replica->stopped) && !READ_ONCE(replica->resume_ordered)) {
		atomic_set(&replica->probe, REPLICA_PROBE_IDLE);
		return;
	}
	switch (atomic_xchg(&replica->probe, REPLICA_PROBE_IDLE)) {
	case REPLICA_PROBE_GOOD:
		if (replica_leg_owes(replica))
			break;
		probe_good(replica);
		return;
	case REPLICA_PROBE_WAIT:
		break;
	default:
		/* It failed just now: what its cache held may be gone. */
		replica_log_mark_cached(replica->log, REPLICA_LEG_REPLICA,
					replica_leg_durable(replica));
		replica->probe_delay_ms = clamp(replica->probe_delay_ms * 2, PROBE_DELAY_MIN_MS,
						PROBE_DELAY_MAX_MS);
		atomic_set(&replica->probe, REPLICA_PROBE_WAIT);
		probe_again(replica, replica->probe_delay_ms);
		return;
	}
	/* Given-up requests may still reach the disk, after a resync even. */
	if (replica_leg_owes(replica)) {
		atomic_set(&replica->probe, REPLICA_PROBE_WAIT);
		probe_again(replica, PROBE_DELAY_MIN_MS);
		return;
	}
	send_probe(replica);
}
