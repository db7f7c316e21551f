// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring between those who raise events, in any context, and the worker that
 * sends them.
 */
#include <linux/slab.h>

#include "dm-replica.h"
#include "dm-replica-event.h"

/* Events that wait to be sent, at most.  A power of two. */
#define REPLICA_EVENTS	64

/**
 * struct replica_event_ring - events not yet sent
 * @lock: the event lock, guards everything here
 * @seq: number of the last event that was raised, kept or not
 * @head: events put in since the beginning
 * @tail: events taken out since the beginning
 * @events: the ring, event n at n modulo REPLICA_EVENTS
 */
struct replica_event_ring {
	spinlock_t lock;	/* the event lock */
	u64 seq;
	unsigned int head;
	unsigned int tail;
	struct replica_event events[REPLICA_EVENTS];
};

/**
 * replica_event_ring_create - make an empty ring
 *
 * May sleep.
 *
 * Return: the ring, or NULL when there is no memory.
 */
struct replica_event_ring *replica_event_ring_create(void)
{
	struct replica_event_ring *ring = kvzalloc(sizeof(*ring), GFP_KERNEL);

	BUILD_BUG_ON_NOT_POWER_OF_2(REPLICA_EVENTS);
	if (ring)
		spin_lock_init(&ring->lock);
	return ring;
}

/**
 * replica_event_ring_destroy - free a ring and what it still holds
 * @ring: from replica_event_ring_create(), or NULL
 *
 * May sleep.  The worker must not run any more.
 */
void replica_event_ring_destroy(struct replica_event_ring *ring)
{
	kvfree(ring);
}

/*
 * Numbers the event and keeps it.  An event that finds no room loses its place
 * but not its number: the gap tells the listeners.
 */
static bool ring_put(struct replica_event_ring *ring, struct replica_event *event)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&ring->lock, flags);
	event->seq = ++ring->seq;
	event->time_ms = ktime_to_ms(ktime_get_real());
	room = ring->head - ring->tail < REPLICA_EVENTS;
	if (room)
		ring->events[ring->head++ % REPLICA_EVENTS] = *event;
	spin_unlock_irqrestore(&ring->lock, flags);
	return room;
}

static bool ring_take(struct replica_event_ring *ring, struct replica_event *event)
{
	unsigned long flags;
	bool any;

	spin_lock_irqsave(&ring->lock, flags);
	any = ring->head != ring->tail;
	if (any)
		*event = ring->events[ring->tail++ % REPLICA_EVENTS];
	spin_unlock_irqrestore(&ring->lock, flags);
	return any;
}

/**
 * replica_event_raise - number an event, keep it, and have it sent soon
 * @replica: what it happened to
 * @event: type and its details; seq and time_ms are filled in here, and the
 *	present state where none is given
 *
 * Any context.  Takes the event lock only.
 */
void replica_event_raise(struct replica *replica, struct replica_event *event)
{
	if (!event->state)
		event->state = READ_ONCE(replica->state);
	if (!ring_put(replica->events, event))
		replica_count(replica, DM_REPLICA_C_EVENTS_DROPPED, 1);
	queue_work(replica_aux_wq, &replica->event_work);
}

/**
 * replica_event_seq - number of the last event
 * @replica: whose
 *
 * Any context.
 *
 * Return: the number, 0 when there was no event yet.
 */
u64 replica_event_seq(struct replica *replica)
{
	struct replica_event_ring *ring = replica->events;
	unsigned long flags;
	u64 seq;

	spin_lock_irqsave(&ring->lock, flags);
	seq = ring->seq;
	spin_unlock_irqrestore(&ring->lock, flags);
	return seq;
}

/* Wakes those who wait for the mapped device ("dmsetup wait"). */
static void wake_waiters(struct replica *replica)
{
	mutex_lock(&replica->table_mutex);
	if (replica->table)
		dm_table_event(replica->table);
	mutex_unlock(&replica->table_mutex);
}

/**
 * replica_event_work - send what the ring holds
 * @work: event_work of a replica
 *
 * Takes no lock that is held while somebody waits for this worker.  One run
 * sends what was there when it began: whatever is raised later queues it again.
 */
void replica_event_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, event_work);
	struct replica_event event;
	unsigned int sent = 0;

	while (sent < REPLICA_EVENTS && ring_take(replica->events, &event)) {
		replica_netlink_event(replica, &event);
		sent++;
	}
	if (sent)
		wake_waiters(replica);
}

/**
 * replica_event_removed - raise the last event of an association, and have it sent
 * @replica: which is not found any more
 *
 * May sleep.  No later event would tell that this one is missing, so what was raised
 * before it makes room first.
 */
void replica_event_removed(struct replica *replica)
{
	struct replica_event event = { .type = DM_REPLICA_EVENT_REMOVED };

	flush_work(&replica->event_work);
	replica_event_raise(replica, &event);
	flush_work(&replica->event_work);
}

/**
 * replica_event_continue - number on where another association ended
 * @replica: the new one of the mapped device, which has raised nothing yet
 * @old: the one that was retired
 *
 * For a mapped device there is one row of numbers, whatever its table.
 */
void replica_event_continue(struct replica *replica, struct replica *old)
{
	u64 seq = replica_event_seq(old);
	unsigned long flags;

	spin_lock_irqsave(&replica->events->lock, flags);
	replica->events->seq = seq;
	spin_unlock_irqrestore(&replica->events->lock, flags);
}
