// SPDX-License-Identifier: GPL-2.0-only
/*
 * The replica leg: requests to it, flushes, the clock that gives up on a replica
 * that hangs, and the probe that finds out when a broken one is back.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-trace.h"

/* First pause before a broken replica is probed, and the longest, ms. */
#define PROBE_DELAY_MIN_MS	500
#define PROBE_DELAY_MAX_MS	30000
/* Time for our own flushes when replica_timeout is 0, ms. */
#define OWN_FLUSH_TIMEOUT_MS	30000
/* Time for requests that were out when shipping stopped, ms. */
#define CUT_TIMEOUT_MS		1000U
/* Requests that a replica can always make. */
#define REQUEST_RESERVE		16

static struct kmem_cache *request_cache;

int replica_leg_init(void)
{
	request_cache = KMEM_CACHE(replica_request, 0);
	return request_cache ? 0 : -ENOMEM;
}

void replica_leg_exit(void)
{
	kmem_cache_destroy(request_cache);
}

int replica_request_pool_init(mempool_t *pool)
{
	return mempool_init_slab_pool(pool, REQUEST_RESERVE, request_cache);
}

struct replica_request *replica_request_alloc(struct replica *replica)
{
	struct replica_request *request;

	request = mempool_alloc(&replica->requests, GFP_NOWAIT | __GFP_NOWARN);
	if (!request)
		return NULL;
	request->replica = replica;
	request->io = NULL;
	request->nr_vecs = 0;
	atomic_set(&request->state, REPLICA_REQUEST_SENT);
	return request;
}

void replica_request_free(struct replica_request *request)
{
	replica_payload_release(request);
	bio_uninit(&request->bio);
	mempool_free(request, &request->replica->requests);
}

void replica_request_abandon(struct replica_request *request)
{
	/* Pairs with request_endio(): the later of the two frees. */
	if (atomic_cmpxchg(&request->state, REPLICA_REQUEST_DETACHED,
			   REPLICA_REQUEST_ORPHANED) != REPLICA_REQUEST_DETACHED)
		replica_request_free(request);
}

static void request_endio(struct bio *bio)
{
	struct replica_request *request = container_of(bio, struct replica_request, bio);
	struct replica *replica = request->replica;
	int was = atomic_xchg(&request->state, REPLICA_REQUEST_DONE);

	if (likely(was == REPLICA_REQUEST_SENT)) {
		request->done(request, bio->bi_status);
		return;
	}
	/* Nobody waits for it any more; if orphaned, nobody uses its pages either. */
	if (was == REPLICA_REQUEST_ORPHANED)
		replica_request_free(request);
	atomic_dec(&replica->detached);
	replica_put(replica);
}

void replica_request_send(struct replica_request *request)
{
	request->sent = jiffies;
	request->bio.bi_end_io = request_endio;
	submit_bio_noacct(&request->bio);
}

/*
 * struct leg_flush - a flush of our own
 * @link: in replica->flushes, so that it can be given up; under replica->lock
 * @request: valid while @link is in the list
 */
struct leg_flush {
	struct list_head link;
	struct replica *replica;
	struct replica_request *request;
	u64 generation;
	void (*done)(void *context, blk_status_t status);
	void *context;
};

u64 replica_leg_flush_begin(struct replica *replica)
{
	return atomic64_inc_return(&replica->flush_gen) - 1;
}

void replica_leg_flush_end(struct replica *replica, u64 generation)
{
	s64 flushed = atomic64_read(&replica->flushed_gen);

	while (flushed < (s64)generation &&
	       !atomic64_try_cmpxchg(&replica->flushed_gen, &flushed, generation))
		;
}

static void end_leg_flush(struct leg_flush *flush, blk_status_t status)
{
	struct replica *replica = flush->replica;

	if (!status)
		replica_leg_flush_end(replica, flush->generation);
	else
		replica_state_replica_failed(replica, 0, blk_status_to_errno(status),
					     status == BLK_STS_TIMEOUT ?
					     "replica flush timed out" : "replica flush error");
	flush->done(flush->context, status);
	kfree(flush);
	wake_up_all(&replica->quiet);
	replica_put(replica);
}

static void leg_flush_done(struct replica_request *request, blk_status_t status)
{
	struct leg_flush *flush = request->context;
	unsigned long flags;

	spin_lock_irqsave(&flush->replica->lock, flags);
	list_del(&flush->link);
	spin_unlock_irqrestore(&flush->replica->lock, flags);
	replica_request_free(request);
	end_leg_flush(flush, status);
}

static struct replica_request *wait_for_request(struct replica *replica)
{
	struct replica_request *request = mempool_alloc(&replica->requests, GFP_NOIO);

	request->replica = replica;
	request->io = NULL;
	request->nr_vecs = 0;
	atomic_set(&request->state, REPLICA_REQUEST_SENT);
	return request;
}

int replica_leg_flush(struct replica *replica, void (*done)(void *context, blk_status_t status),
		      void *context)
{
	struct replica_request *request;
	struct leg_flush *flush;

	flush = kmalloc(sizeof(*flush), GFP_NOIO);
	if (!flush)
		return -ENOMEM;

	request = wait_for_request(replica);
	request->done = leg_flush_done;
	request->context = flush;
	bio_init(&request->bio, replica->replica_bdev, NULL, 0,
		 REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);

	replica_get(replica);
	flush->replica = replica;
	flush->request = request;
	flush->done = done;
	flush->context = context;
	flush->generation = replica_leg_flush_begin(replica);
	request->sent = jiffies;
	spin_lock_irq(&replica->lock);
	list_add_tail(&flush->link, &replica->own_flushes);
	spin_unlock_irq(&replica->lock);
	replica_request_send(request);
	return 0;
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

int replica_leg_flush_wait(struct replica *replica)
{
	struct flush_wait wait;
	int r;

	init_completion(&wait.completion);
	r = replica_leg_flush(replica, flush_waited, &wait);
	if (r)
		return r;
	wait_for_completion_io(&wait.completion);
	return blk_status_to_errno(wait.status);
}

/*
 * Clock.  Nothing is armed per request: the ranges under way are walked now and
 * then, which costs the writers nothing.
 */

static bool older_than(unsigned long since, unsigned int age_ms)
{
	return time_after(jiffies, since + msecs_to_jiffies(age_ms));
}

static bool detach_request(struct replica_request *request, int state)
{
	struct replica *replica = request->replica;

	/* Before the exchange: once detached, it may be freed at any moment. */
	replica_get(replica);
	atomic_inc(&replica->detached);
	if (atomic_cmpxchg(&request->state, REPLICA_REQUEST_SENT, state) == REPLICA_REQUEST_SENT)
		return true;
	atomic_dec(&replica->detached);
	replica_put(replica);
	return false;
}

bool replica_io_detach(struct replica_io *io)
{
	/* Pairs with the release in send_to_replica(). */
	struct replica_request *request = smp_load_acquire(&io->request);

	if (!request || io->detached || !detach_request(request, REPLICA_REQUEST_DETACHED))
		return false;
	io->detached = true;
	return true;
}

/* One hanging write of a bucket, given up; NULL when there is none. */
static struct replica_io *detach_one_write(struct replica *replica,
					   struct replica_range_bucket *bucket,
					   unsigned int age_ms, unsigned int *windows)
{
	unsigned long before = jiffies - msecs_to_jiffies(age_ms);
	struct replica_range *range, *next;
	struct replica_io *found = NULL;

	spin_lock_irq(&bucket->lock);
	for (range = replica_range_first(bucket); range; range = next) {
		next = replica_range_next(range);
		if (range->blockers || !older_than(range->since, age_ms))
			continue;
		if (range->kind == REPLICA_RANGE_WRITE) {
			struct replica_io *io = container_of(range, struct replica_io, range);

			if (replica_io_detach(io)) {
				found = io;
				break;
			}
		} else if (range->kind == REPLICA_RANGE_WINDOW) {
			*windows += replica_resync_detach(range, before);
		}
	}
	spin_unlock_irq(&bucket->lock);
	return found;
}

static struct replica_io *detach_one_unranged(struct replica *replica, unsigned int age_ms)
{
	struct replica_io *io, *found = NULL;

	spin_lock_irq(&replica->lock);
	list_for_each_entry(io, &replica->unranged, link)
		if (io->request && older_than(io->request->sent, age_ms) &&
		    replica_io_detach(io)) {
			found = io;
			break;
		}
	spin_unlock_irq(&replica->lock);
	return found;
}

static struct leg_flush *detach_own_flush(struct replica *replica, unsigned int age_ms)
{
	struct leg_flush *flush, *found = NULL;

	spin_lock_irq(&replica->lock);
	list_for_each_entry(flush, &replica->own_flushes, link)
		if (older_than(flush->request->sent, age_ms) &&
		    detach_request(flush->request, REPLICA_REQUEST_ORPHANED)) {
			list_del(&flush->link);
			found = flush;
			break;
		}
	spin_unlock_irq(&replica->lock);
	return found;
}

static unsigned int detach_unranged(struct replica *replica, unsigned int age_ms)
{
	struct replica_io *io;
	unsigned int n = 0;

	while ((io = detach_one_unranged(replica, age_ms))) {
		replica_io_detached(io);
		n++;
	}
	return n;
}

static void detach_own_flushes(struct replica *replica, unsigned int age_ms)
{
	struct leg_flush *own;

	while ((own = detach_own_flush(replica, age_ms))) {
		replica_count(replica, DM_REPLICA_C_REPLICA_TIMEOUTS, 1);
		end_leg_flush(own, BLK_STS_TIMEOUT);
	}
}

/* Give up all that the replica has had for longer than @age_ms. */
static void detach_older(struct replica *replica, unsigned int age_ms)
{
	unsigned int i, windows = 0, n = 0;
	struct replica_io *io;

	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = replica_range_bucket_nr(replica->ranges, i);

		if (RB_EMPTY_ROOT(&bucket->tree.rb_root))
			continue;
		while ((io = detach_one_write(replica, bucket, age_ms, &windows))) {
			replica_io_detached(io);
			n++;
		}
	}
	n += detach_unranged(replica, age_ms);
	replica_count(replica, DM_REPLICA_C_REPLICA_TIMEOUTS, n + windows);
	if (windows)
		replica_state_replica_failed(replica, 0, -ETIMEDOUT, "replica timed out");
}

void replica_leg_timeout_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica,
					       timeout_work);
	unsigned int timeout = READ_ONCE(replica->settings.replica_timeout);

	detach_own_flushes(replica, timeout ?: OWN_FLUSH_TIMEOUT_MS);
	/* Nothing new is sent after a cut: what is still out gets little time. */
	if (!READ_ONCE(replica->ship))
		timeout = min_not_zero(timeout, CUT_TIMEOUT_MS);
	if (timeout)
		detach_older(replica, timeout);
	if (READ_ONCE(replica->ticking))
		queue_delayed_work(replica->wq, &replica->timeout_work,
				   msecs_to_jiffies(clamp(timeout / 4, 50U, 1000U)));
}

void replica_leg_ship_barrier(struct replica *replica)
{
	unsigned int i;

	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = replica_range_bucket_nr(replica->ranges, i);

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
	if (READ_ONCE(replica->ticking))
		queue_delayed_work(replica->wq, &replica->probe_work, msecs_to_jiffies(delay_ms));
}

static void probe_done(struct replica_request *request, blk_status_t status)
{
	struct replica *replica = request->replica;

	replica_request_free(request);
	atomic_set(&replica->probe, status ? REPLICA_PROBE_FAILED : REPLICA_PROBE_GOOD);
	probe_again(replica, 0);
	atomic_dec(&replica->detached);
	replica_put(replica);
}

static void send_probe(struct replica *replica)
{
	unsigned int size = bdev_logical_block_size(replica->replica_bdev);
	struct replica_request *request = replica_request_alloc(replica);
	struct page *page = alloc_page(GFP_NOIO);

	if (!request || !page || size > PAGE_SIZE) {
		if (request)
			mempool_free(request, &replica->requests);
		if (page)
			__free_page(page);
		probe_again(replica, PROBE_DELAY_MIN_MS);
		return;
	}
	request->vecs = request->inline_vecs;
	request->nr_vecs = 1;
	bvec_set_page(&request->vecs[0], page, size, 0);
	request->done = probe_done;
	bio_init(&request->bio, replica->replica_bdev, request->vecs, 1, REQ_OP_READ);
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
	if (READ_ONCE(replica->settings.recovery) == DM_REPLICA_RECOVERY_MANUAL)
		replica_state_move(replica, BIT(DM_REPLICA_STATE_BROKEN),
				   DM_REPLICA_STATE_SUSPENDED,
				   "replica is back; recovery is manual, resume to go on");
	else
		replica_resync_start(replica, BIT(DM_REPLICA_STATE_BROKEN),
				     DM_REPLICA_JOB_RESYNC, "replica is back");
}

/* The origin could not deliver some sectors; perhaps it can now. */
static void retry_failed_job(struct replica *replica)
{
	bool failed;

	atomic_set(&replica->probe, REPLICA_PROBE_IDLE);
	spin_lock_irq(&replica->lock);
	failed = replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED &&
		 !__replica_job_current(replica);
	spin_unlock_irq(&replica->lock);
	if (!failed || READ_ONCE(replica->settings.recovery) == DM_REPLICA_RECOVERY_MANUAL)
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
			     DM_REPLICA_JOB_RESYNC, "trying again");
}

void replica_leg_probe_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica, probe_work);

	if (READ_ONCE(replica->state) != DM_REPLICA_STATE_BROKEN) {
		retry_failed_job(replica);
		return;
	}
	switch (atomic_xchg(&replica->probe, REPLICA_PROBE_IDLE)) {
	case REPLICA_PROBE_SENT:
		atomic_set(&replica->probe, REPLICA_PROBE_SENT);
		return;
	case REPLICA_PROBE_GOOD:
		probe_good(replica);
		return;
	case REPLICA_PROBE_WAIT:
		break;
	default:
		/* It failed just now: what its cache held may be gone. */
		replica_log_mark_cached(replica->log, atomic64_read(&replica->flushed_gen));
		replica->probe_delay_ms = clamp(replica->probe_delay_ms * 2, PROBE_DELAY_MIN_MS,
						PROBE_DELAY_MAX_MS);
		atomic_set(&replica->probe, REPLICA_PROBE_WAIT);
		probe_again(replica, replica->probe_delay_ms);
		return;
	}
	/* Given-up requests may still reach the disk, after a resync even. */
	if (atomic_read(&replica->detached)) {
		atomic_set(&replica->probe, REPLICA_PROBE_WAIT);
		probe_again(replica, PROBE_DELAY_MIN_MS);
		return;
	}
	send_probe(replica);
}
