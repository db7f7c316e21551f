/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delta update (CIM DeltaUpdateInterval): writes go to the origin alone and are tracked in
 * the dirty log, and every delta_ms what changed is carried to the replica as one point in
 * time.  Between two updates the replica is not touched, and is the origin of that instant.
 *
 * An update, and whatever else copies while this is on:
 *	freeze	new writes wait in cbw.c, those under way end, and the dirty regions of
 *		this instant are frozen; the writes go on
 *	copy	the walk of resync.c copies what is frozen and nothing else; a write to a
 *		region that is frozen waits until it is copied, which comes before all others
 *	flush	of the replica; then the state is Synchronized, and this is the new point
 *
 * A frozen region is dirty, and stays so if it is written to once it is copied.  So dirty
 * covers what is frozen and what came later, at every instant, and a crash at any of them costs
 * an update of the two.  Frozen regions are known in memory only.
 *
 * Who gives an update up thaws: all writes go on, what was frozen is as dirty as the rest,
 * and the next update begins with another instant.  Documentation/design/delta.rst has more.
 *
 * The walk may be about to end a batch of an update that was given up when the next one
 * freezes: batches know the number of their freeze, see replica_log_freeze().
 */
#ifndef DM_REPLICA_DELTA_H
#define DM_REPLICA_DELTA_H

#include "dm-replica-io.h"

struct replica_delta;

/* May sleep.  NULL: no memory. */
struct replica_delta *replica_delta_create(struct replica *replica);
/* May sleep; the device is suspended, or never was resumed. */
void replica_delta_destroy(struct replica_delta *delta);
/* The device is resumed: settings may be new.  op_mutex held. */
void replica_delta_resume(struct replica *replica);
/* A suspend begins: writers wait for no objective any more.  May sleep. */
void replica_delta_presuspend(struct replica *replica);
/* No bio is under way.  May sleep; op_mutex not held. */
void replica_delta_suspend(struct replica *replica);
/* A setting, or what contradicts it, changed: begin, end, or keep another time.  op_mutex held. */
void replica_delta_apply(struct replica *replica);
/* The legs have changed places; @whole: the new replica is of now.  replica->lock held. */
void __replica_delta_swapped(struct replica *replica, bool whole);
/* NULL, or why the settings do not go together; *attr gets the DM_REPLICA_S_* at fault. */
char *replica_delta_contradiction(const struct replica_settings *settings, u16 mode, bool clone,
				  unsigned int *attr);

/* state.c enters @state; before it does.  replica->lock held. */
void __replica_delta_enter(struct replica *replica, u16 state);
/* The job that copied what is frozen cannot go on.  replica->lock held. */
void __replica_delta_failed(struct replica *replica);
/* The origin cannot deliver a region: an update ends when a write waits for it.  May sleep. */
void replica_delta_unreadable(struct replica *replica, u32 job_id, u64 region, sector_t sector);
/* What is copied need not be of one instant: begin anew, with the same job.  Any context. */
void replica_delta_restart(struct replica *replica);
void __replica_delta_restart(struct replica *replica);
/* The instant that the replica is of by an update, 0: by none.  replica->lock held. */
ktime_t __replica_delta_point(struct replica *replica);

/* A write waits in cbw.c.  replica->lock held. */
void __replica_delta_waits(struct replica *replica);
/* The walk has copied something.  Any context. */
void replica_delta_copied(struct replica *replica);
/* The walk is to copy: does it wait for a freeze?  That begins now.  Any context. */
bool replica_delta_awaited(struct replica *replica);
/*
 * The clock: who waits for too long, and the recovery point objective.  May sleep.  Return: in
 * how many ms it is to be called again, at the latest.
 */
unsigned int replica_delta_clock(struct replica *replica);

/* A barrier: an update begins now.  Return: when it was asked for.  Any context. */
ktime_t replica_delta_ask(struct replica *replica);
/* Is the replica of @asked or later?  replica->lock held. */
bool __replica_delta_covers(struct replica *replica, ktime_t asked);
/* replica->lock held. */
void __replica_delta_status(struct replica *replica, struct replica_delta_status *status);

static inline bool replica_delta_on(const struct replica *replica)
{
	return READ_ONCE(replica->delta_on);
}

/* Does the walk copy what is frozen? */
static inline bool replica_delta_copies(const struct replica *replica)
{
	u8 first = READ_ONCE(replica->first);

	return first == REPLICA_FIRST_FROZEN || first == REPLICA_FIRST_HELD;
}

/* Has the update under way taken longer than delta_ms, or does all that is written wait for it? */
bool replica_delta_late(struct replica *replica);
/* Was anything written since the last point in time?  Any context. */
bool replica_delta_behind(struct replica *replica);

#endif /* DM_REPLICA_DELTA_H */
