/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes that were cut from a pool, and their way back.  Part of libreplica.h, which says
 * what holds for all of it.
 *
 * A pool is an LVM volume group, "VG", or an LVM thin pool, "VG/THINPOOL".  What was cut
 * for a replica carries the LVM tags "dm-replica" and "dm-replica.NAME", and the store of a
 * snapshot also "dm-replica-store": that, and no list kept elsewhere, says that it is ours.
 * A snapshot of a logical volume has "dm-replica-snapshot" alone, and is never left over.
 */
#ifndef _REPLICA_POOL_H
#define _REPLICA_POOL_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As meta of replica_create_args: it is cut from the pool, as the target is. */
#define REPLICA_META_FROM_POOL	"pool"

/* A volume, and what became of it.  Freed by replica_pool_volume_free(). */
struct replica_pool_volume {
	struct replica_pool_volume *next;
	char *name;			/* "VG/VOLUME" */
	uint64_t size;			/* bytes */
	bool removed;			/* or would be, in a dry run */
	char *reason;			/* why it stays; NULL: it does not */
};

void replica_pool_volume_free(struct replica_pool_volume *list);

/*
 * Return To ResourcePool: detaches as replica_detach() does, then removes the volumes that
 * were cut for the replica.  REPLICA_NOT_SUPPORTED when its target was not cut from a
 * pool, REPLICA_FAILED with SMErrorCode 6 when somebody else uses it too.  Of a snapshot:
 * ends it and removes its store; REPLICA_FAILED, with force too, when the store holds what is
 * not restored yet.
 */
int replica_return_to_pool(struct replica_ctx *ctx, const char *name, bool force,
			   uint32_t timeout_ms, struct replica_pool_volume **list);

/*
 * Removes the volumes that were cut from a pool and that no replica and no log on a meta
 * device knows: what is left when a creation was killed, or of a replica that was removed.
 * Those that are inactive are activated first, to look for logs on them.  A volume with
 * the label of an association whose log is not to be found stays unless force is given; the
 * store of a snapshot with what a restore has not copied stays in any case.
 * With dry_run nothing is changed.  *list is all that carries the tag.
 */
int replica_return_left(struct replica_ctx *ctx, const char *pool, bool force, bool dry_run,
			struct replica_pool_volume **list);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_POOL_H */
