/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offload: a process outside of the kernel has the devices copy regions by themselves, and
 * the walk of resync.c leaves that to it for a while.  Clone role, table feature "offload".
 *
 * A process claims a run of dirty regions, has them copied, says which of them are right, and
 * gives the claim back.  What is claimed nobody else copies: a command that is still at the
 * device could undo it.  So a claim ends by an order of its owner, or when the owner closes
 * its socket, as it does when it dies, and that is after its last command; not before, however
 * long that takes.  Whoever cannot wait for it, the clock or a suspend, gives it up as a
 * window that hangs: it counts as a request that the replica still has.
 *
 * What the owner calls copied becomes clean as what dm-kcopyd has copied does: unless it was
 * marked meanwhile, and durable by the flushes that follow.
 *
 * Documentation/design/offload.rst says why no wrong byte gets there.
 */
#ifndef DM_REPLICA_OFFLOAD_H
#define DM_REPLICA_OFFLOAD_H

#include "dm-replica-io.h"

/**
 * struct replica_offload_call - one step of the process, by netlink
 * @step: enum dm_replica_offload_step
 * @portid: of its socket
 * @first: sector; of a claim what is claimed, when it is over
 * @sectors: likewise, 0: there is nothing left at or behind @first
 * @reason: of FINISH, why; NULL: none is given
 * @error: set to a sentence when the step is refused
 */
struct replica_offload_call {
	u8 step;
	u32 portid;
	u64 first;
	u64 sectors;
	const char *reason;
	const char *error;
};

/* May sleep.  NULL: no memory. */
struct replica_offload *replica_offload_create(struct replica *replica, unsigned int seconds);
/* Nobody has a claim, or works, any more.  NULL is accepted. */
void replica_offload_destroy(struct replica_offload *offload);

/*
 * Carry out a step.  May sleep, for a bounded time.
 * 0, -EOPNOTSUPP (not for this replica), -EINVAL (the range), -EBUSY (not now, or not yours).
 */
int replica_offload_call(struct replica *replica, struct replica_offload_call *call);
/* A socket was closed: what its owner had ends.  May sleep. */
void replica_offload_closed(u32 portid);

/* enum dm_replica_offload_state, 0 without the feature, and why.  replica->lock held. */
u8 __replica_offload_state(const struct replica *replica, char *reason);

/*
 * A new table has another time to wait, 0: it does not any more.  Return: what holds then, for
 * the table to tell; 0 without the feature, which it cannot bring in.
 */
unsigned int replica_offload_adopt(struct replica *replica, unsigned int seconds);

/* A job begins.  replica->lock held.  Also without the feature, as all below. */
void replica_offload_begin(struct replica *replica);
/* The worker of the walk, after it knows what it is to do: steps that wait, claims that ended. */
void replica_offload_work(struct replica *replica);
/* Likewise: what has been claimed is of no use to the job that begins now. */
void replica_offload_abandon(struct replica *replica);
/* Is the walk to leave this region alone?  The worker. */
bool replica_offload_has(const struct replica *replica, u64 region);
/* Is anything claimed that nobody has given up?  Any context. */
bool replica_offload_out(const struct replica *replica);
/* Does the walk wait, and copy only what somebody waits for?  The worker, which it queues. */
bool replica_offload_holds(struct replica *replica);
/* The clock: give up a claim older than this.  Return: how many, 0 or 1. */
unsigned int replica_offload_detach(struct replica *replica, unsigned int age_ms);

#endif /* DM_REPLICA_OFFLOAD_H */
