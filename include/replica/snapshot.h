/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots: points in time of a mapped device, made by replica_create_replica() with
 * the sync type snapshot.  replica_detach() and replica_remove() end them.  Part of
 * libreplica.h, which says what holds for all of it.
 *
 * A store is the target volume, or is cut from the target pool, with store_bytes or
 * store_percent, and goes back to it with the snapshot: on every end of it, and when the
 * creation fails.
 *
 * Of a logical volume LVM makes the snapshot, where the volume is: no target is given, and a
 * pool need not be.  It is a volume with the LVM tag "dm-replica-snapshot", whose element_name
 * is "LV" when it is given and "VG-LV", the name of the mapped device, when it is returned;
 * as a "name" both do, and "VG/LV".  The store of a thin one is its thin pool.
 */
#ifndef _REPLICA_SNAPSHOT_H_PUBLIC
#define _REPLICA_SNAPSHOT_H_PUBLIC

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A store from a pool has so much of the source, unless the caller chooses. */
#define REPLICA_STORE_PERCENT		20
/* One that large is never full by what the source does; nothing larger is made. */
#define REPLICA_STORE_PERCENT_MAX	101

/* The copy-on-write store of a snapshot.  The kernel does not tell of one that is full. */
struct replica_store {
	uint64_t bytes;
	uint64_t used;			/* with the metadata */
	uint64_t metadata;
	uint32_t percent;		/* in use */
	bool shared;			/* a thin pool: others fill it too, nothing is lost */
};

/*
 * Restore from Replica of a snapshot: the source becomes what the snapshot is, then the
 * snapshot is gone and its store is free.  Nobody may have either open at the start; as
 * soon as the job runs the source shows the restored data and may be used.  Waits for
 * the end; after REPLICA_TIMEOUT or ECANCELED the kernel goes on, and another call waits
 * again and finishes it.  Newer snapshots of the same source are refused with SMErrorCode 6,
 * but of a logical volume, where LVM goes on and finishes it without another call.
 *
 * When a device gives an error it ends with REPLICA_FAILED: the source is partly restored,
 * the rest is in the store alone, and both ends refuse, but for replica_detach() with force,
 * which leaves it there.  Another call goes on, with neither of the two open; meanwhile, and
 * if it is killed, the source gives errors for a moment.
 */
int replica_restore(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms,
		    replica_progress_fn progress, void *progress_data);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_SNAPSHOT_H_PUBLIC */
