/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events: raised in any context, kept in a small ring, sent from process
 * context as netlink multicast and as a device-mapper event.  Each mapped
 * device numbers its events from 1 without a gap; one that found the ring full
 * is dropped and its number is missing on the wire, so that listeners notice.
 */
#ifndef DM_REPLICA_EVENT_H
#define DM_REPLICA_EVENT_H

#include <linux/types.h>

#include <linux/dm-replica.h>

#include "dm-replica.h"

/**
 * struct replica_event - what happened, complete in itself
 * @seq: number on this mapped device, from 1
 * @type: enum dm_replica_event_type
 * @time_ms: milliseconds since the epoch
 * @state: the copy state after the event
 * @old_state: the copy state before it (type STATE)
 * @sector: where (types of errors), 512 byte sectors
 * @error: positive errno (types of errors)
 * @reason: sentence, or empty
 * @mode: enum dm_replica_mode (type MODE)
 * @ack: how writes are acknowledged now, likewise
 * @job: valid when job.id is not 0 (type JOB)
 */
struct replica_event {
	u64 seq;
	u16 type;
	u64 time_ms;
	u16 state;
	u16 old_state;
	u64 sector;
	u32 error;
	u16 mode;
	u16 ack;
	char reason[DM_REPLICA_REASON_LEN];
	struct replica_job job;
};

/* May sleep.  NULL when there is no memory. */
struct replica_event_ring *replica_event_ring_create(void);
void replica_event_ring_destroy(struct replica_event_ring *ring);

/**
 * replica_event_raise - number an event, keep it, and have it sent soon
 * @event: type and its details; seq and time_ms are filled in here
 *
 * Any context.  Takes the event lock only.  Queues replica->event_work.
 */
void replica_event_raise(struct replica *replica, struct replica_event *event);
/* The last event of one that is not found any more: sent when this returns.  May sleep. */
void replica_event_removed(struct replica *replica);
/* A new association numbers on where the old one of the mapped device ended. */
void replica_event_continue(struct replica *replica, struct replica *old);
/* Number of the last event. */
u64 replica_event_seq(struct replica *replica);
/* Worker of replica->event_work: sends what the ring holds. */
void replica_event_work(struct work_struct *work);

/* netlink.c: send one event to the multicast group.  May sleep. */
void replica_netlink_event(struct replica *replica, const struct replica_event *event);

#endif /* DM_REPLICA_EVENT_H */
