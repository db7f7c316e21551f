/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A resync that keeps the old replica usable: nothing is written to a replica that is a
 * consistent copy before userspace has said that it has a snapshot of it.
 *
 * replica->whole says that the replica is a copy of one moment.  It is so from Synchronized
 * on, whatever becomes of the association, until a resync begins: then the replica gets new
 * regions beside old ones.  The superblock has the same, with one rule: it does not say so
 * any more when the first byte is written.
 *
 * Entering Unsynchronized is where a resync begins, whoever wants it.  There the guard is
 * closed if it has to be, and as long as it is nothing is shipped and the walk does not run:
 *
 *	WAITS	for the answer of userspace, or an order to go on without
 *	TEARS	the superblock is to say that the copy is torn
 *	PASSES	it does, and the resync is started once more
 *
 * Every other change of state opens it: then nothing was written, and the copy is whole.
 */
#ifndef DM_REPLICA_PROTECT_H
#define DM_REPLICA_PROTECT_H

#include "dm-replica-io.h"

/**
 * __replica_guard_enter - a copy state is entered
 * @behind: Unsynchronized, but nothing is to be copied yet
 * @reason: why, kept for when the guard opens
 * Return: the reason to be shown.  replica->lock held.
 */
const char *__replica_guard_enter(struct replica *replica, u16 state, bool behind,
				  const char *reason);
/* Would entering Unsynchronized once more change the guard?  replica->lock held. */
bool __replica_guard_moves(const struct replica *replica);
/* The job of a resync that the guard keeps, as it is to be started.  replica->lock held. */
void __replica_guard_keep(struct replica *replica, u16 job_type, enum replica_walk how);

/* Settings, or the table, may have changed, or the device is resumed.  op_mutex held. */
void replica_protect_refresh(struct replica *replica);
/* The replica is no copy of one moment after all.  Takes replica->lock. */
void replica_protect_torn(struct replica *replica);
/* Worker of replica->protect_work. */
void replica_protect_work(struct work_struct *work);
/**
 * replica_protected - the answer of userspace
 * @job_id: the job that it is for
 * @trouble: why there is no snapshot, or NULL: there is one
 * @error: set to a sentence when the return value is negative
 * May sleep, takes op_mutex.
 * Return: 0, -EBUSY (nothing waits for it), -ESTALE (another job does), -ENODEV.
 */
int replica_protected(struct replica *replica, u32 job_id, const char *trouble,
		      const char **error);

#endif /* DM_REPLICA_PROTECT_H */
