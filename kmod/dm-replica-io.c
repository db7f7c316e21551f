// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path of a bio.
 *
 * A write takes the range lock of its sectors, and under the same spinlock it is
 * decided whether it goes to both legs.  If not, its region is marked before the
 * spinlock is dropped, so whoever turns shipping on and then passes all bucket
 * locks knows that every write he does not see shipped has left its mark.
 *
 * Both legs are submitted from the context of the caller and the later one of
 * the two completions ends the write: no worker, no lock that all writers share.
 * What cannot go at once (an overlapping write is under way, or memory is short)
 * is submitted from deferred_work.
 */
#include "compat.h"
#include "dm-replica-cbw.h"
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"
#include "dm-replica-trace.h"

/* Flags of a write that the replica's part keeps. */
#define REPLICA_OPF_KEPT	(REQ_OP_MASK | REQ_SYNC | REQ_META | REQ_PRIO | REQ_NOMERGE | \
				 REQ_IDLE | REQ_PREFLUSH | REQ_FUA | REQ_BACKGROUND | REQ_NOUNMAP)
/* Pause before memory is asked for again, jiffies. */
#define MEMORY_PAUSE		1

static sector_t io_sector(struct replica_io *io)
{
	return io->range.first;
}

static sector_t io_sectors(struct replica_io *io)
{
	return io->range.last - io->range.first + 1;
}

static bool is_flush(struct replica_io *io)
{
	return io->kind == REPLICA_IO_FLUSH;
}

static bool holds_range(struct replica_io *io)
{
	return io->kind == REPLICA_IO_WRITE;
}

/*
 * Completion.
 */

static void request_failed(struct replica_io *io, blk_status_t status, const char *reason)
{
	struct replica *replica = io->replica;

	io->missed = true;
	if (is_flush(io))
		replica_flush_failed(&replica->on_replica, &io->unranged.on_replica);
	else
		replica_log_mark(replica->log, io_sector(io), io_sectors(io));
	replica_state_replica_failed(replica, is_flush(io) ? 0 : io_sector(io),
				     blk_status_to_errno(status), reason);
}

/* The device does not know this kind of request: it is well, the legs differ. */
static void replica_refused(struct replica_io *io)
{
	struct replica *replica = io->replica;

	replica_log_mark(replica->log, io_sector(io), io_sectors(io));
	replica_state_unsynced(replica, "replica does not take this request");
}

static void origin_failed(struct replica_io *io)
{
	struct replica *replica = io->replica;
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_ORIGIN_ERROR,
		.sector = is_flush(io) ? 0 : io_sector(io),
		.error = -blk_status_to_errno(io->origin_status),
		.reason = "origin write error",
	};

	if (io->origin_status == BLK_STS_NOTSUPP || io->origin_status == BLK_STS_TARGET)
		strscpy(event.reason, "origin does not take this request", sizeof(event.reason));
	replica_count(replica, DM_REPLICA_C_ORIGIN_ERRORS, 1);
	replica_event_raise(replica, &event);
	/* A clone is of what was before. */
	if (replica->clone)
		return;
	if (is_flush(io))
		return;
	replica_log_mark(replica->log, io_sector(io), io_sectors(io));
	replica_state_unsynced(replica, "origin write error");
}

static void unlink_io(struct replica_io *io)
{
	unsigned long flags;

	spin_lock_irqsave(&io->replica->lock, flags);
	list_del(&io->unranged.link);
	spin_unlock_irqrestore(&io->replica->lock, flags);
}

/* The origin has it, possibly in its cache. */
static void note_origin(struct replica_io *io)
{
	struct replica *replica = io->replica;
	struct bio *bio = replica_io_bio(io);

	if (io->kind == REPLICA_IO_WRITE && !(bio->bi_opf & REQ_FUA))
		replica_durable_note(&replica->on_origin, io_sector(io), io_sectors(io));
	else if (is_flush(io) && !io->origin_status)
		replica_flush_end(&replica->on_origin, &io->unranged.on_origin);
}

/*
 * The origin alone has it: is that one for replica->hold?  With delta updates it is so with all
 * writes, and one that ends while nothing is held has ended before whatever makes it so.  Nobody
 * has to have the lock for that.  Any other write has to see what became of its own part, or
 * why it had none.
 */
static bool may_be_held(const struct replica_io *io)
{
	const struct replica *replica = io->replica;

	if (likely(!io->missed) || io->origin_status)
		return false;
	/* Pairs with decide() of delta.c: what was held before that is seen. */
	return io->ship || !smp_load_acquire(&replica->delta_on) || READ_ONCE(replica->hold);
}

/* All legs are done.  Return: false when the completion is held. */
static bool finish(struct replica_io *io)
{
	struct replica *replica = io->replica;
	struct bio *bio = replica_io_bio(io);
	struct replica_request *request = io->request;
	/* Before its range is released: who waits for that looks at what is held. */
	bool may_hold = may_be_held(io);

	trace_dm_replica_complete(io);
	if (unlikely(io->origin_status) && io->kind != REPLICA_IO_FAILOVER)
		origin_failed(io);
	if (io->vecs)
		bio->bi_io_vec = io->vecs;
	if (unlikely(replica->origin_volatile))
		note_origin(io);

	if (unlikely(may_hold))
		atomic_inc(&replica->ending);
	/* Nobody can find it to detach it once it is off the tree or the list. */
	if (likely(holds_range(io))) {
		replica_range_release(replica->ranges, &io->range);
	} else {
		unlink_io(io);
		replica_gate_leave(replica);
	}

	if (request) {
		if (unlikely(io->detached && !io->queued))
			replica_request_abandon(request);
		else
			replica_request_free(request);
	}
	replica_count(replica, DM_REPLICA_C_INFLIGHT, -1ULL);

	io->kind = REPLICA_IO_DONE;
	bio->bi_status = io->origin_status;
	return likely(!may_hold) || !replica_hold_completion(io);
}

/* A leg other than the one that device-mapper completes is done. */
void replica_io_put_pending(struct replica_io *io)
{
	struct bio *bio;

	if (!atomic_dec_and_test(&io->pending))
		return;
	bio = replica_io_bio(io);
	/* bio_endio() has run for this bio: go on with device-mapper's own part. */
	if (finish(io))
		bio->bi_end_io(bio);
}

/* The end of the write in the queue is not the write's to decide alone. */
static bool origin_part_done(struct replica_io *io)
{
	if (unlikely(io->queued) && replica_queue_origin_done(io))
		atomic_dec(&io->pending);
	return atomic_dec_and_test(&io->pending);
}

static void replica_part_done(struct replica_request *request, blk_status_t status)
{
	struct replica_io *io = request->io;
	struct replica *replica = request->replica;

	trace_dm_replica_leg(io, status);
	if (likely(!status)) {
		if (unlikely(is_flush(io)))
			replica_flush_end(&replica->on_replica, &io->unranged.on_replica);
		else if (replica->replica_volatile && !(request->bio.bi_opf & REQ_FUA))
			replica_durable_note(&replica->on_replica, io_sector(io), io_sectors(io));
	} else if ((status == BLK_STS_NOTSUPP || status == BLK_STS_TARGET) &&
		   !is_flush(io) && bio_op(&request->bio) != REQ_OP_WRITE) {
		replica_refused(io);
	} else {
		request_failed(io, status, is_flush(io) ? "replica flush error" :
			       "replica write error");
	}
	replica_io_put_pending(io);
}

void replica_io_detached(struct replica_io *io)
{
	trace_dm_replica_leg(io, BLK_STS_TIMEOUT);
	if (io->kind != REPLICA_IO_FAILOVER)
		request_failed(io, BLK_STS_TIMEOUT, is_flush(io) ? "replica flush timed out" :
			       "replica write timed out");
	replica_io_put_pending(io);
}

/*
 * Submission.
 */

static blk_opf_t replica_opf(struct bio *bio)
{
	/* The application waits for it: no throttling as background writeback. */
	return (bio->bi_opf & REPLICA_OPF_KEPT) | REQ_SYNC | REQ_IDLE;
}

static void send_to_replica(struct replica_io *io, struct replica_request *request)
{
	trace_dm_replica_submit(io);
	atomic_set(&io->pending, 2);
	/* Pairs with replica_io_detach(): from here on it may be given up. */
	smp_store_release(&io->request, request);
	replica_request_send(request);
}

static struct replica_request *make_request(struct replica_io *io, struct bio *bio)
{
	struct replica *replica = io->replica;
	struct replica_request *request = replica_request_alloc(replica);

	if (unlikely(!request))
		return NULL;
	request->io = io;
	request->done = replica_part_done;
	bio_init(&request->bio, replica->replica_bdev, NULL, 0, replica_opf(bio));
	request->bio.bi_ioprio = bio->bi_ioprio;
	return request;
}

static bool wants_copy(struct replica *replica, struct bio *bio)
{
	return bio_has_data(bio) &&
	       READ_ONCE(replica->settings.payload) == DM_REPLICA_PAYLOAD_COPY &&
	       replica_payload_unstable(bio);
}

/* Bucket lock held, the range is granted: which legs? */
static void route(struct replica_io *io)
{
	struct replica *replica = io->replica;

	io->ship = replica->ship;
	if (unlikely(!io->ship) && !replica->clone)
		replica_log_mark(replica->log, io_sector(io), io_sectors(io));
}

/* Shipping ended while the write waited: the replica may never give memory back. */
static void route_again(struct replica_io *io)
{
	struct replica_range_bucket *bucket;

	bucket = replica_range_bucket(io->replica->ranges, io->range.first);
	spin_lock_irq(&bucket->lock);
	route(io);
	spin_unlock_irq(&bucket->lock);
}

enum start {
	START_DONE,	/* the origin's part is to be sent */
	START_MEMORY,	/* there is no memory now; nothing has changed */
	START_KEPT,	/* the queue has the bio until there is room */
};

static enum start start_tracked(struct replica_io *io)
{
	io->missed = !io->replica->clone;
	atomic_set(&io->pending, 1);
	replica_count(io->replica, DM_REPLICA_C_TRACKED_WRITES, 1);
	return START_DONE;
}

/* To both legs, by way of the queue or not: @queued. */
static enum start start_shipped(struct replica_io *io, struct bio *bio, bool queued)
{
	struct replica *replica = io->replica;
	struct replica_request *request = make_request(io, bio);

	if (unlikely(!request))
		return START_MEMORY;
	/* Who is told that it is done may change the pages. */
	if (unlikely(!replica_payload_attach(request, bio, queued || wants_copy(replica, bio)))) {
		replica_request_free(request);
		return START_MEMORY;
	}
	if (unlikely(queued)) {
		replica_queue_init_request(request);
		replica_queue_add(io, request);
	} else {
		send_to_replica(io, request);
	}
	return START_DONE;
}

/*
 * Which way?  Return: START_DONE with *queued when there is room for it, START_KEPT, or
 * START_MEMORY when shipping has ended.
 */
static enum start enter_queue(struct replica_io *io, struct bio *bio, bool *queued)
{
	*queued = false;
	if (likely(!replica_queue_active(io->replica)) && likely(!io->charged)) {
		/* Pairs with queue->lock: the queue may be empty because it was given up. */
		smp_rmb();
		return likely(READ_ONCE(io->replica->ship)) ? START_DONE : START_MEMORY;
	}
	switch (replica_queue_enter(io, bio, replica_queue_cost(bio))) {
	case REPLICA_ENTER_OK:
		*queued = true;
		return START_DONE;
	case REPLICA_ENTER_WAITS:
		return START_KEPT;
	case REPLICA_ENTER_DIRECT:
		replica_queue_leave(io, replica_queue_cost(bio));
		return START_DONE;
	default:
		replica_queue_leave(io, replica_queue_cost(bio));
		return START_MEMORY;
	}
}

/* Send a granted write on its way, all but the origin's part. */
static enum start start_write(struct replica_io *io, struct bio *bio)
{
	struct replica *replica = io->replica;
	enum start start;
	bool queued;

	bio_set_dev(bio, replica->origin_bdev);
	if (!io->ship) {
		replica_queue_leave(io, replica_queue_cost(bio));
		return start_tracked(io);
	}
	start = enter_queue(io, bio, &queued);
	if (unlikely(start == START_MEMORY)) {
		/* Closed meanwhile. */
		route_again(io);
		return io->ship ? START_MEMORY : start_tracked(io);
	}
	return start == START_DONE ? start_shipped(io, bio, queued) : start;
}

static void queue_deferred(struct replica *replica, struct bio *bio, unsigned long delay)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	bio_list_add(&replica->deferred, bio);
	if (delay)
		WRITE_ONCE(replica->memory_wait, true);
	/* Under the lock: once the bio is off the list nothing of ours keeps replica. */
	if (delay)
		queue_delayed_work(replica->wq, &replica->deferred_work, delay);
	else
		mod_delayed_work(replica->wq, &replica->deferred_work, 0);
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_io_link(struct replica_io *io)
{
	unsigned long flags;

	spin_lock_irqsave(&io->replica->lock, flags);
	list_add_tail(&io->unranged.link, &io->replica->unranged);
	spin_unlock_irqrestore(&io->replica->lock, flags);
}

static enum start start_flush(struct replica_io *io, struct bio *bio)
{
	struct replica *replica = io->replica;
	struct replica_request *request = NULL;
	enum start start = START_DONE;
	bool queued = false;

	/* Not shipped: a resync that ends later flushes the replica by itself. */
	io->ship = READ_ONCE(replica->ship);
	if (io->ship)
		start = enter_queue(io, bio, &queued);
	else
		replica_queue_leave(io, replica_queue_cost(bio));
	if (start != START_DONE)
		return start;
	if (io->ship) {
		request = make_request(io, bio);
		if (!request)
			return START_MEMORY;
	}
	bio_set_dev(bio, replica->origin_bdev);
	replica_flush_begin(&replica->on_origin, &io->unranged.on_origin);
	replica_io_link(io);
	if (queued) {
		replica_queue_init_request(request);
		replica_queue_add(io, request);
	} else if (request) {
		replica_flush_begin(&replica->on_replica, &io->unranged.on_replica);
		send_to_replica(io, request);
	} else {
		io->missed = !replica->clone;
		atomic_set(&io->pending, 1);
	}
	return START_DONE;
}

void replica_io_continue(struct replica *replica, struct bio *bio)
{
	queue_deferred(replica, bio, 0);
}

/* Bucket lock held, the range is granted.  Return: false when it waits for the log. */
static bool log_admits(struct replica_io *io)
{
	if (likely(replica_log_admit(io->replica->log, io_sector(io), io_sectors(io))))
		return true;
	replica_intents_wait(io);
	return false;
}

void replica_io_granted(struct replica_io *io)
{
	route(io);
	if (log_admits(io))
		queue_deferred(io->replica, replica_io_bio(io), 0);
}

enum admission {
	ADMIT_GRANTED,
	ADMIT_WAITS,	/* admitted: it is continued when it may go */
	ADMIT_COPIED,	/* cbw.c has it, until it is to come again */
	ADMIT_HELD,
};

/* Bucket lock held.  A window could not get its range if the write had it while it waits. */
static bool waits_for_copy(struct replica_io *io)
{
	if (likely(!READ_ONCE(io->replica->first)) ||
	    !replica_cbw_must_wait(io->replica, io_sector(io), io_sectors(io)))
		return false;
	replica_cbw_wait(io);
	return true;
}

static enum admission admit(struct replica *replica, struct replica_io *io)
{
	enum admission admission = ADMIT_HELD;
	struct replica_range_bucket *bucket;
	unsigned long flags;

	bucket = replica_range_bucket(replica->ranges, io->range.first);
	spin_lock_irqsave(&bucket->lock, flags);
	if (unlikely(waits_for_copy(io))) {
		admission = ADMIT_COPIED;
	} else if (likely(!replica->hold)) {
		io->admitted = true;
		if (likely(replica_range_add(bucket, &io->range))) {
			route(io);
			admission = log_admits(io) ? ADMIT_GRANTED : ADMIT_WAITS;
		} else {
			replica_count(replica, io->range.behind_window ?
				      DM_REPLICA_C_RESYNC_WAITS :
				      DM_REPLICA_C_OVERLAP_WAITS, 1);
			trace_dm_replica_wait(io);
			admission = ADMIT_WAITS;
		}
	}
	spin_unlock_irqrestore(&bucket->lock, flags);
	if (likely(admission < ADMIT_COPIED))
		replica_count(replica, DM_REPLICA_C_INFLIGHT, 1);
	return admission;
}

/* Return: DM_MAPIO_*, or -1 when there is no memory. */
static int map_started(enum start start)
{
	if (likely(start == START_DONE))
		return DM_MAPIO_REMAPPED;
	return start == START_KEPT ? DM_MAPIO_SUBMITTED : -1;
}

static int map_write(struct replica *replica, struct bio *bio, struct replica_io *io)
{
	enum admission admission = admit(replica, io);
	int r = -1;

	if (unlikely(admission == ADMIT_HELD))
		return replica_hold_bio(replica, bio);
	if (unlikely(admission != ADMIT_GRANTED))
		return DM_MAPIO_SUBMITTED;
	/* Those who wait for memory come first; who needs none does not wait. */
	if (likely(!READ_ONCE(replica->memory_wait)) || !io->ship)
		r = map_started(start_write(io, bio));
	if (likely(r >= 0))
		return r;

	replica_count(replica, DM_REPLICA_C_MEMORY_WAITS, 1);
	queue_deferred(replica, bio, MEMORY_PAUSE);
	return DM_MAPIO_SUBMITTED;
}

/* Return: false when it is kept until the gate opens. */
static bool admit_flush(struct replica *replica, struct bio *bio, struct replica_io *io)
{
	io->admitted = replica_gate_enter_or_hold(replica, bio);
	if (io->admitted)
		replica_count(replica, DM_REPLICA_C_INFLIGHT, 1);
	return io->admitted;
}

static int map_flush(struct replica *replica, struct bio *bio, struct replica_io *io)
{
	int r;

	io->kind = REPLICA_IO_FLUSH;
	io->admitted = false;
	replica_count(replica, DM_REPLICA_C_FLUSHES, 1);
	if (unlikely(!admit_flush(replica, bio, io)))
		return DM_MAPIO_SUBMITTED;
	r = map_started(start_flush(io, bio));
	if (likely(r >= 0))
		return r;
	queue_deferred(replica, bio, MEMORY_PAUSE);
	return DM_MAPIO_SUBMITTED;
}

static void count_write(struct replica *replica, struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_WRITE:
		replica_count(replica, DM_REPLICA_C_WRITES, 1);
		replica_count(replica, DM_REPLICA_C_WRITE_BYTES, bio->bi_iter.bi_size);
		break;
	case REQ_OP_WRITE_ZEROES:
		replica_count(replica, DM_REPLICA_C_WRITE_ZEROES, 1);
		break;
	default:
		replica_count(replica, DM_REPLICA_C_DISCARDS, 1);
		break;
	}
}

/* Requests without data may come in any size: cut them where a zone ends. */
static void prepare_dataless(struct replica *replica, struct bio *bio)
{
	sector_t left = REPLICA_ZONE_SECTORS -
			(bio->bi_iter.bi_sector & (REPLICA_ZONE_SECTORS - 1));

	if (bio_sectors(bio) > left)
		dm_accept_partial_bio(bio, left);
	if (bio_op(bio) == REQ_OP_DISCARD && replica->discard == REPLICA_DISCARD_ZERO)
		bio->bi_opf = (bio->bi_opf & ~REQ_OP_MASK) | REQ_OP_WRITE_ZEROES;
}

int replica_io_map(struct replica *replica, struct bio *bio)
{
	struct replica_io *io = replica_io_of(bio);

	io->replica = replica;
	if (bio_op(bio) == REQ_OP_READ) {
		io->kind = REPLICA_IO_READ;
		io->unranged.iter = bio->bi_iter;
		replica_count(replica, DM_REPLICA_C_READS, 1);
		replica_count(replica, DM_REPLICA_C_READ_BYTES, bio->bi_iter.bi_size);
		if (unlikely(!replica_gate_enter_or_hold(replica, bio)))
			return DM_MAPIO_SUBMITTED;
		bio_set_dev(bio, replica->origin_bdev);
		return DM_MAPIO_REMAPPED;
	}

	io->request = NULL;
	io->vecs = NULL;
	io->ship = false;
	io->missed = false;
	io->detached = false;
	io->queued = false;
	io->charged = false;
	io->paced = false;
	io->origin_status = BLK_STS_OK;
	if (unlikely(!bio->bi_iter.bi_size))
		return map_flush(replica, bio, io);

	count_write(replica, bio);
	if (unlikely(bio_op(bio) != REQ_OP_WRITE))
		prepare_dataless(replica, bio);
	io->kind = REPLICA_IO_WRITE;
	io->admitted = false;
	io->log_waits = false;
	io->range.kind = REPLICA_RANGE_WRITE;
	io->range.first = bio->bi_iter.bi_sector;
	io->range.last = bio_end_sector(bio) - 1;
	bio_clear_polled(bio);
	trace_dm_replica_write(io);
	return map_write(replica, bio, io);
}

int replica_io_end(struct bio *bio, blk_status_t *error)
{
	struct replica_io *io = replica_io_of(bio);

	switch (io->kind) {
	case REPLICA_IO_READ:
		return replica_io_end_read(io, bio, *error);
	case REPLICA_IO_FLUSH:
		/* At once: the next one that ends well says nothing about it, and may be faster. */
		if (unlikely(*error) && !io->replica->clone)
			replica_origin_lost(io->replica, &io->unranged.on_origin);
		fallthrough;
	case REPLICA_IO_WRITE:
		if (unlikely(*error) && io->replica->origin_volatile && bio->bi_opf & REQ_FUA &&
		    !bdev_fua(io->replica->origin_bdev))
			replica_origin_fua_failed(io->replica);
		io->origin_status = *error;
		if (!origin_part_done(io) || !finish(io))
			return DM_ENDIO_INCOMPLETE;
		*error = bio->bi_status;
		return DM_ENDIO_DONE;
	default:
		return DM_ENDIO_DONE;
	}
}

/*
 * Worker.
 */

/* One that the gate has kept. */
static bool resume_read(struct replica *replica, struct bio *bio)
{
	if (replica_gate_enter_or_hold(replica, bio)) {
		bio_set_dev(bio, replica->origin_bdev);
		submit_bio_noacct(bio);
	}
	return true;
}

/* Return: false when the bio has to wait for memory. */
static bool resume_bio(struct replica *replica, struct bio *bio)
{
	struct replica_io *io = replica_io_of(bio);
	enum admission admission;
	enum start start;

	if (io->kind == REPLICA_IO_READ)
		return resume_read(replica, bio);
	if (io->kind == REPLICA_IO_FLUSH && !io->admitted && !admit_flush(replica, bio, io))
		return true;
	if (!io->admitted) {
		admission = admit(replica, io);
		if (admission == ADMIT_HELD && replica_hold_bio(replica, bio) != DM_MAPIO_SUBMITTED)
			replica_hold_requeue(bio);
		if (admission != ADMIT_GRANTED)
			return true;
	}
	switch (io->kind) {
	case REPLICA_IO_FAILOVER:
		return replica_io_start_failover(io, bio);
	case REPLICA_IO_FLUSH:
		start = start_flush(io, bio);
		break;
	default:
		if (io->ship && !READ_ONCE(replica->ship))
			route_again(io);
		start = start_write(io, bio);
		break;
	}
	if (start == START_DONE)
		submit_bio_noacct(bio);
	return start != START_MEMORY;
}

static struct bio *pop_deferred(struct replica *replica)
{
	struct bio *bio;

	spin_lock_irq(&replica->lock);
	bio = bio_list_pop(&replica->deferred);
	if (!bio)
		WRITE_ONCE(replica->memory_wait, false);
	spin_unlock_irq(&replica->lock);
	return bio;
}

void replica_io_deferred_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica,
					       deferred_work);
	struct blk_plug plug;
	struct bio *bio;

	blk_start_plug(&plug);
	while ((bio = pop_deferred(replica))) {
		if (likely(resume_bio(replica, bio)))
			continue;
		/* What the queue has of the reserve comes back as the replica takes it. */
		if (replica_io_of(bio)->kind != REPLICA_IO_FAILOVER)
			replica_queue_short(replica);
		spin_lock_irq(&replica->lock);
		bio_list_add_head(&replica->deferred, bio);
		WRITE_ONCE(replica->memory_wait, true);
		spin_unlock_irq(&replica->lock);
		queue_delayed_work(replica->wq, &replica->deferred_work, MEMORY_PAUSE);
		break;
	}
	blk_finish_plug(&plug);
}

void replica_io_requeue(struct replica *replica, struct bio_list *list)
{
	struct replica_io *io;
	struct bio *bio;

	while ((bio = bio_list_pop(list))) {
		io = replica_io_of(bio);
		replica_range_release(io->replica->ranges, &io->range);
		replica_count(replica, DM_REPLICA_C_INFLIGHT, -1ULL);
		io->kind = REPLICA_IO_DONE;
		bio->bi_status = BLK_STS_DM_REQUEUE;
		bio_endio(bio);
	}
}
