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
/* Time for a flush that somebody waits for while writes are held, ms. */
#define WAITED_FLUSH_MS		3000
/* Time that a suspend gives to what is out when replica_timeout is 0, ms. */
#define SUSPEND_TIMEOUT_MS	10000U
/* So long that nobody sees its end, and jiffies do not wrap. */
#define NO_LIMIT_MS		(7 * 24 * 3600 * 1000U)
/* Time for requests that were out when shipping stopped, ms. */
#define CUT_TIMEOUT_MS		5000U
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

int replica_request_pool_init(struct replica *replica)
{
	unsigned int cpus = num_possible_cpus();

	replica->stash_max = clamp(REPLICA_STASH_TOTAL / cpus, 1U,
				   (unsigned int)REPLICA_STASH_REQUESTS);
	replica->stash_pieces_max = clamp(REPLICA_STASH_PIECES_TOTAL / cpus, 1U,
					  (unsigned int)REPLICA_STASH_PIECES);
	replica->stash = alloc_percpu(struct replica_stash);
	if (!replica->stash)
		return -ENOMEM;
	return mempool_init_slab_pool(&replica->requests, REQUEST_RESERVE, request_cache);
}

static void free_to_pool(struct replica *replica, struct replica_request *request)
{
	if (request->page)
		replica_payload_page_free(replica->payload, request->page);
	mempool_free(request, &replica->requests);
}

static void empty_stash(struct replica *replica, struct replica_stash *stash)
{
	while (stash->nr_requests)
		free_to_pool(replica, stash->requests[--stash->nr_requests]);
	while (stash->nr_pieces)
		replica_payload_piece_free(stash->pieces[--stash->nr_pieces]);
}

void replica_request_pool_exit(struct replica *replica)
{
	int cpu;

	if (!replica->stash)
		return;
	for_each_possible_cpu(cpu)
		empty_stash(replica, per_cpu_ptr(replica->stash, cpu));
	mempool_exit(&replica->requests);
	free_percpu(replica->stash);
}

static struct replica_request *from_stash(struct replica *replica)
{
	struct replica_request *request = NULL;
	struct replica_stash *stash;
	unsigned long flags;

	local_irq_save(flags);
	stash = this_cpu_ptr(replica->stash);
	if (likely(stash->nr_requests))
		request = stash->requests[--stash->nr_requests];
	local_irq_restore(flags);
	return request;
}

static bool to_stash(struct replica *replica, struct replica_request *request)
{
	struct replica_stash *stash;
	unsigned long flags;
	bool kept;

	/* The reserve comes first: others may be waiting for it. */
	if (unlikely(READ_ONCE(replica->requests.curr_nr) < REQUEST_RESERVE) ||
	    unlikely(request->page && replica_payload_short(replica->payload)))
		return false;

	local_irq_save(flags);
	stash = this_cpu_ptr(replica->stash);
	kept = stash->nr_requests < replica->stash_max;
	if (likely(kept))
		stash->requests[stash->nr_requests++] = request;
	local_irq_restore(flags);
	return kept;
}

static void init_request(struct replica_request *request, struct replica *replica)
{
	request->replica = replica;
	request->io = NULL;
	request->sent = jiffies;
	request->nr_vecs = 0;
	request->borrowed = false;
	atomic_set(&request->state, REPLICA_REQUEST_SENT);
}

struct replica_request *replica_request_alloc(struct replica *replica)
{
	struct replica_request *request = from_stash(replica);

	if (unlikely(!request)) {
		request = mempool_alloc(&replica->requests, GFP_NOWAIT | __GFP_NOWARN);
		if (!request)
			return NULL;
		request->page = NULL;
	}
	init_request(request, replica);
	return request;
}

void replica_request_free(struct replica_request *request)
{
	struct replica *replica = request->replica;

	if (unlikely(request->nr_vecs))
		replica_payload_release(request);
	bio_uninit(&request->bio);
	if (unlikely(!to_stash(replica, request)))
		free_to_pool(replica, request);
}

void replica_request_abandon(struct replica_request *request)
{
	/* Pairs with request_endio(): the later of the two frees. */
	if (atomic_cmpxchg(&request->state, REPLICA_REQUEST_DETACHED,
			   REPLICA_REQUEST_ORPHANED) != REPLICA_REQUEST_DETACHED)
		replica_request_free(request);
}

static void complete_request(struct replica_request *request, blk_status_t status)
{
	struct replica *replica = request->replica;
	int was = atomic_xchg(&request->state, REPLICA_REQUEST_DONE);

	if (likely(was == REPLICA_REQUEST_SENT)) {
		request->done(request, status);
		return;
	}
	/* Nobody waits for it any more; if orphaned, nobody uses its pages either. */
	if (was == REPLICA_REQUEST_ORPHANED)
		replica_request_free(request);
	atomic_dec(&replica->detached);
	replica_put(replica);
}

static void send_later(struct replica_request *request)
{
	struct replica *replica = request->replica;
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	list_add_tail(&request->link, &replica->resend);
	/* A reference for the worker; nobody waits for it. */
	replica_get(replica);
	if (!queue_work(replica_send_wq, &replica->send_work))
		replica_put(replica);
	spin_unlock_irqrestore(&replica->lock, flags);
}

/* The replica has no room now, or has changed and must not be asked like this. */
static bool not_taken(struct bio *bio)
{
	if (!(bio->bi_opf & REQ_NOWAIT))
		return false;
	return bio->bi_status == BLK_STS_AGAIN ||
	       (bio->bi_status == BLK_STS_NOTSUPP && !bdev_nowait(bio->bi_bdev));
}

static void request_endio(struct bio *bio)
{
	struct replica_request *request = container_of(bio, struct replica_request, bio);

	if (unlikely(bio->bi_status) && not_taken(bio))
		send_later(request);
	else
		complete_request(request, bio->bi_status);
}

void replica_request_send(struct replica_request *request)
{
	struct bio *bio = &request->bio;

	bio->bi_end_io = request_endio;
	request->sector = bio->bi_iter.bi_sector;
	request->bytes = bio->bi_iter.bi_size;
	if (likely(bdev_nowait(bio->bi_bdev)))
		bio->bi_opf |= REQ_NOWAIT;
	submit_bio_noacct(bio);
}

static void send_again(struct replica_request *request)
{
	struct bio *bio = &request->bio;

	/* Given up meanwhile: the replica never gets to see it. */
	if (atomic_read(&request->state) != REPLICA_REQUEST_SENT) {
		complete_request(request, BLK_STS_TIMEOUT);
		return;
	}
	bio->bi_iter = (struct bvec_iter) {
		.bi_sector = request->sector,
		.bi_size = request->bytes,
	};
	bio->bi_status = BLK_STS_OK;
	bio->bi_opf &= ~REQ_NOWAIT;
	bio_set_dev(bio, bio->bi_bdev);
	submit_bio_noacct(bio);
}

static struct replica_request *next_to_send(struct replica *replica)
{
	struct replica_request *request;

	spin_lock_irq(&replica->lock);
	request = list_first_entry_or_null(&replica->resend, struct replica_request, link);
	if (request)
		list_del(&request->link);
	spin_unlock_irq(&replica->lock);
	return request;
}

void replica_leg_send_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, send_work);
	struct replica_request *request;

	while ((request = next_to_send(replica)))
		send_again(request);
	replica_put(replica);
}

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

void replica_leg_flush_begin(struct replica *replica, struct replica_flush *flush)
{
	flush->before = atomic64_read(&replica->flushed_gen);
	flush->generation = atomic64_inc_return(&replica->flush_gen) - 1;
}

void replica_leg_flush_end(struct replica *replica, const struct replica_flush *flush)
{
	s64 flushed = atomic64_read(&replica->flushed_gen);

	while (flushed < (s64)flush->generation &&
	       !atomic64_try_cmpxchg(&replica->flushed_gen, &flushed, flush->generation))
		;
}

void replica_leg_flush_failed(struct replica *replica, const struct replica_flush *flush)
{
	s64 floor = atomic64_read(&replica->lost_gen);

	while (floor > (s64)flush->before &&
	       !atomic64_try_cmpxchg(&replica->lost_gen, &floor, flush->before))
		;
}

u64 replica_leg_durable(struct replica *replica)
{
	return min(atomic64_read(&replica->flushed_gen), atomic64_read(&replica->lost_gen));
}

bool replica_leg_owes(struct replica *replica)
{
	return atomic_read(&replica->detached) || replica_registry_orphans(replica->replica_dev);
}

static void end_leg_flush(struct leg_flush *flush, blk_status_t status)
{
	struct replica *replica = flush->replica;
	unsigned long flags;

	if (!status) {
		replica_leg_flush_end(replica, &flush->flush);
	} else {
		replica_leg_flush_failed(replica, &flush->flush);
		replica_state_replica_failed(replica, 0, blk_status_to_errno(status),
					     status == BLK_STS_TIMEOUT ?
					     "replica flush timed out" : "replica flush error");
	}
	flush->done(flush->context, status);
	/* Last: who sees the list empty may rely on done() being over. */
	spin_lock_irqsave(&replica->lock, flags);
	list_del(&flush->link);
	spin_unlock_irqrestore(&replica->lock, flags);
	kfree(flush);
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

static struct replica_request *wait_for_request(struct replica *replica)
{
	struct replica_request *request = mempool_alloc(&replica->requests, GFP_NOIO);

	request->page = NULL;
	init_request(request, replica);
	return request;
}

static int send_flush(struct replica *replica, unsigned int limit_ms,
		      void (*done)(void *context, blk_status_t status), void *context)
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
	flush->limit_ms = limit_ms;
	flush->done = done;
	flush->context = context;
	replica_leg_flush_begin(replica, &flush->flush);
	spin_lock_irq(&replica->lock);
	list_add_tail(&flush->link, &replica->own_flushes);
	spin_unlock_irq(&replica->lock);
	replica_request_send(request);
	return 0;
}

int replica_leg_flush(struct replica *replica, void (*done)(void *context, blk_status_t status),
		      void *context)
{
	return send_flush(replica, NO_LIMIT_MS, done, context);
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
	r = send_flush(replica, WAITED_FLUSH_MS, flush_waited, &wait);
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

static bool request_older(struct replica_io *io, unsigned int age_ms)
{
	/* Pairs with the release in send_to_replica(). */
	struct replica_request *request = smp_load_acquire(&io->request);

	return request && !io->detached && older_than(request->sent, age_ms);
}

/*
 * struct overdue - what a turn of the clock looks for
 * @age_ms: whatever the replica has had for longer is given up
 * @blind_ms: windows older than this are given up whichever leg they wait for
 * @windows: number of them given up
 * @doubt: a window is overdue, and the origin may be the one to blame
 */
struct overdue {
	unsigned int age_ms;
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

static struct replica_io *detach_one_unranged(struct replica *replica, unsigned int age_ms)
{
	struct replica_io *io, *found = NULL;

	spin_lock_irq(&replica->lock);
	list_for_each_entry(io, &replica->unranged, unranged.link)
		if (request_older(io, age_ms) && replica_io_detach(io)) {
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
		    detach_request(flush->request, REPLICA_REQUEST_ORPHANED)) {
			flush->request = NULL;
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
	n += detach_unranged(replica, overdue->age_ms);
	replica_count(replica, DM_REPLICA_C_REPLICA_TIMEOUTS, n + overdue->windows);
	if (overdue->doubt)
		replica_resync_ask_origin(replica->resync);
	if (overdue->windows)
		replica_state_replica_failed(replica, 0, -ETIMEDOUT, "replica timed out");
}

void replica_leg_timeout_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica,
					       timeout_work);
	unsigned int timeout = READ_ONCE(replica->settings.replica_timeout);
	struct overdue overdue = { .blind_ms = NO_LIMIT_MS };

	/* Even without a limit nobody waits for ever for a suspend or a remove. */
	if (READ_ONCE(replica->suspending)) {
		timeout = min_not_zero(timeout, SUSPEND_TIMEOUT_MS);
		overdue.blind_ms = SUSPEND_TIMEOUT_MS;
	}
	detach_own_flushes(replica, timeout ?: NO_LIMIT_MS);
	/* Nothing new is sent after a cut: what is still out gets little time. */
	if (!READ_ONCE(replica->ship)) {
		timeout = min_not_zero(timeout, CUT_TIMEOUT_MS);
		overdue.blind_ms = CUT_TIMEOUT_MS;
	}
	overdue.age_ms = timeout;
	if (timeout)
		detach_older(replica, &overdue);
	if (READ_ONCE(replica->ticking))
		queue_delayed_work(replica->wq, &replica->timeout_work,
				   msecs_to_jiffies(clamp(timeout / 4 ?: 1000U, 50U, 1000U)));
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
	unsigned int size = bdev_logical_block_size(replica->replica_bdev);
	struct replica_request *request = replica_request_alloc(replica);

	if (request && !request->page)
		request->page = replica_payload_page_alloc(replica->payload);
	if (!request || !request->page || size > PAGE_SIZE) {
		if (request)
			free_to_pool(replica, request);
		probe_again(replica, PROBE_DELAY_MIN_MS);
		return;
	}
	request->vecs = request->inline_vecs;
	bvec_set_page(&request->vecs[0], request->page, size, 0);
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
			     DM_REPLICA_JOB_RESYNC, REPLICA_WALK_COPY, "trying again");
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
		replica_log_mark_cached(replica->log, replica_leg_durable(replica));
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
