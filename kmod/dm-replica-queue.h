/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of writes that the origin may acknowledge alone.
 *
 * The life of an entry: replica_queue_enter() finds room for it; replica_queue_add()
 * gives it its place in the order; issue_work sends it to the replica when that is its
 * turn; it is over when the replica has it.  Meanwhile the origin's part ends, and
 * replica_queue_origin_done() decides whether the write is acknowledged then, a little
 * later, or when it is over.
 *
 * Bounds (P5): memory is reserved before it is taken.  Under overflow block writes are
 * acknowledged as others leave, the fuller the queue is the fewer, and wait for room in the
 * end.  What is late is the acknowledgment, not the write: what is not acknowledged binds
 * nobody behind it, so a full queue is shipped with all the concurrency the application has.
 *
 * The queue is open while shipping is on.  When it is closed, what is not issued is
 * dropped after its regions were marked, and what is issued comes back by itself, or is
 * given up by the clock.  While an entry is in the queue its regions stay active in
 * the log, so that a crash finds them dirty.
 *
 * queue.c has the path of an entry; behind.c how the queue is given up and drained;
 * pace.c rates, limits, and mode adaptive.
 */
#ifndef DM_REPLICA_QUEUE_H
#define DM_REPLICA_QUEUE_H

#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dm-replica-adapt.h"
#include "dm-replica-io.h"
#include "dm-replica-order.h"

/* Counters of regions with entries: a region shares one with few others. */
#define REPLICA_QUEUE_HASH	16384

/**
 * struct replica_pace - rates and limits; under the queue's lock
 * @rate_in: bytes/s that came, averaged
 * @rate_out: bytes/s that the replica took while there was something to take, 0: unknown
 * @in: payload that came since @looked
 * @out: payload that went
 * @busy: the queue was never empty since @looked
 * @looked: ktime of the last look, ns
 * @latency: ns that the replica takes for an entry, averaged, 0: unknown
 * @took: sum of that since @looked, of @took_nr entries
 * @credit: bytes of late acknowledgments that entries which left have made room for
 * @left: ktime at which the last entry left, ns
 * @origin_ns: sum of latencies since the last look of mode adaptive, @origin_nr of them
 * @replica_ns: likewise
 * @adapt_looked: ktime of that look, ns
 */
struct replica_pace {
	u64 rate_in;
	u64 rate_out;
	u64 in;
	u64 out;
	bool busy;
	u64 looked;
	u64 latency;
	u64 took;
	u32 took_nr;
	u64 credit;
	u64 left;
	u64 origin_ns;
	u32 origin_nr;
	u64 replica_ns;
	u32 replica_nr;
	u64 adapt_looked;
};

/**
 * struct replica_queue - of one association
 * @lock: innermost, irq: all that follows but what has another rule
 * @order: entries that are not over
 * @late: acknowledgments that are due later, by @due
 * @room: bios that wait for room; their ranges are granted
 * @open: shipping is on
 * @tried: jiffies when somebody last found no memory, or no slot of the log; 0: never
 * @tries_since: and when that began
 * @stale: number of the last entry that should have been dropped when it was opened
 * @active: writes go through the queue.  Read without the lock: see replica_queue_active()
 * @ticking: tick_work is queued
 * @ack_async: the origin alone acknowledges
 * @adaptive: that is decided by the policy of mode adaptive
 * @pending: writes are slowed down
 * @missed: an entry got older than the RPO, and that has been told
 * @used: memory of the entries, bytes
 * @nr: number of entries
 * @payload: of all of them, bytes
 * @lag: payload of those that were acknowledged by the origin alone
 * @overflows: times that it was given up
 * @rpo_missed: times that an entry got older than the RPO under overflow block
 * @since: ktime of the last change of @ack_async or @adaptive, ns
 * @switches: changes of @ack_async in mode adaptive
 * @sync_ns: time in mode adaptive with @ack_async off, up to @since; @async_ns with it on
 * @dwell_ms: how long the queue stays given up
 * @dwell_end: jiffies at which that is over
 * @resumed: ktime at which the last resync after an overflow began, ns; 0: none
 * @delays: see DM_REPLICA_DELAYS
 * @regions: entries by hash of their regions
 * @pinned: regions of all entries: slots of the log that they keep, at most
 * @drained: woken when it becomes empty
 */
struct replica_queue {
	struct replica *replica;
	spinlock_t lock;	/* see above */
	struct replica_order order;
	struct list_head late;
	struct bio_list room;
	bool open;
	bool active;
	bool ticking;
	bool ack_async;
	bool adaptive;
	bool pending;
	bool missed;
	u64 used;
	u64 nr;
	u64 payload;
	u64 lag;
	u64 high_used;
	u64 high_nr;
	u64 high_age_ns;
	unsigned long tried;
	unsigned long tries_since;
	u64 stale;
	u64 overflows;
	u64 rpo_missed;
	u64 since;
	u64 switches;
	u64 sync_ns;
	u64 async_ns;
	u32 dwell_ms;
	unsigned long dwell_end;
	u64 resumed;
	u64 delays[DM_REPLICA_DELAYS];
	struct replica_pace pace;
	struct replica_adapt adapt;
	atomic_t regions[REPLICA_QUEUE_HASH];
	atomic64_t pinned;
	wait_queue_head_t drained;
	struct work_struct issue_work;
	struct work_struct drop_work;
	struct delayed_work late_work;
	struct delayed_work tick_work;
	struct delayed_work behind_work;
};

/* May sleep.  NULL when there is no memory. */
struct replica_queue *replica_queue_create(struct replica *replica);
/* The association is over: no entry is left. */
void replica_queue_destroy(struct replica_queue *queue);

/*
 * Do writes go through the queue?  A write that sees false goes to both legs at once,
 * and is acknowledged by both.  Whoever turns this on has not acknowledged anything
 * alone yet, so nothing that such a write could overtake was before it; whoever turns
 * it off saw the queue empty.
 */
static inline bool replica_queue_active(const struct replica *replica)
{
	return READ_ONCE(replica->queue->active);
}

enum replica_enter {
	REPLICA_ENTER_OK,	/* there is room, reserved for this write */
	REPLICA_ENTER_DIRECT,	/* the queue is not in use */
	REPLICA_ENTER_CLOSED,	/* shipping is off */
	REPLICA_ENTER_WAITS,	/* the bio is kept, and continued when there is room */
};

/* @cost: bytes of memory.  Any context.  The range is granted. */
enum replica_enter replica_queue_enter(struct replica_io *io, struct bio *bio,
				       unsigned int cost);
/* Give back the room of a write that goes another way.  Any context. */
void replica_queue_leave(struct replica_io *io, unsigned int cost);
/* The request is complete: it takes its place.  Before the origin's part is sent. */
void replica_queue_add(struct replica_io *io, struct replica_request *request);
/* The origin's part is over.  Return: true when the write is to be acknowledged now. */
bool replica_queue_origin_done(struct replica_io *io);
/* Memory that a write of so many bytes takes, at most. */
unsigned int replica_queue_cost(const struct bio *bio);
/* Has the queue entries in this region?  May say so wrongly.  Any context. */
bool replica_queue_in_region(struct replica *replica, u64 region);
bool replica_queue_in_range(struct replica *replica, sector_t sector, sector_t sectors);

/* behind.c APIs: */

void replica_queue_drop_work(struct work_struct *work);
void replica_queue_behind_work(struct work_struct *work);

/* Shipping has begun or ended.  replica->lock held. */
void replica_queue_set_open(struct replica *replica, bool open);
/* Is it closed?  Any context. */
bool replica_queue_shut(struct replica *replica);
/* Has it entries that should have been dropped, but it was opened before?  Any context. */
bool replica_queue_stale(struct replica *replica);
/*
 * Drop what a closed queue has, and wait for what the replica has.  May sleep.
 * Return: false when it did not return all in time.
 */
bool replica_queue_pay(struct replica *replica);
/* Give the queue up for a resync later.  Any context. */
void replica_queue_overflow(struct replica *replica, const char *why);
/* Entries that the replica has had for longer, given up.  Return: how many. */
unsigned int replica_queue_detach_older(struct replica *replica, unsigned int age_ms);
/*
 * If it has anything, give it up for a resync as soon as the replica has returned all.
 * Return: false when it has nothing, or is given up already.  Any context.
 */
bool replica_queue_give_up(struct replica *replica, const char *reason);
/* A write finds none of so many slots of the log free.  Any context. */
void replica_queue_pins(struct replica *replica, unsigned int slots);
/* There is no memory for another write: the queue is given up if the policy says so. */
void replica_queue_short(struct replica *replica);
/* A suspend lasts too long: the queue is given up if anything waits for it. */
void replica_queue_hurry(struct replica *replica);
/* No bio is under way: wait for the replica, with a bound.  May sleep. */
void replica_queue_suspend(struct replica *replica);
void replica_queue_resume(struct replica *replica);
/* Another device is the replica now: what the earlier one could do says nothing. */
void replica_queue_forget(struct replica *replica);
/* Wait until it is empty, at most so long.  May sleep. */
bool replica_queue_drain(struct replica *replica, unsigned int ms);
bool replica_queue_empty(struct replica *replica);
/* Has a closed queue nothing left?  One that is open owes nothing. */
bool replica_queue_paid(struct replica *replica);
/* Number of the last entry; and are all up to one over? */
u64 replica_queue_last(struct replica *replica);
bool replica_queue_passed(struct replica *replica, u64 seq);
/* Is it so full that a job has to wait, lest it be given up? */
bool replica_queue_pressed(struct replica *replica);

/* pace.c APIs: */

/* The mode, or a setting of the queue, is another one.  op_mutex held for the mode. */
void replica_queue_set_mode(struct replica *replica);
void replica_queue_refresh(struct replica *replica);
void replica_queue_tick_work(struct work_struct *work);
/* With delta updates: a write is @age_ms old, which misses the RPO; 0: it is kept again. */
void replica_queue_tell_rpo(struct replica *replica, u64 age_ms);
/* Entry points for queue.c, with the lock held. */
void __replica_pace_in(struct replica_queue *queue, unsigned int bytes);
void __replica_pace_out(struct replica_queue *queue, unsigned int bytes);
/* May the origin acknowledge it alone now?  If not, that waits for the replica. */
bool __replica_pace_alone(struct replica_queue *queue, const struct replica_request *request,
			  u64 now);
/* Is it so full that acknowledgments come later? */
bool __replica_pace_late(struct replica_queue *queue);
/* May the first of those that are late come now?  Else @wait gets the time to another look, ns. */
bool __replica_pace_due(struct replica_queue *queue, const struct replica_request *request,
			u64 now, u64 *wait);
/* An entry has left: others may be acknowledged. */
void __replica_pace_left(struct replica_queue *queue, const struct replica_request *request,
			 u64 now);
/* Takes room for so many bytes, if there is. */
bool __replica_queue_charge(struct replica_queue *queue, unsigned int cost);
/* Why there is none. */
const char *replica_queue_full_text(struct replica_queue *queue, unsigned int cost);
/*
 * Who finds no room waits for it under overflow block; and as long as both legs acknowledge all,
 * since then nothing is behind that could be given up.
 */
bool __replica_queue_waits(struct replica_queue *queue);
void __replica_queue_uncharge(struct replica_queue *queue, unsigned int cost);
void __replica_queue_note_delay(struct replica_queue *queue, u64 ns);
/* What there is room for now, to be continued by the caller without the lock. */
void __replica_queue_take_room(struct replica_queue *queue, struct bio_list *list);
/* Restart tick_work. */
void __replica_queue_tick(struct replica_queue *queue);

/* queue.c APIs for behind.c and pace.c: */

/*
 * The end of an entry, in three steps.  First, without the lock: mark its regions when
 * the replica has not got it, and let the log have them.
 */
void replica_queue_settle(struct replica_request *request, bool missed);
/* Off the order, with the lock held; @list gets what there is room for now. */
void __replica_queue_over(struct replica_queue *queue, struct replica_request *request,
			  struct bio_list *list);
/* Without it: @io, if it is not acknowledged yet, and the memory. */
void replica_queue_end(struct replica_request *request, struct replica_io *io, bool missed);
/* Send the bios of the list on their way again. */
void replica_queue_continue(struct replica *replica, struct bio_list *list);
/* Let issue_work look. */
void replica_queue_kick(struct replica *replica);
void replica_queue_init_request(struct replica_request *request);

/* How long ago the first write in it was made that the origin alone has acknowledged. */
u64 replica_queue_age_ms(struct replica *replica);
/* Any context. */
void replica_queue_status(struct replica *replica, struct replica_queue_status *status);

static inline struct replica_request *replica_request_of(struct replica_ordered *ordered)
{
	return container_of(ordered, struct replica_request, ordered);
}

static inline u64 replica_request_payload(const struct replica_request *request)
{
	return (u64)request->sectors << SECTOR_SHIFT;
}

#endif /* DM_REPLICA_QUEUE_H */
