/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What intent.c and activate.c share.
 */
#ifndef DM_REPLICA_INTENT_PRIV_H
#define DM_REPLICA_INTENT_PRIV_H

#include "dm-replica-intent.h"
#include "dm-replica-log.h"
#include "dm-replica-meta.h"

/* Does the superblock on the device say that the replica is whole? */
enum replica_log_whole {
	REPLICA_LOG_NOT_WHOLE,
	REPLICA_LOG_UNCERTAIN,	/* a write is under way, or has failed */
	REPLICA_LOG_WHOLE,
};

/**
 * struct replica_intents - the intents of one association
 * @wq: replica->log_wq: the worker waits for the meta device
 * @mutex: the meta device, the slots and the bits; taken inside op_mutex
 * @waiting: writes whose regions are not active; under replica->lock
 * @waits: how many there were; likewise
 * @note: the superblock is out of date
 * @failed: the meta device could not be written
 * @stopped: the device is suspended
 * @label_pending: the replica has not got the label of this activation yet
 * @label_retry: jiffies: before that it is not tried while the replica gets no writes
 * @label_unread: the replica could not be asked for its label yet
 * @label_torn: the replica is none that the log knows, and the superblock is to say so first
 * @label_behind: at activation: it still has that of the one before
 * @everything: at activation: all is to be copied, for it is not known what
 * @planned: the copy state that the superblock is to tell, 0: the present one
 * @planned_back: with @planned: the legs swap once more when they are in step
 * @planned_whole: likewise: what is to be the replica is a copy of one moment
 * @whole: enum replica_log_whole; written under replica->lock, or when a write is over
 * @last_tick: jiffies of the last look at what is idle
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
	bool label_unread;
	bool label_torn;
	bool label_behind;
	bool everything;
	u16 planned;
	bool planned_back;
	bool planned_whole;
	u8 whole;
	unsigned long label_retry;
	unsigned long last_tick;
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
void replica_intents_clear_bit(struct replica_intents *intents, u64 region, bool urgent);
int replica_intents_write_anew(struct replica_intents *intents);
/* Take all slots back and write everything down.  The device is suspended. */
int replica_intents_empty(struct replica_intents *intents);
void replica_intents_fail(struct replica_intents *intents, int error);
/* Is one that is pending to be written now? */
bool replica_label_due(struct replica_intents *intents);
/* Write the label if the replica has not got it.  Return: an error of the meta device. */
int replica_intents_write_label(struct replica_intents *intents);
/* A failed meta device must not be believed when it comes back as it is. */
void replica_intents_disown(struct replica_intents *intents);
/* The superblock as things are now, with these flags besides. */
int replica_intents_write_sb(struct replica_intents *intents, u16 flags);

/* Take all that wait, and let them go. */
void replica_intents_take_waiting(struct replica_intents *intents, struct bio_list *batch);
void replica_intents_let_go(struct replica_intents *intents, struct bio_list *batch);
/* The meta device has failed: see to those that wait. */
void replica_intents_go_on_without(struct replica_intents *intents);
/* Write everything to it anew; if that works the log is one again. */
void replica_intents_try_again(struct replica_intents *intents);

/* It is not known any more what may differ.  At activation. */
void replica_intents_everything(struct replica_intents *intents);

/* label.c APIs, with the mutex as above: */

/* Return: NULL, or why the legs and the log do not belong together. */
const char *replica_label_check(struct replica_intents *intents, bool first);
/* Another replica was accepted, or the device has grown over the label. */
void replica_label_replace(struct replica_intents *intents);
/* A place for a label at the tail of a leg, 0: there is none, or something else is there. */
u64 replica_label_place(struct replica_intents *intents, struct block_device *leg);
/* In the superblock in memory another generation begins. */
void replica_label_next_generation(struct replica_intents *intents);
/* Write superblock and label of a new activation.  0 or an error of the meta device. */
int replica_label_begin(struct replica_intents *intents);

#endif /* DM_REPLICA_INTENT_PRIV_H */
