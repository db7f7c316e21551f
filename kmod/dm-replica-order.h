/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The order in which queued writes reach the replica.  Pure: no lock, no memory.
 *
 * The promise (P4): if A was acknowledged before B was submitted, B is never on the
 * replica without A.  Each entry gets the next sequence number, and @dep: the highest
 * number that had been acknowledged by then.  An entry is issued when everything up to
 * its @dep is on the replica.  Entries that the application had under way at once may
 * so be under way at once on the replica too.
 *
 * Why nothing waits for ever: @dep is taken before the own number, so it is lower, and
 * the oldest entry waits for none.  Why two lists are all the state: @dep never falls
 * from one entry to the next, so entries become ready in the order of their numbers.
 *
 * A wave are entries that may be under way at once: @wave counts how many have to follow one
 * another, which is what a replica with a long way to it takes time for, however much it takes
 * at a time.  Like @dep it never falls from one entry to the next.
 *
 * An entry that was on the replica when it was acknowledged binds nobody: whoever comes
 * later finds it there.  So a write that both legs acknowledge costs no concurrency.
 *
 * Documentation/design/order.rst has the argument with an example.
 */
#ifndef DM_REPLICA_ORDER_H
#define DM_REPLICA_ORDER_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct replica_order - the entries that are not on the replica
 * @entries: all, by number
 * @waiting: those that are not issued, by number
 * @last: number of the last entry, from 1
 * @acked: highest number that was acknowledged while not on the replica
 * @acked_wave: the wave of that entry
 * @last_wave: the wave of the last entry
 */
struct replica_order {
	struct list_head entries;
	struct list_head waiting;
	u64 last;
	u64 acked;
	u64 acked_wave;
	u64 last_wave;
};

/**
 * struct replica_ordered - one entry
 * @entry: in @entries; empty when it is over
 * @wait: in @waiting; empty when it is issued
 */
struct replica_ordered {
	struct list_head entry;
	struct list_head wait;
	u64 seq;
	u64 dep;
	u64 wave;
};

static inline void replica_order_init(struct replica_order *order)
{
	INIT_LIST_HEAD(&order->entries);
	INIT_LIST_HEAD(&order->waiting);
	order->last = 0;
	order->acked = 0;
	order->acked_wave = 0;
	order->last_wave = 0;
}

static inline bool replica_order_empty(struct replica_order *order)
{
	return list_empty(&order->entries);
}

static inline struct replica_ordered *replica_order_first(struct replica_order *order)
{
	return list_first_entry_or_null(&order->entries, struct replica_ordered, entry);
}

/* Are all entries up to this number over? */
static inline bool replica_order_passed(struct replica_order *order, u64 seq)
{
	const struct replica_ordered *first = replica_order_first(order);

	return !first || first->seq > seq;
}

/* A write is submitted. */
static inline void replica_order_add(struct replica_order *order, struct replica_ordered *new)
{
	new->dep = order->acked;
	new->seq = ++order->last;
	if (!replica_order_passed(order, new->dep) && order->acked_wave >= order->last_wave)
		order->last_wave = order->acked_wave + 1;
	new->wave = order->last_wave;
	list_add_tail(&new->entry, &order->entries);
	list_add_tail(&new->wait, &order->waiting);
}

/* It is about to be acknowledged, and is not on the replica. */
static inline void replica_order_ack(struct replica_order *order,
				     const struct replica_ordered *entry)
{
	if (entry->seq > order->acked) {
		order->acked = entry->seq;
		order->acked_wave = entry->wave;
	}
}

/* How many waves there are up to this entry, which is not over, one after the other. */
static inline u64 replica_order_waves(struct replica_order *order,
				      const struct replica_ordered *entry)
{
	return entry->wave - replica_order_first(order)->wave + 1;
}

/* The next entry to issue, taken off @waiting; NULL when there is none or it has to wait. */
static inline struct replica_ordered *replica_order_next(struct replica_order *order)
{
	struct replica_ordered *next;

	next = list_first_entry_or_null(&order->waiting, struct replica_ordered, wait);
	if (!next || !replica_order_passed(order, next->dep))
		return NULL;
	list_del_init(&next->wait);
	return next;
}

/* Could one be issued now? */
static inline bool replica_order_ready(struct replica_order *order)
{
	const struct replica_ordered *next;

	next = list_first_entry_or_null(&order->waiting, struct replica_ordered, wait);
	return next && replica_order_passed(order, next->dep);
}

/* It is on the replica, or given up. */
static inline void replica_order_over(struct replica_order *order, struct replica_ordered *entry)
{
	list_del_init(&entry->entry);
	list_del_init(&entry->wait);
}

#endif /* DM_REPLICA_ORDER_H */
