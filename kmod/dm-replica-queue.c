// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path of an entry through the queue; dm-replica-queue.h has the idea.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "dm-replica-log.h"
#include "dm-replica-queue.h"
#include "dm-replica-trace.h"

/* Bookkeeping of an entry, with what the allocator adds, bytes. */
#define ENTRY_COST	(sizeof(struct replica_request) + 64)

static bool is_flush(const struct replica_request *request)
{
	return !request->sectors;
}

/*
 * Regions.
 */

static void count_regions(struct replica_request *request, int n)
{
	struct replica *replica = request->replica;
	u64 region, first, last;

	if (is_flush(request))
		return;
	first = replica_log_region(replica->log, request->sector);
	last = replica_log_region(replica->log, request->sector + request->sectors - 1);
	for (region = first; region <= last; region++)
		atomic_add(n, &replica->queue->regions[region % REPLICA_QUEUE_HASH]);
	atomic64_add(n * (s64)(last - first + 1), &replica->queue->pinned);
}

bool replica_queue_in_region(struct replica *replica, u64 region)
{
	bool has = atomic_read(&replica->queue->regions[region % REPLICA_QUEUE_HASH]);

	/* Pairs with replica_queue_settle(): a mark that was left is seen. */
	smp_rmb();
	return has;
}

bool replica_queue_in_range(struct replica *replica, sector_t sector, sector_t sectors)
{
	u64 region = replica_log_region(replica->log, sector);

	for (; region <= replica_log_region(replica->log, sector + sectors - 1); region++)
		if (replica_queue_in_region(replica, region))
			return true;
	return false;
}

/*
 * Entering.
 */

unsigned int replica_queue_cost(const struct bio *bio)
{
	return ENTRY_COST + (bio_has_data((struct bio *)bio) ?
			     replica_payload_cost(bio->bi_iter.bi_size) : 0);
}

static enum replica_enter no_room(struct replica_queue *queue, struct replica_io *io,
				  struct bio *bio, bool waits)
{
	io->paced = true;
	/* Room that another replica gives back is seen by the tick only. */
	__replica_queue_tick(queue);
	if (!waits)
		return REPLICA_ENTER_CLOSED;
	bio_list_add(&queue->room, bio);
	return REPLICA_ENTER_WAITS;
}

enum replica_enter replica_queue_enter(struct replica_io *io, struct bio *bio,
				       unsigned int cost)
{
	struct replica *replica = io->replica;
	struct replica_queue *queue = replica->queue;
	enum replica_enter enter = REPLICA_ENTER_OK;
	unsigned long flags;
	bool full, waits;

	spin_lock_irqsave(&queue->lock, flags);
	if (!queue->open) {
		enter = REPLICA_ENTER_CLOSED;
	} else if (!queue->active) {
		enter = REPLICA_ENTER_DIRECT;
	} else if (!io->charged) {
		waits = __replica_queue_waits(queue);
		/* Behind those who wait already. */
		if (!(waits && !bio_list_empty(&queue->room)))
			io->charged = __replica_queue_charge(queue, cost);
		if (!io->charged)
			enter = no_room(queue, io, bio, waits);
	}
	full = enter == REPLICA_ENTER_CLOSED && queue->open;
	spin_unlock_irqrestore(&queue->lock, flags);
	if (full)
		replica_queue_overflow(replica, replica_queue_full_text(queue, cost));
	return enter;
}

void replica_queue_leave(struct replica_io *io, unsigned int cost)
{
	struct replica_queue *queue = io->replica->queue;
	struct bio_list list;
	unsigned long flags;

	if (!io->charged)
		return;
	io->charged = false;
	bio_list_init(&list);
	spin_lock_irqsave(&queue->lock, flags);
	__replica_queue_uncharge(queue, cost);
	__replica_queue_take_room(queue, &list);
	spin_unlock_irqrestore(&queue->lock, flags);
	replica_queue_continue(io->replica, &list);
}

static void note_marks(struct replica_queue *queue)
{
	queue->high_used = max(queue->high_used, queue->used);
	queue->high_nr = max(queue->high_nr, queue->nr);
}

/* What a request keeps of an earlier write is not charged: an entry does without. */
static void drop_spare_page(struct replica_request *request)
{
	if (!request->page || (bio_has_data(&request->bio) && !request->nr_vecs))
		return;
	replica_payload_page_free(request->replica->payload, request->page);
	request->page = NULL;
}

static void init_entry(struct replica_io *io, struct replica_request *request)
{
	struct bio *bio = replica_io_bio(io);

	drop_spare_page(request);
	request->queued = true;
	request->alone = false;
	request->cost = replica_queue_cost(bio);
	request->due = 0;
	request->sector = io->kind == REPLICA_IO_WRITE ? io->range.first : 0;
	request->sectors = io->kind == REPLICA_IO_WRITE ?
			   io->range.last - io->range.first + 1 : 0;
	request->born = ktime_get_ns();
	/* A write that waited for room has been delayed already, to the jiffy. */
	request->held = 0;
	if (io->paced && io->kind == REPLICA_IO_WRITE)
		request->held = jiffies_to_nsecs((u32)jiffies - io->range.since);
	INIT_LIST_HEAD(&request->ordered.entry);
	INIT_LIST_HEAD(&request->ordered.wait);
	INIT_LIST_HEAD(&request->late);
}

void replica_queue_add(struct replica_io *io, struct replica_request *request)
{
	struct replica *replica = io->replica;
	struct replica_queue *queue = replica->queue;
	bool open, ready = false;
	unsigned long flags;

	init_entry(io, request);
	/* The write and the queue both use it; and both have a say in its end. */
	atomic_set(&request->users, 2);
	atomic_set(&io->pending, 2);
	io->queued = true;
	io->charged = false;
	count_regions(request, 1);

	spin_lock_irqsave(&queue->lock, flags);
	open = queue->open;
	if (likely(open)) {
		replica_order_add(&queue->order, &request->ordered);
		queue->nr++;
		queue->payload += replica_request_payload(request);
		note_marks(queue);
		__replica_pace_in(queue, replica_request_payload(request));
		__replica_queue_tick(queue);
		trace_dm_replica_enqueue(request);
		/* Else whoever it waits for has it sent. */
		ready = replica_order_ready(&queue->order);
	} else {
		__replica_queue_uncharge(queue, request->cost);
		request->io = NULL;
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	/* Pairs with replica_io_detach(), which leaves it alone. */
	smp_store_release(&io->request, request);
	if (ready)
		replica_queue_kick(replica);
	if (likely(open))
		return;
	replica_queue_settle(request, true);
	replica_queue_end(request, io, true);
}

/*
 * Issuing.
 */

void replica_queue_kick(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;

	/* It may sleep in a replica that has no room, and nobody waits for it. */
	replica_get(replica);
	if (!queue_work(replica_send_wq, &queue->issue_work))
		replica_put(replica);
}

static struct replica_request *next_entry(struct replica_queue *queue)
{
	struct replica_ordered *ordered = NULL;
	struct replica_request *request = NULL;

	spin_lock_irq(&queue->lock);
	if (queue->open)
		ordered = replica_order_next(&queue->order);
	if (ordered) {
		request = replica_request_of(ordered);
		request->sent = jiffies;
		request->issued = ktime_get_ns();
		trace_dm_replica_issue(request);
	}
	spin_unlock_irq(&queue->lock);
	return request;
}

static void issue_work(struct work_struct *work)
{
	struct replica_queue *queue = container_of(work, struct replica_queue, issue_work);
	struct replica *replica = queue->replica;
	struct replica_request *request;
	struct blk_plug plug;

	blk_start_plug(&plug);
	while ((request = next_entry(queue))) {
		if (is_flush(request))
			replica_flush_begin(&replica->on_replica, &request->flush);
		replica_request_send(request);
	}
	blk_finish_plug(&plug);
	replica_put(replica);
}

/*
 * Ending.
 */

void replica_queue_continue(struct replica *replica, struct bio_list *list)
{
	struct bio *bio;

	while ((bio = bio_list_pop(list)))
		replica_io_continue(replica, bio);
}

void __replica_queue_over(struct replica_queue *queue, struct replica_request *request,
			  struct bio_list *list)
{
	u64 now = ktime_get_ns();

	lockdep_assert_held(&queue->lock);
	trace_dm_replica_dequeue(request);
	replica_order_over(&queue->order, &request->ordered);
	queue->nr--;
	queue->payload -= replica_request_payload(request);
	queue->high_age_ns = max(queue->high_age_ns, now - request->born);
	if (request->alone)
		queue->lag -= replica_request_payload(request);
	__replica_queue_uncharge(queue, request->cost);
	__replica_pace_left(queue, request, now);
	list_del_init(&request->late);
	__replica_queue_take_room(queue, list);
	if (replica_order_empty(&queue->order)) {
		queue->pace.busy = false;
		if (!queue->ack_async && !queue->adaptive && bio_list_empty(&queue->room))
			WRITE_ONCE(queue->active, false);
		wake_up_all(&queue->drained);
	}
}

void replica_queue_settle(struct replica_request *request, bool missed)
{
	if (missed && !is_flush(request))
		replica_log_mark(request->replica->log, request->sector, request->sectors);
	/* Only now: until here the log takes the regions for written to. */
	smp_mb__before_atomic();
	count_regions(request, -1);
}

void replica_queue_end(struct replica_request *request, struct replica_io *io, bool missed)
{
	if (io) {
		io->missed |= missed;
		replica_io_put_pending(io);
	}
	replica_request_free(request);
}

static void note_failure(struct replica_request *request, blk_status_t status)
{
	struct replica *replica = request->replica;

	if ((status == BLK_STS_NOTSUPP || status == BLK_STS_TARGET) &&
	    !is_flush(request) && bio_op(&request->bio) != REQ_OP_WRITE) {
		replica_log_mark(replica->log, request->sector, request->sectors);
		replica_state_unsynced(replica, "replica does not take this request");
		return;
	}
	if (is_flush(request))
		replica_flush_failed(&replica->on_replica, &request->flush);
	else
		replica_log_mark(replica->log, request->sector, request->sectors);
	replica_state_replica_failed(replica, request->sector, blk_status_to_errno(status),
				     is_flush(request) ? "replica flush error" :
				     "replica write error");
}

static void note_success(struct replica_request *request)
{
	struct replica *replica = request->replica;

	if (is_flush(request))
		replica_flush_end(&replica->on_replica, &request->flush);
	else if (replica->replica_volatile && !(request->bio.bi_opf & REQ_FUA))
		replica_durable_note(&replica->on_replica, request->sector, request->sectors);
}

/* The replica has completed it in time. */
static void entry_done(struct replica_request *request, blk_status_t status)
{
	struct replica *replica = request->replica;
	struct replica_queue *queue = replica->queue;
	struct replica_io *io = NULL;
	struct bio_list list;
	unsigned long flags;
	bool ready;

	/* The association may go with the last of its requests. */
	replica_get(replica);
	if (likely(!status))
		note_success(request);
	else
		note_failure(request, status);
	replica_queue_settle(request, false);

	bio_list_init(&list);
	spin_lock_irqsave(&queue->lock, flags);
	/* Discards are large and say nothing of how much data it takes. */
	if (!status)
		__replica_pace_out(queue, bio_op(&request->bio) == REQ_OP_WRITE ?
				   replica_request_payload(request) : request->cost);
	queue->pace.replica_ns += ktime_get_ns() - request->issued;
	queue->pace.replica_nr++;
	queue->pace.took += ktime_get_ns() - request->issued;
	queue->pace.took_nr++;
	swap(io, request->io);
	if (io && request->due)
		__replica_queue_note_delay(queue, request->held + ktime_get_ns() - request->born);
	__replica_queue_over(queue, request, &list);
	ready = replica_order_ready(&queue->order);
	spin_unlock_irqrestore(&queue->lock, flags);

	if (ready)
		replica_queue_kick(replica);
	replica_queue_continue(replica, &list);
	replica_queue_end(request, io, status);
	replica_put(replica);
}

/*
 * Acknowledging.
 */

/* The origin alone acknowledges it.  Return: the write, whose part that is. */
static struct replica_io *ack_alone(struct replica_queue *queue,
				    struct replica_request *request)
{
	struct replica_io *io = request->io;

	lockdep_assert_held(&queue->lock);
	request->io = NULL;
	request->alone = true;
	queue->lag += replica_request_payload(request);
	replica_order_ack(&queue->order, &request->ordered);
	list_del_init(&request->late);
	return io;
}

/* Acknowledged later: when others have left, or the replica has it. */
static void plan_late(struct replica_queue *queue, struct replica_request *request, u64 now)
{
	request->due = now;
	list_add_tail(&request->late, &queue->late);
	/* It will see for how long; who leaves asks it to come at once. */
	queue_delayed_work(queue->replica->wq, &queue->late_work, 1);
}

/* Return: true when it is acknowledged now. */
static bool ack_now(struct replica_queue *queue, struct replica_request *request, u64 now)
{
	if (!__replica_pace_alone(queue, request, now)) {
		/* By the replica then, and late. */
		request->due = now;
		return false;
	}
	if (__replica_pace_late(queue)) {
		plan_late(queue, request, now);
		return false;
	}
	ack_alone(queue, request);
	if (request->held)
		__replica_queue_note_delay(queue, request->held);
	return true;
}

bool replica_queue_origin_done(struct replica_io *io)
{
	struct replica_request *request = io->request;
	struct replica_queue *queue = io->replica->queue;
	bool acked = false;
	unsigned long flags;
	u64 now;

	spin_lock_irqsave(&queue->lock, flags);
	now = ktime_get_ns();
	queue->pace.origin_ns += now - request->born;
	queue->pace.origin_nr++;
	/*
	 * Else the replica has it already, and our part is the last.  What the origin failed
	 * waits for the replica, with its range, so that no copy can come before it.
	 */
	if (request->io && queue->ack_async && !io->origin_status)
		acked = ack_now(queue, request, now);
	spin_unlock_irqrestore(&queue->lock, flags);
	return acked;
}

/* One write whose acknowledgment is due, or NULL; @wait gets the time to another look, ns. */
static struct replica_io *next_late(struct replica_queue *queue, u64 *wait)
{
	struct replica_request *request;
	struct replica_io *io = NULL;
	u64 now;

	*wait = 0;
	spin_lock_irq(&queue->lock);
	now = ktime_get_ns();
	while (!io && !*wait && !list_empty(&queue->late)) {
		request = list_first_entry(&queue->late, struct replica_request, late);
		if (!queue->ack_async || !__replica_pace_alone(queue, request, now)) {
			/* It waits for the replica now. */
			list_del_init(&request->late);
		} else if (__replica_pace_due(queue, request, now, wait)) {
			__replica_queue_note_delay(queue, request->held + now - request->born);
			io = ack_alone(queue, request);
		}
	}
	if (list_empty(&queue->late))
		queue->pace.credit = 0;
	spin_unlock_irq(&queue->lock);
	return io;
}

static void late_work(struct work_struct *work)
{
	struct replica_queue *queue = container_of(to_delayed_work(work), struct replica_queue,
						   late_work);
	struct replica_io *io;
	u64 wait;

	while ((io = next_late(queue, &wait)))
		replica_io_put_pending(io);
	if (wait)
		queue_delayed_work(queue->replica->wq, &queue->late_work,
				   nsecs_to_jiffies(wait) + 1);
}

/*
 * Life.
 */

void replica_queue_init_request(struct replica_request *request)
{
	request->done = entry_done;
}

struct replica_queue *replica_queue_create(struct replica *replica)
{
	struct replica_queue *queue = kvzalloc(sizeof(*queue), GFP_KERNEL);

	if (!queue)
		return NULL;
	queue->replica = replica;
	spin_lock_init(&queue->lock);
	replica_order_init(&queue->order);
	INIT_LIST_HEAD(&queue->late);
	bio_list_init(&queue->room);
	init_waitqueue_head(&queue->drained);
	queue->since = ktime_get_ns();
	queue->dwell_end = jiffies;
	queue->pace.looked = queue->since;
	INIT_WORK(&queue->issue_work, issue_work);
	INIT_WORK(&queue->drop_work, replica_queue_drop_work);
	INIT_DELAYED_WORK(&queue->late_work, late_work);
	INIT_DELAYED_WORK(&queue->tick_work, replica_queue_tick_work);
	INIT_DELAYED_WORK(&queue->behind_work, replica_queue_behind_work);
	return queue;
}

void replica_queue_destroy(struct replica_queue *queue)
{
	if (!queue)
		return;
	cancel_delayed_work_sync(&queue->behind_work);
	cancel_delayed_work_sync(&queue->tick_work);
	cancel_delayed_work_sync(&queue->late_work);
	cancel_work_sync(&queue->drop_work);
	kvfree(queue);
}
