/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copy before write: writes that wait until the regions that they touch have been copied.
 *
 * Two know what a region has to be like before it is written to: the clone role, whose
 * replica becomes a copy of one instant, and the delta update, whose replica becomes one of
 * an instant again and again.  They say in replica->first that there are such regions.  A
 * write looks at it under its bucket lock, before it takes its range, and if it must wait it
 * goes into the list here, without a range: the window that copies the region needs that.
 * Whoever made it wait lets it go, and then it comes again.
 *
 * Nobody is forgotten: a write that has found its region closed queues the worker of
 * whom it waits for after it is in the list, and that one opens regions before it looks
 * into the list.
 */
#ifndef DM_REPLICA_CBW_H
#define DM_REPLICA_CBW_H

#include "dm-replica-io.h"

/* Under its bucket lock: does a write of this range have to wait? */
bool replica_cbw_must_wait(struct replica *replica, sector_t sector, sector_t sectors);
/* It does, and has no range.  Bucket lock held. */
void replica_cbw_wait(struct replica_io *io);
/* Does any write wait, or is looked at just now?  Any context. */
bool replica_cbw_any(struct replica *replica);
/* Does the oldest one wait for longer?  replica->lock held. */
bool __replica_cbw_older(struct replica *replica, unsigned int age_ms);
/*
 * The first region that a write waits for and that has its bit in @bits, but for those that
 * @skip tells.  Process context.  Return: replica_log_regions() when there is none.
 */
u64 replica_cbw_wanted(struct replica *replica, const unsigned long *bits,
		       bool (*skip)(void *context, u64 region), void *context);
/* Does any write wait for one of these regions?  replica->lock held. */
bool __replica_cbw_wants(struct replica *replica, u64 first, u64 regions);
/* Those that need not wait any more go on, in the order in which they came.  Process context. */
void replica_cbw_let_go(struct replica *replica);
/* A suspend without flush does not wait for them: device-mapper has them back. */
void replica_cbw_give_back(struct replica *replica);

#endif /* DM_REPLICA_CBW_H */
