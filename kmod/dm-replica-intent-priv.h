/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What intent.c and activate.c share.
 */
#ifndef DM_REPLICA_INTENT_PRIV_H
#define DM_REPLICA_INTENT_PRIV_H

#include "dm-replica-intent.h"
#include "dm-replica-log.h"
#include "dm-replica-meta.h"

/**
 * struct replica_intents - the intents of one association
 * @wq: its own: the worker waits for the meta device
 * @mutex: the meta device, the slots and the bits; taken inside op_mutex
 * @waiting: writes whose regions are not active; under replica->lock
 * @waits: how many there were; likewise
 * @note: the superblock is out of date
 * @failed: the meta device could not be written
 * @stopped: the device is suspended
 * @label_pending: the replica has not got the label of this activation yet
 * @label_behind: at activation: it still has that of the one before
 * @last_tick: jiffies of the last look at what is idle
 * @settled: writes up to this generation are durable on both legs
 * @activity: slots; @nr_used of them in use
 * @hand: the slot that is looked at next for taking back
 * @next: the slot that is looked at next for giving away
 * @slots: region of each, or DM_REPLICA_INTENT_NONE
 * @victims: slots that evict() is at
 * @slotted: regions that have a slot
 * @on_disk: regions whose bit in the bitmap is set; @nr_on_disk of them
 */
struct replica_intents {
	struct replica *replica;
	struct replica_meta *meta;
	struct workqueue_struct *wq;
	struct mutex mutex;	/* see above */
	struct delayed_work work;
	struct bio_list waiting;
	u64 waits;
	atomic_t note;
	bool failed;
	bool stopped;
	bool label_pending;
	bool label_behind;
	unsigned long last_tick;
	atomic64_t settled;
	u32 activity;
	u32 nr_used;
	u32 hand;
	u32 next;
	u32 *slots;
	u32 *victims;
	unsigned long *slotted;
	unsigned long *on_disk;
	u64 nr_on_disk;
};

void replica_intents_work(struct work_struct *work);
/* The mutex is held, or nobody else can be there yet, for all of these. */
void replica_intents_set_bit(struct replica_intents *intents, u64 region, bool urgent);
int replica_intents_write_anew(struct replica_intents *intents);
/* Take all slots back and write everything down.  The device is suspended. */
int replica_intents_empty(struct replica_intents *intents);
void replica_intents_fail(struct replica_intents *intents, int error);
/* Write the label if the replica has not got it.  Return: an error of the meta device. */
int replica_intents_write_label(struct replica_intents *intents);
/* A failed meta device must not be believed when it comes back as it is. */
void replica_intents_disown(struct replica_intents *intents);
/* The superblock as things are now, with these flags besides. */
int replica_intents_write_sb(struct replica_intents *intents, u16 flags);

#endif /* DM_REPLICA_INTENT_PRIV_H */
