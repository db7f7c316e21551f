/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks between programs that use this library.  They go with the process.  Who holds several
 * takes pools first, then the protection of a replica, then the tables of sources, and thin volumes
 * last; that of snapshots by LVM is held with the first two alone.
 */
#ifndef _REPLICA_LOCK_H
#define _REPLICA_LOCK_H

#include "replica-private.h"

/*
 * alone: nobody else has it; what: "is at work on ..." in the error.  fd: -1 if not held.  With
 * a key it is one of many in the file, which are independent of each other.
 */
struct replica_lock {
	const char *path;
	const char *key;		/* NULL: the file has this one alone */
	const char *parameter;
	const char *what;
	bool alone;
};

/* A return value; waits half a minute, then REPLICA_TIMEOUT.  A process can block itself. */
int replica_lock(struct replica_ctx *ctx, const struct replica_lock *lock, int *fd);
void replica_unlock(int *fd);
/* Would lock, which has a key, have to wait now?  1, 0, or -errno: that cannot be seen. */
int replica_lock_held(const struct replica_lock *lock);

/*
 * Whoever reads a table to put it, or one that names a device of it, under the name of a
 * source: the numbers of devices that go are given to others.
 */
int replica_lock_tables(struct replica_ctx *ctx, int *fd);

/*
 * Whoever makes, ends or restores from a snapshot by LVM, some of whose commands go by names: the
 * snapshot that was looked at is not another one of ours when the command is run.
 */
int replica_lock_lvm(struct replica_ctx *ctx, int *fd);

#endif /* _REPLICA_LOCK_H */
