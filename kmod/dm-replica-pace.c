// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue's limits: how much memory it may use, how fast the replica is, how late
 * writes are acknowledged, and by whom.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"

/* Time between two looks, ms. */
#define TICK_MS			50U
#define TICK_MIN_MS		5U
/* Share of a new sample in an average: one of so many. */
#define RATE_WEIGHT		4
/* Longest that an acknowledgment waits for a replica that takes nothing, ns. */
#define DELAY_MAX_NS		(1000ULL * NSEC_PER_MSEC)
/* Acknowledgments for each entry that leaves, at most. */
#define GAIN_MAX		4
/* A rate that is older than this is no rate, ns. */
#define RATE_AGE_NS		(3ULL * NSEC_PER_SEC)

static unsigned int queue_memory;
module_param(queue_memory, uint, 0644);
MODULE_PARM_DESC(queue_memory,
		 "Memory that the queues of all replicas together may use, MiB (0: a quarter of all)");

/* Memory that all queues use now. */
static atomic64_t total_used = ATOMIC64_INIT(0);

static u64 total_max(void)
{
	u64 mib = READ_ONCE(queue_memory);

	return mib ? mib << 20 : (u64)totalram_pages() << (PAGE_SHIFT - 2);
}

/*
 * Room.
 */

static bool blocks(const struct replica_queue *queue)
{
	return READ_ONCE(queue->replica->settings.overflow) == DM_REPLICA_OVERFLOW_BLOCK;
}

/* The RPO that slows writers down, ms; 0 when none does. */
static u32 rpo_of(const struct replica_queue *queue)
{
	return blocks(queue) ? READ_ONCE(queue->replica->settings.rpo) : 0;
}

/*
 * How much may be used while the origin acknowledges alone: what the replica takes in half
 * the RPO, the rest is for its moods.  While nothing is known of it, nothing.
 */
static u64 limit_now(const struct replica_queue *queue)
{
	u64 limit = READ_ONCE(queue->replica->settings.queue_bytes);
	u32 rpo = rpo_of(queue);

	return rpo ? min(limit, div_u64(queue->pace.rate_out, 1000) * rpo / 2) : limit;
}

static bool fits(struct replica_queue *queue, unsigned int cost)
{
	return queue->used + cost <= READ_ONCE(queue->replica->settings.queue_bytes);
}

bool __replica_queue_charge(struct replica_queue *queue, unsigned int cost)
{
	lockdep_assert_held(&queue->lock);
	/* One write always fits, or it never would. */
	if (queue->used && !fits(queue, cost))
		return false;
	/* Others add at the same time: what is too much is taken back. */
	if (atomic64_add_return(cost, &total_used) > total_max() && queue->used) {
		atomic64_sub(cost, &total_used);
		return false;
	}
	queue->used += cost;
	return true;
}

const char *replica_queue_full_text(struct replica_queue *queue, unsigned int cost)
{
	unsigned long flags;
	bool own;

	spin_lock_irqsave(&queue->lock, flags);
	own = !fits(queue, cost);
	spin_unlock_irqrestore(&queue->lock, flags);
	return own ? "the queue is full" : "the queues of all replicas have used up queue_memory";
}

bool __replica_queue_waits(struct replica_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	return blocks(queue) || !(queue->ack_async || queue->lag);
}

void __replica_queue_uncharge(struct replica_queue *queue, unsigned int cost)
{
	lockdep_assert_held(&queue->lock);
	queue->used -= cost;
	atomic64_sub(cost, &total_used);
}

void __replica_queue_take_room(struct replica_queue *queue, struct bio_list *list)
{
	unsigned int cost;
	struct bio *bio;

	lockdep_assert_held(&queue->lock);
	while ((bio = bio_list_peek(&queue->room))) {
		cost = replica_queue_cost(bio);
		/* A closed queue lets them go without. */
		if (queue->open && !__replica_queue_charge(queue, cost))
			break;
		bio_list_pop(&queue->room);
		bio_list_add(list, bio);
		replica_io_of(bio)->charged = queue->open;
	}
}

void __replica_queue_note_delay(struct replica_queue *queue, u64 ns)
{
	lockdep_assert_held(&queue->lock);
	queue->delays[min_t(unsigned int, fls64(div_u64(ns, NSEC_PER_MSEC)),
			    DM_REPLICA_DELAYS - 1)]++;
}

/*
 * Rates.
 */

void __replica_pace_in(struct replica_queue *queue, unsigned int bytes)
{
	lockdep_assert_held(&queue->lock);
	queue->pace.in += bytes;
}

void __replica_pace_out(struct replica_queue *queue, unsigned int bytes)
{
	lockdep_assert_held(&queue->lock);
	queue->pace.out += bytes;
}

static u64 average(u64 old, u64 sample)
{
	return old ? (old * (RATE_WEIGHT - 1) + sample) / RATE_WEIGHT : sample;
}

/* What it could do long ago says nothing about what it can do now. */
static void forget_rates(struct replica_queue *queue)
{
	struct replica_pace *pace = &queue->pace;
	u64 now = ktime_get_ns();

	if (now - pace->looked <= RATE_AGE_NS)
		return;
	pace->rate_in = 0;
	pace->rate_out = 0;
	pace->latency = 0;
	pace->looked = now;
}

static void look_at_rates(struct replica_queue *queue, u64 now)
{
	struct replica_pace *pace = &queue->pace;
	u64 took = now - pace->looked, in, out;

	if (took < TICK_MIN_MS * NSEC_PER_MSEC / 2)
		return;
	in = div64_u64(pace->in * USEC_PER_SEC, div_u64(took, NSEC_PER_USEC));
	out = div64_u64(pace->out * USEC_PER_SEC, div_u64(took, NSEC_PER_USEC));
	pace->rate_in = average(pace->rate_in, in);
	/* With nothing to do it is not slow. */
	if (pace->busy || out > pace->rate_out)
		pace->rate_out = max_t(u64, average(pace->rate_out, out), !!pace->rate_out);
	if (pace->took_nr)
		pace->latency = average(pace->latency, div_u64(pace->took, pace->took_nr));
	pace->took = 0;
	pace->took_nr = 0;
	pace->in = 0;
	pace->out = 0;
	pace->busy = !replica_order_empty(&queue->order);
	pace->looked = now;
}

static u64 age_of(struct replica_queue *queue, u64 now)
{
	const struct replica_ordered *first = replica_order_first(&queue->order);

	return first ? now - container_of(first, struct replica_request, ordered)->born : 0;
}

/* Of the oldest entry, while the origin has acknowledged something alone. */
static u64 lag_age(struct replica_queue *queue, u64 now)
{
	return queue->lag ? age_of(queue, now) : 0;
}

/*
 * With an RPO the origin does not acknowledge alone what the replica may not have in time: what
 * is half as old already, or comes behind something that is, behind too much, or behind too
 * many that have to follow one another.
 */
bool __replica_pace_alone(struct replica_queue *queue, const struct replica_request *request,
			  u64 now)
{
	u64 half = (u64)rpo_of(queue) * NSEC_PER_MSEC / 2;

	lockdep_assert_held(&queue->lock);
	if (!half || (now - request->born < half && queue->used < limit_now(queue) &&
		      lag_age(queue, now) < half &&
		      replica_order_waves(&queue->order, &request->ordered) *
		      queue->pace.latency < half))
		return true;
	queue->pending = true;
	return false;
}

/* How long what is in the queue takes because it has to follow one another, ns. */
static u64 waves_ns(struct replica_queue *queue)
{
	struct replica_order *order = &queue->order;

	return replica_order_empty(order) ? 0 :
	       (order->last_wave - replica_order_first(order)->wave + 1) * queue->pace.latency;
}

/* Does it have more than half of what it may, or what takes half as long as it may? */
static bool crowded(struct replica_queue *queue)
{
	u64 half = (u64)rpo_of(queue) * NSEC_PER_MSEC / 2;

	return blocks(queue) && (queue->used > limit_now(queue) / 2 ||
				 (half && waves_ns(queue) > half / 2));
}

/*
 * From there on acknowledgments come as entries leave: for each byte that leaves so many bytes
 * are acknowledged as the rest of the room is of what is used above the half.  That is one in
 * the middle between the two marks, where it stays under a load that is too high, and needs no
 * estimate of how fast the replica is.
 */
bool __replica_pace_late(struct replica_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	queue->pending = crowded(queue);
	return queue->pending;
}

static u64 credit_for(u64 cost, u64 used, u64 hard)
{
	u64 soft = hard / 2;

	if (used >= hard)
		return 0;
	if (used <= soft)
		return cost * GAIN_MAX;
	/* Scaled, so that nothing overflows. */
	return min(cost * GAIN_MAX, cost * div64_u64((hard - used) << 8, used - soft) >> 8);
}

void __replica_pace_left(struct replica_queue *queue, const struct replica_request *request,
			 u64 now)
{
	struct replica_pace *pace = &queue->pace;
	u64 half = (u64)rpo_of(queue) * NSEC_PER_MSEC / 2;
	u64 credit;

	lockdep_assert_held(&queue->lock);
	pace->left = now;
	/* One that is acknowledged now by having left lets in another one by that. */
	if (list_empty(&queue->late) || !list_empty(&request->late))
		return;
	credit = credit_for(request->cost, queue->used, limit_now(queue));
	if (half)
		credit = min(credit, credit_for(request->cost, waves_ns(queue), half));
	pace->credit += credit;
	mod_delayed_work(queue->replica->wq, &queue->late_work, 0);
}

bool __replica_pace_due(struct replica_queue *queue, const struct replica_request *request,
			u64 now, u64 *wait)
{
	struct replica_pace *pace = &queue->pace;
	u64 stuck = max(pace->left, request->due) + DELAY_MAX_NS;

	lockdep_assert_held(&queue->lock);
	/* All of them when it is not so full any more; and when the replica takes nothing. */
	if (!crowded(queue) || now >= stuck)
		return true;
	if (pace->credit >= request->cost) {
		pace->credit -= request->cost;
		return true;
	}
	*wait = stuck - now;
	return false;
}

/*
 * Who acknowledges.
 */

static void raise_rpo(struct replica *replica, u64 age_ms)
{
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_RPO,
		.state = READ_ONCE(replica->state),
	};

	if (age_ms)
		scnprintf(event.reason, sizeof(event.reason),
			  "missed: a write is %llu ms behind, the RPO is %u ms", age_ms,
			  READ_ONCE(replica->settings.rpo));
	else
		strscpy(event.reason, "no write is older than the RPO any more",
			sizeof(event.reason));
	DMWARN_LIMIT("%s: RPO: %s", replica->name, event.reason);
	replica_event_raise(replica, &event);
}

void replica_queue_tell_rpo(struct replica *replica, u64 age_ms)
{
	struct replica_queue *queue = replica->queue;

	spin_lock_irq(&queue->lock);
	queue->rpo_missed += age_ms ? 1 : 0;
	spin_unlock_irq(&queue->lock);
	raise_rpo(replica, age_ms);
}

static void raise_mode(struct replica *replica, u16 ack, const char *reason)
{
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_MODE,
		.state = READ_ONCE(replica->state),
		.mode = READ_ONCE(replica->mode),
		.ack = ack,
	};

	strscpy(event.reason, reason, sizeof(event.reason));
	replica_event_raise(replica, &event);
}

static u16 ack_of(const struct replica_queue *queue)
{
	return queue->ack_async ? DM_REPLICA_MODE_ASYNC : DM_REPLICA_MODE_SYNC;
}

/* The time in mode adaptive that has passed since the last change. */
static u64 adaptive_ns(const struct replica_queue *queue, u64 now)
{
	return queue->adaptive ? now - queue->since : 0;
}

static void set_ack(struct replica_queue *queue, bool async, bool adaptive, u64 now)
{
	lockdep_assert_held(&queue->lock);
	if (queue->ack_async)
		queue->async_ns += adaptive_ns(queue, now);
	else
		queue->sync_ns += adaptive_ns(queue, now);
	queue->since = now;
	queue->ack_async = async;
	queue->adaptive = adaptive;
}

void replica_queue_set_mode(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;
	struct bio_list list;
	bool full;
	u64 now;
	u16 ack;

	lockdep_assert_held(&replica->op_mutex);
	bio_list_init(&list);
	spin_lock_irq(&queue->lock);
	now = ktime_get_ns();
	set_ack(queue, replica->mode == DM_REPLICA_MODE_ASYNC,
		replica->mode == DM_REPLICA_MODE_ADAPTIVE, now);
	replica_adapt_init(&queue->adapt, false, div_u64(now, NSEC_PER_MSEC));
	/* Before anything is acknowledged by the origin alone. */
	if (replica->mode != DM_REPLICA_MODE_SYNC)
		WRITE_ONCE(queue->active, true);
	else if (replica_order_empty(&queue->order) && bio_list_empty(&queue->room))
		WRITE_ONCE(queue->active, false);
	__replica_queue_take_room(queue, &list);
	__replica_queue_tick(queue);
	ack = ack_of(queue);
	full = !__replica_queue_waits(queue) && !bio_list_empty(&queue->room);
	spin_unlock_irq(&queue->lock);
	replica_queue_continue(replica, &list);
	if (full)
		replica_queue_overflow(replica, "the queue is full");
	/* Those that the queue wants to acknowledge late wait for the replica now. */
	mod_delayed_work(replica->wq, &queue->late_work, 0);
	raise_mode(replica, ack, "ordered by the administrator");
}

void replica_queue_refresh(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;
	struct bio_list list;
	bool full;

	bio_list_init(&list);
	spin_lock_irq(&queue->lock);
	__replica_queue_take_room(queue, &list);
	if (queue->nr)
		__replica_queue_tick(queue);
	/* Nobody waits for room any more. */
	full = !__replica_queue_waits(queue) && !bio_list_empty(&queue->room);
	spin_unlock_irq(&queue->lock);
	replica_queue_continue(replica, &list);
	mod_delayed_work(replica->wq, &queue->late_work, 0);
	if (full)
		replica_queue_overflow(replica, "the queue is full");
}

static u64 skew_of(const struct replica *replica)
{
	u32 skew = READ_ONCE(replica->settings.max_skew);

	return skew ?: READ_ONCE(replica->settings.queue_bytes) / 2;
}

static u32 average_us(u64 *ns, u32 *nr)
{
	u32 us = *nr ? min_t(u64, max_t(u64, div_u64(*ns, *nr) / NSEC_PER_USEC, 1), U32_MAX) : 0;

	*ns = 0;
	*nr = 0;
	return us;
}

/* Return: the reason when mode adaptive has switched, else NULL. */
static const char *adapt(struct replica_queue *queue, u64 now)
{
	struct replica *replica = queue->replica;
	struct replica_pace *pace = &queue->pace;
	struct replica_adapt_look look = {
		.now_ms = div_u64(now, NSEC_PER_MSEC),
		.lag_bytes = queue->lag,
		.age_ms = div_u64(lag_age(queue, now), NSEC_PER_MSEC),
		.max_skew = skew_of(replica),
		.rpo_ms = READ_ONCE(replica->settings.rpo),
	};

	if (!queue->adaptive ||
	    now - pace->adapt_looked < REPLICA_ADAPT_LOOK_MS * NSEC_PER_MSEC)
		return NULL;
	pace->adapt_looked = now;
	look.origin_us = average_us(&pace->origin_ns, &pace->origin_nr);
	look.replica_us = average_us(&pace->replica_ns, &pace->replica_nr);
	if (!replica_adapt_look(&queue->adapt, &look))
		return NULL;
	set_ack(queue, queue->adapt.async, true, now);
	queue->switches++;
	return queue->adapt.reason;
}

/*
 * Worker.
 */

void replica_queue_forget(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;

	spin_lock_irq(&queue->lock);
	queue->pace.looked = 0;
	forget_rates(queue);
	queue->pace.out = 0;
	spin_unlock_irq(&queue->lock);
}

static unsigned int tick_ms(const struct replica *replica)
{
	u32 rpo = READ_ONCE(replica->settings.rpo);

	return rpo ? clamp(rpo / 16, TICK_MIN_MS, TICK_MS) : TICK_MS;
}

void __replica_queue_tick(struct replica_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	if (queue->ticking)
		return;
	queue->ticking = true;
	forget_rates(queue);
	queue_delayed_work(queue->replica->wq, &queue->tick_work,
			   msecs_to_jiffies(tick_ms(queue->replica)));
}

/* An RPO that is about to be missed, under a policy that does not slow writes down. */
static bool too_old(struct replica_queue *queue, u64 now)
{
	u32 rpo = READ_ONCE(queue->replica->settings.rpo);

	return rpo && !blocks(queue) && queue->open &&
	       lag_age(queue, now) > (u64)rpo * NSEC_PER_MSEC / 8 * 7;
}

/*
 * Writers are held, and yet it is too old: the replica has become slow.  Missed once, it is so
 * until the queue has got half as old.  Return: has that changed?  @age_ms then gets the age, or
 * 0 when the RPO is kept again.
 */
static bool missed_now(struct replica_queue *queue, u64 now, u64 *age_ms)
{
	u64 age = lag_age(queue, now);
	u64 rpo = (u64)rpo_of(queue) * NSEC_PER_MSEC;
	bool missed = rpo && age > (queue->missed ? rpo / 2 : rpo);

	if (missed == queue->missed)
		return false;
	queue->missed = missed;
	queue->rpo_missed += missed;
	*age_ms = missed ? div_u64(age, NSEC_PER_MSEC) : 0;
	return true;
}

void replica_queue_tick_work(struct work_struct *work)
{
	struct replica_queue *queue = container_of(to_delayed_work(work), struct replica_queue,
						   tick_work);
	struct replica *replica = queue->replica;
	const char *switched;
	struct bio_list list;
	bool old, goes_on, full, missed;
	u64 now, age_ms;
	u16 ack;

	bio_list_init(&list);
	spin_lock_irq(&queue->lock);
	now = ktime_get_ns();
	look_at_rates(queue, now);
	switched = adapt(queue, now);
	ack = ack_of(queue);
	old = too_old(queue, now);
	missed = missed_now(queue, now, &age_ms);
	/* Another replica may have given back room, or the rate have risen. */
	__replica_queue_take_room(queue, &list);
	/* Mode adaptive may have begun to let the origin acknowledge alone. */
	full = !__replica_queue_waits(queue) && !bio_list_empty(&queue->room);
	if (!crowded(queue))
		queue->pending = false;
	/* Or what the RPO allows. */
	if (!list_empty(&queue->late) && !crowded(queue))
		mod_delayed_work(replica->wq, &queue->late_work, 0);
	goes_on = queue->nr || !bio_list_empty(&queue->room);
	queue->ticking = goes_on;
	if (goes_on)
		queue_delayed_work(replica->wq, &queue->tick_work,
				   msecs_to_jiffies(tick_ms(replica)));
	spin_unlock_irq(&queue->lock);

	replica_queue_continue(replica, &list);
	if (switched)
		raise_mode(replica, ack, switched);
	if (old)
		replica_queue_overflow(replica, "the oldest write nears the RPO");
	if (full)
		replica_queue_overflow(replica, "the queue is full");
	if (missed)
		raise_rpo(replica, age_ms);
}

bool replica_queue_pressed(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;

	/* Writers who wait give way to a copy; a queue that would be given up does not. */
	if (!replica_queue_active(replica) || blocks(queue))
		return false;
	return READ_ONCE(queue->used) > limit_now(queue) / 4;
}

/*
 * Status.
 */

u64 replica_queue_age_ms(struct replica *replica)
{
	struct replica_queue *queue = replica->queue;
	unsigned long flags;
	u64 age;

	spin_lock_irqsave(&queue->lock, flags);
	age = lag_age(queue, ktime_get_ns());
	spin_unlock_irqrestore(&queue->lock, flags);
	return div_u64(age, NSEC_PER_MSEC);
}

static void fill_rates(struct replica_queue *queue, struct replica_queue_status *status, u64 now)
{
	const struct replica_pace *pace = &queue->pace;

	status->has_drain = !queue->nr || pace->rate_out;
	if (now - pace->looked > RATE_AGE_NS && !queue->nr)
		return;
	status->rate_in = pace->rate_in;
	status->rate_out = pace->rate_out;
	if (queue->nr && pace->rate_out)
		status->drain_ms = max3(1ULL, div64_u64(queue->payload * 1000, pace->rate_out),
					div_u64(waves_ns(queue), NSEC_PER_MSEC));
}

void replica_queue_status(struct replica *replica, struct replica_queue_status *status)
{
	struct replica_queue *queue = replica->queue;
	unsigned long flags;
	u64 now;

	memset(status, 0, sizeof(*status));
	spin_lock_irqsave(&queue->lock, flags);
	now = ktime_get_ns();
	status->ack = ack_of(queue);
	status->entries = queue->nr;
	status->bytes = queue->used;
	status->lag_bytes = queue->lag;
	status->age_ms = div_u64(lag_age(queue, now), NSEC_PER_MSEC);
	status->high_entries = queue->high_nr;
	status->high_bytes = queue->high_used;
	status->high_age_ms = div_u64(queue->high_age_ns, NSEC_PER_MSEC);
	status->pending = queue->nr && (queue->pending || !list_empty(&queue->late) ||
					!bio_list_empty(&queue->room));
	status->overflows = queue->overflows;
	status->rpo_missed = queue->rpo_missed;
	memcpy(status->delays, queue->delays, sizeof(status->delays));
	status->switches = queue->switches;
	status->sync_ms = div_u64(queue->sync_ns +
				  (queue->ack_async ? 0 : adaptive_ns(queue, now)),
				  NSEC_PER_MSEC);
	status->async_ms = div_u64(queue->async_ns +
				   (queue->ack_async ? adaptive_ns(queue, now) : 0),
				   NSEC_PER_MSEC);
	status->reason = queue->adapt.reason;
	fill_rates(queue, status, now);
	spin_unlock_irqrestore(&queue->lock, flags);
}
