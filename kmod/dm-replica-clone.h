/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clone role: the replica becomes a full copy of the origin as it was at one
 * instant, that of the first resume.  Writes go to the origin alone, and the first
 * one to a region waits until the region has been copied.
 *
 * A dirty region is one that is not copied yet.  It becomes, in this order and never
 * back:
 *	dirty		the job copies it, at once when a write waits for it
 *	copied		not dirty; it may still be in a volatile cache of the replica,
 *			and be marked again when the replica fails
 *	sealed		durable on the replica; no mark is taken any more
 *	active		durably clear on the meta device as well: writes may be issued
 *
 * Why no write slips through: a write looks at the active bits under its bucket lock,
 * as it does for intents, before it takes its range.  What is active is never copied,
 * so a window and a write never meet.
 *
 * Documentation/design/clone.rst says why every instant of a power cut is safe.
 */
#ifndef DM_REPLICA_CLONE_H
#define DM_REPLICA_CLONE_H

#include "dm-replica-io.h"

struct replica_clone;

/* May sleep.  NULL: no memory. */
struct replica_clone *replica_clone_create(struct replica *replica);
/* May sleep; the device is suspended, or never was resumed. */
void replica_clone_destroy(struct replica_clone *clone);
/*
 * The log has been opened and is right: what it calls clean may be written to.  @aborted:
 * the point in time is lost, and so may all the rest.  May sleep.
 */
void replica_clone_opened(struct replica *replica, bool aborted);
/* Let the worker work, or stop it and wait.  May sleep. */
void replica_clone_resume(struct replica *replica);
void replica_clone_suspend(struct replica *replica);

/* A write to a region that is not active is in the list of cbw.c.  replica->lock held. */
void __replica_clone_waits(struct replica *replica);
/* The state, a setting or the meta device changed.  Any context; also without the role. */
void replica_clone_kick(struct replica *replica);
/* The job has copied something.  Any context; also without the role. */
void replica_clone_copied(struct replica *replica);
/* The origin could not deliver a region of these.  Any context. */
void replica_clone_unreadable(struct replica *replica, u64 first, u64 regions, sector_t sector);

/* All that is active not, and nothing else, for a meta device written anew.  Mutex held. */
void replica_clone_rewrite(struct replica *replica);

/* Operations that the role has, in the present state: bits by number. */
u64 replica_clone_operations(struct replica *replica);
/* Why this one cannot be, or NULL.  op_mutex held. */
const char *replica_clone_refuses(struct replica *replica, u16 operation);
/* Give the clone up.  op_mutex held.  0 or -EBUSY with *error. */
int replica_clone_abort(struct replica *replica, const char *reason, const char **error);

/* Does the job send something to the replica?  Any context. */
static inline bool replica_clone_copies(const struct replica *replica)
{
	return replica->clone && READ_ONCE(replica->state) == DM_REPLICA_STATE_UNSYNCHRONIZED;
}

#endif /* DM_REPLICA_CLONE_H */
