/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes that were cut from a pool, and their way back.  Part of libreplica.h, which says
 * what holds for all of it.
 *
 * A pool is an LVM volume group, "VG", or an LVM thin pool, "VG/THINPOOL".  What was cut
 * for a replica carries the LVM tags "dm-replica" and "dm-replica.NAME", and the store of a
 * snapshot also "dm-replica-store": that, and no list kept elsewhere, says that it is ours.
 * A snapshot of a logical volume has "dm-replica-snapshot" and none of these, and is never left
 * over; the copy of a replica by which a failover is tested has "dm-replica-test" besides.
 *
 * Or it is a mapped device of target thin-pool that LVM does not manage, "/dev/mapper/POOL".
 * The same tags stand then in a directory, which is volume 8388608 of the pool; what is cut
 * has the numbers behind it.  Nobody gives such volumes their mapped devices after a boot:
 * replica_pool_activate() does.
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
	char *name;			/* "VG/VOLUME", or the path */
	uint64_t size;			/* bytes */
	bool removed;			/* or would be, in a dry run */
	char *reason;			/* why it stays; NULL: it does not */
	uint32_t thin_id;		/* in a pool that LVM does not manage, else 0 */
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

/*
 * Gives the volumes that were cut from a pool, and that have none, their mapped devices:
 * before replica_activate(), after a boot.  Of LVM: activates them.
 */
int replica_pool_activate(struct replica_ctx *ctx, const char *pool);

#define REPLICA_THIN_NONE	UINT32_MAX

/* Numbers of volumes in a pool that LVM does not manage; REPLICA_THIN_NONE: of no such one. */
struct replica_thin {
	char *pool;			/* "/dev/mapper/POOL" */
	uint32_t target;		/* of the target, or of the store of a snapshot */
	uint32_t meta;
};

/* What would be cut; in bytes, as the pool rounds them.  Freed by replica_pool_plan_free(). */
struct replica_pool_plan {
	char *pool;
	uint64_t source;		/* the size of that */
	uint64_t target;		/* of the replica, or of the store of a snapshot */
	uint64_t meta;			/* of the log; 0: none is cut */
	uint64_t needed;		/* both */
	uint64_t free;
};

void replica_pool_plan_free(struct replica_pool_plan *plan);

/*
 * What replica_create_replica() would do and return with a target from the pool that args
 * name, and changes nothing.  *plan is NULL where the sizes are not known; it and *list are
 * given out after a failure, too.
 */
int replica_check_pool(struct replica_ctx *ctx, const struct replica_create_args *args,
		       struct replica_pool_plan **plan, struct replica_finding **list);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_POOL_H */
