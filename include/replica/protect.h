/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The snapshot that a replica has while it is resynced (setting protect).  Part of
 * libreplica.h, which says what holds for all of it.
 *
 * The kernel makes a resync wait before it writes to a replica that is a consistent copy:
 * waits_protected of struct replica_info, and an event PROTECT.  Somebody has to make the
 * snapshot and to say so, which both functions here do.
 */
#ifndef _REPLICA_PROTECT_H
#define _REPLICA_PROTECT_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The snapshot that there is. */
struct replica_protection {
	char *name;			/* of its mapped device */
	char *device;			/* "/dev/mapper/..." */
	uint64_t point_in_time;		/* that it is a copy of, time of day; 0: not known */
	bool lost;			/* its store was full: it is no copy any more */
	bool incomplete;		/* it is being made, or who did was killed: no copy */
};

struct replica_protect_args {
	size_t size;			/* sizeof(struct replica_protect_args) */
	uint64_t store_bytes;		/* of a thick volume's snapshot; 0: as large as it needs */
	uint32_t store_percent;		/* the same as a share of the replica, 1 to 101 */
};

/*
 * Makes the snapshot if a resync of name waits for it, and lets the resync go on; removes
 * one that has served.  args may be NULL.  *made may be NULL; false: nothing waits.  When the
 * snapshot cannot be made the resync waits on, its reason says why, and the call returns that.
 */
int replica_protect(struct replica_ctx *ctx, const char *name,
		    const struct replica_protect_args *args, bool *made);

/*
 * Does that whenever a resync waits, and removes the snapshot when the replica is in step
 * again, until the replica is gone, or has neither the setting nor a snapshot; then it is
 * REPLICA_SUCCESS.  One at a time: another call waits for half a minute, and is
 * REPLICA_TIMEOUT.  Whoever is killed at any point is followed by who calls it next.
 */
int replica_protect_watch(struct replica_ctx *ctx, const char *name,
			  const struct replica_protect_args *args);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_PROTECT_H */
