// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the replica: their memory, and how they are sent and come back.
 */
#include <linux/mempool.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-io.h"

/* Requests that a replica can always make. */
#define REQUEST_RESERVE		16

static struct kmem_cache *request_cache;

int replica_request_init(void)
{
	request_cache = KMEM_CACHE(replica_request, 0);
	return request_cache ? 0 : -ENOMEM;
}

void replica_request_exit(void)
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

void replica_request_give_back(struct replica_request *request)
{
	struct replica *replica = request->replica;

	if (request->page)
		replica_payload_page_free(replica->payload, request->page);
	mempool_free(request, &replica->requests);
}

static void empty_stash(struct replica *replica, struct replica_stash *stash)
{
	while (stash->nr_requests)
		replica_request_give_back(stash->requests[--stash->nr_requests]);
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
	request->queued = false;
	atomic_set(&request->state, REPLICA_REQUEST_SENT);
}

struct replica_request *replica_request_wait(struct replica *replica)
{
	struct replica_request *request = mempool_alloc(&replica->requests, GFP_NOIO);

	request->page = NULL;
	init_request(request, replica);
	return request;
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

	if (request->queued && !atomic_dec_and_test(&request->users))
		return;
	if (unlikely(request->nr_vecs))
		replica_payload_release(request);
	bio_uninit(&request->bio);
	if (unlikely(!to_stash(replica, request)))
		replica_request_give_back(request);
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
static bool not_taken(struct replica_request *request)
{
	struct bio *bio = &request->bio;

	if (!(bio->bi_opf & REQ_NOWAIT))
		return false;
	return bio->bi_status == BLK_STS_AGAIN ||
	       (bio->bi_status == BLK_STS_NOTSUPP && !bdev_nowait(request->leg));
}

static void request_endio(struct bio *bio)
{
	struct replica_request *request = container_of(bio, struct replica_request, bio);

	if (unlikely(bio->bi_status) && not_taken(request))
		send_later(request);
	else
		complete_request(request, bio->bi_status);
}

void replica_request_send(struct replica_request *request)
{
	struct bio *bio = &request->bio;

	bio->bi_end_io = request_endio;
	request->leg = bio->bi_bdev;
	request->sector = bio->bi_iter.bi_sector;
	request->bytes = bio->bi_iter.bi_size;
	if (likely(bdev_nowait(bio->bi_bdev)))
		bio->bi_opf |= REQ_NOWAIT;
	submit_bio_noacct(bio);
}

/*
 * As it was before it was sent: whoever it went through may have split it, so that it was the end
 * of several, or have sent it on to another device, at another sector.  The cgroup is that of
 * whoever sends it now: the writer's was given up with the first end of the bio.
 */
static void renew(struct replica_request *request)
{
	struct bio *bio = &request->bio;
	unsigned short ioprio = bio->bi_ioprio, vcnt = bio->bi_vcnt;
	struct bio_vec *vecs = bio->bi_io_vec;

	bio_reset(bio, request->leg, bio->bi_opf & ~(REQ_NOWAIT | REQ_DRV));
	bio->bi_end_io = request_endio;
	bio->bi_ioprio = ioprio;
	bio->bi_io_vec = vecs;
	bio->bi_vcnt = vcnt;
	bio->bi_iter.bi_sector = request->sector;
	bio->bi_iter.bi_size = request->bytes;
}

static void send_again(struct replica_request *request)
{
	/* Given up meanwhile: the replica never gets to see it. */
	if (atomic_read(&request->state) != REPLICA_REQUEST_SENT) {
		complete_request(request, BLK_STS_TIMEOUT);
		return;
	}
	renew(request);
	submit_bio_noacct(&request->bio);
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

bool replica_request_detach(struct replica_request *request, int state)
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
