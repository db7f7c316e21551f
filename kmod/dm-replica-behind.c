// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of the queue's patience: it is drained, dropped, or given up for a resync
 * later.
 *
 * What is given up is marked in the log, and for a while writes go to the origin alone.
 * Then, when the replica has returned all that it had, a resync begins.  It makes room
 * for the queue, so that under a load that the replica can bear it gets through; the
 * while grows when it does not.
 */
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"

/* Before it is looked again whether the replica has returned all, ms. */
#define OWES_MS			100U
/* How long a drain waits for the replica, ms. */
#define DRAIN_MS		10000U
/* How long somebody waits for entries to leave before the queue is given up, ms. */
#define PATIENCE_MS		100U
/* Not to have tried for so long means not to have had to, ms. */
#define PAUSE_MS		50U
/* How long whoever wants a resync at once waits for it, ms. */
#define PAY_MS			3000U

void replica_queue_set_open(struct replica *replica, bool open)
{
	struct replica_queue *queue = replica->queue;

	lockdep_assert_held(&replica->lock);
	spin_lock(&queue->lock);
	if (open && !queue->open && !replica_order_empty(&queue->order))
		queue->stale = queue->order.last;
	/* Pairs with replica_queue_shut(). */
	smp_store_release(&queue->open, open);
	spin_unlock(&queue->lock);
	if (open)
		replica_queue_kick(replica);
	else
		queue_work(replica->wq, &queue->drop_work);
}

bool replica_queue_shut(struct replica *replica)
{
	/* Pairs with replica_queue_set_open(): then replica->ship is false too. */
	return !smp_load_acquire(&replica->queue->open);
}

bool replica_queue_stale(struct replica *replica)
{
	return !replica_queue_passed(replica, READ_ONCE(replica->queue->stale));
}

/*
 * Dropping.
 */

/* An entry of a closed queue that is not issued; nobody else ends it from here on. */
static struct replica_request *take_dropped(struct replica_queue *queue)
{
	struct replica_request *request = NULL;
	struct replica_ordered *ordered;

	spin_lock_irq(&queue->lock);
	ordered = list_first_entry_or_null(&queue->order.waiting, struct replica_ordered, wait);
	if (!queue->open && ordered) {
		list_del_init(&ordered->wait);
		request = replica_request_of(ordered);
		/* The clock must not take it for one that the replica has. */
		atomic_set(&request->state, REPLICA_REQUEST_DONE);
	}
	spin_unlock_irq(&queue->lock);
	return request;
}

static void end_missed(struct replica_queue *queue, struct replica_request *request)
{
	struct replica *replica = queue->replica;
	struct replica_io *io = NULL;
	struct bio_list list;

	replica_queue_settle(request, true);
	bio_list_init(&list);
	spin_lock_irq(&queue->lock);
	swap(io, request->io);
	__replica_queue_over(queue, request, &list);
	spin_unlock_irq(&queue->lock);
	replica_queue_continue(replica, &list);
	replica_queue_end(request, io, true);
}

static void drop(struct replica_queue *queue)
{
	struct replica_request *request;
	struct bio_list list;

	while ((request = take_dropped(queue))) {
		end_missed(queue, request);
		cond_resched();
	}
	/* Who waited for room needs none. */
	bio_list_init(&list);
	spin_lock_irq(&queue->lock);
	if (!queue->open)
		__replica_queue_take_room(queue, &list);
	spin_unlock_irq(&queue->lock);
	replica_queue_continue(queue->replica, &list);
}

void replica_queue_drop_work(struct work_struct *work)
{
	drop(container_of(work, struct replica_queue, drop_work));
}

/* The oldest entry, if the replica has had it for longer and it can be given up. */
static struct replica_request *detach_first(struct replica_queue *queue, unsigned int age_ms)
{
	struct replica_ordered *ordered;
	struct replica_request *found = NULL, *request;

	spin_lock_irq(&queue->lock);
	/* Issued ones come first, but for those that are being completed just now. */
	list_for_each_entry(ordered, &queue->order.entries, entry) {
		if (!list_empty(&ordered->wait))
			break;
		request = replica_request_of(ordered);
		if (!time_after(jiffies, request->sent + msecs_to_jiffies(age_ms)))
			break;
		/* Of the replica, which may give it back at any moment. */
		atomic_inc(&request->users);
		if (replica_request_detach(request, REPLICA_REQUEST_ORPHANED)) {
			found = request;
			break;
		}
		atomic_dec(&request->users);
	}
	spin_unlock_irq(&queue->lock);
	return found;
}

unsigned int replica_queue_detach_older(struct replica *replica, unsigned int age_ms)
{
	struct replica_queue *queue = replica->queue;
	struct replica_request *request;
	unsigned int n = 0;

	while ((request = detach_first(queue, age_ms))) {
		if (!request->sectors)
			replica_flush_failed(&replica->on_replica, &request->flush);
		/* First: whatever waits for it must not be sent when it is over. */
		replica_state_replica_failed(replica, request->sector, -ETIMEDOUT,
					     "replica write timed out");
		end_missed(queue, request);
		n++;
	}
	return n;
}

/*
 * Waiting.
 */

bool replica_queue_empty(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;
	unsigned long flags;
	bool empty;

	spin_lock_irqsave(&queue->lock, flags);
	empty = replica_order_empty(&queue->order);
	spin_unlock_irqrestore(&queue->lock, flags);
	return empty;
}

bool replica_queue_paid(struct replica *replica)
{
	return READ_ONCE(replica->queue->open) || replica_queue_empty(replica);
}

u64 replica_queue_last(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;
	unsigned long flags;
	u64 last;

	spin_lock_irqsave(&queue->lock, flags);
	last = queue->order.last;
	spin_unlock_irqrestore(&queue->lock, flags);
	return last;
}

bool replica_queue_passed(struct replica *replica, u64 seq)
{
	struct replica_queue *queue = replica->queue;
	unsigned long flags;
	bool passed;

	spin_lock_irqsave(&queue->lock, flags);
	passed = replica_order_passed(&queue->order, seq);
	spin_unlock_irqrestore(&queue->lock, flags);
	return passed;
}

bool replica_queue_drain(struct replica *replica, unsigned int ms)
{
	return wait_event_timeout(replica->queue->drained, replica_queue_empty(replica),
				  msecs_to_jiffies(ms) + 1);
}

bool replica_queue_pay(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;

	if (READ_ONCE(queue->open))
		return true;
	drop(queue);
	return replica_queue_drain(replica, PAY_MS);
}

/*
 * Giving up.
 */

/* @again: the resync did not get through. */
static void note_overflow(struct replica_queue *queue, bool again)
{
	u64 now = ktime_get_ns(), since;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	queue->overflows++;
	since = queue->resumed ? div_u64(now - queue->resumed, NSEC_PER_MSEC) : U64_MAX;
	queue->dwell_ms = replica_behind_dwell(queue->dwell_ms, again, since);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static void dwell(struct replica_queue *queue, unsigned int ms)
{
	WRITE_ONCE(queue->dwell_end, jiffies + msecs_to_jiffies(ms));
	/* What an earlier time has left does not count. */
	mod_delayed_work(queue->replica->wq, &queue->behind_work, msecs_to_jiffies(ms));
}

void replica_queue_overflow(struct replica *replica, const char *why)
{
	struct replica_queue *queue = replica->queue;
	char text[DM_REPLICA_REASON_LEN];
	bool again;

	if (READ_ONCE(replica->settings.overflow) == DM_REPLICA_OVERFLOW_FAIL) {
		scnprintf(text, sizeof(text), "stopped by overflow fail: %s", why);
		replica_state_stop(replica, text);
		return;
	}
	if (!READ_ONCE(queue->open))
		return;
	scnprintf(text, sizeof(text), "behind: %s", why);
	again = READ_ONCE(replica->state) == DM_REPLICA_STATE_UNSYNCHRONIZED && queue->resumed;
	if (again)
		scnprintf(text, sizeof(text),
			  "falling behind faster than copying: writes come at %llu KiB/s, the replica takes %llu KiB/s",
			  READ_ONCE(queue->pace.rate_in) >> 10,
			  READ_ONCE(queue->pace.rate_out) >> 10);
	if (!replica_state_behind(replica, text))
		return;
	note_overflow(queue, again);
	DMWARN_LIMIT("%s: %s", replica->name, text);
	dwell(queue, queue->dwell_ms);
}

void replica_queue_hurry(struct replica *replica)
{
	replica_queue_give_up(replica,
			      "behind: the replica did not take the queue in time for a suspend");
}

bool replica_queue_give_up(struct replica *replica, const char *reason)
{
	struct replica_queue *queue = replica->queue;

	if (replica_queue_empty(replica) || !READ_ONCE(queue->open) ||
	    !replica_state_behind(replica, reason))
		return false;
	/* After a suspend replica_queue_resume() sees to it again. */
	dwell(queue, OWES_MS);
	return true;
}

/*
 * Somebody cannot go on before entries leave.  He tries again each jiffy, so that a pause says
 * that he could.  Return: has he waited long, for what the origin alone has acknowledged?
 */
static bool in_vain(struct replica_queue *queue)
{
	unsigned long flags;
	bool vain;

	spin_lock_irqsave(&queue->lock, flags);
	if (!queue->tried || time_after(jiffies, queue->tried + msecs_to_jiffies(PAUSE_MS)))
		queue->tries_since = jiffies;
	queue->tried = jiffies | 1;
	vain = queue->lag && !__replica_queue_waits(queue) &&
	       time_after(jiffies, queue->tries_since + msecs_to_jiffies(PATIENCE_MS));
	spin_unlock_irqrestore(&queue->lock, flags);
	return vain;
}

void replica_queue_pins(struct replica *replica, unsigned int slots)
{
	struct replica_queue *queue = replica->queue;

	/* A discard has many of them. */
	if (atomic64_read(&queue->pinned) > slots / 2 && in_vain(queue))
		replica_queue_overflow(replica, "the log has no room for more regions");
}

void replica_queue_short(struct replica *replica)
{
	if (in_vain(replica->queue))
		replica_queue_overflow(replica, "there is no memory for another write");
}

void replica_queue_suspend(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;

	if (!replica_queue_drain(replica, DRAIN_MS)) {
		replica_queue_hurry(replica);
		drop(queue);
		/* The clock gives up on what the replica has. */
		wait_event(queue->drained, replica_queue_empty(replica));
	}
	cancel_delayed_work_sync(&queue->behind_work);
	cancel_delayed_work_sync(&queue->tick_work);
	spin_lock_irq(&queue->lock);
	queue->ticking = false;
	spin_unlock_irq(&queue->lock);
	flush_work(&queue->drop_work);
}

void replica_queue_resume(struct replica *replica)
{
	unsigned long end = READ_ONCE(replica->queue->dwell_end), left = 0;

	if (time_before(jiffies, end))
		left = end - jiffies;
	if (READ_ONCE(replica->behind))
		queue_delayed_work(replica->wq, &replica->queue->behind_work,
				   max(left, msecs_to_jiffies(OWES_MS)));
}

/* The while is over. */
void replica_queue_behind_work(struct work_struct *work)
{
	struct replica_queue *queue = container_of(to_delayed_work(work), struct replica_queue,
						   behind_work);
	struct replica *replica = queue->replica;

	if (!READ_ONCE(replica->behind) || !READ_ONCE(replica->ticking))
		return;
	if (!replica_queue_empty(replica) || replica_leg_owes(replica)) {
		queue_delayed_work(replica->wq, &queue->behind_work, msecs_to_jiffies(OWES_MS));
		return;
	}
	spin_lock_irq(&queue->lock);
	queue->resumed = ktime_get_ns();
	spin_unlock_irq(&queue->lock);
	replica_resync_start(replica, BIT(DM_REPLICA_STATE_UNSYNCHRONIZED), DM_REPLICA_JOB_RESYNC,
			     REPLICA_WALK_COPY, "copying what was written while it was behind");
}
