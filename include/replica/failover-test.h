/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A test of a failover: a copy of the replica leg that can be used and written to, while
 * replication goes on.  Part of libreplica.h, which says what holds for all of it.
 *
 * The copy is a snapshot of the leg, by LVM if that is a logical volume, else by dm-snapshot
 * if it is a mapped device; any other is REPLICA_NOT_SUPPORTED.  It is called NAME-test, is
 * in replica_list() as any snapshot is, and ends as any.  The label that the leg has behind
 * its data is taken off the copy, so that nobody takes it for a replica.
 */
#ifndef _REPLICA_FAILOVER_TEST_H
#define _REPLICA_FAILOVER_TEST_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

struct replica_pool_volume;		/* pool.h */

struct replica_test_args {
	size_t size;			/* sizeof(struct replica_test_args) */
	const char *name;		/* of the replica */
	const char *store;		/* path; of a leg that is no logical volume */
	const char *pool;		/* that the store is cut from */
	uint64_t store_bytes;		/* as in replica_create_args */
	uint32_t store_percent;
	bool force;			/* whatever replica and store hold */
	bool dry_run;			/* check, make nothing */
};

/* Freed by replica_test_result_free(). */
struct replica_test_result {
	char *element_name;		/* of the snapshot; NULL: refused before it had one */
	char *device;			/* path of it */
	char *store;			/* path; NULL after a dry run with a pool, or of LVM */
	char *pool;			/* that the store was cut from; NULL: from none */
	uint32_t copy_state;		/* of the replica when the copy was made */
	bool consistent;		/* else it may be no state that the source ever had */
	uint64_t lag_bytes;		/* that the copy lacks at most */
	uint64_t lag_ms;
	uint64_t point_in_time;		/* all written before is in it; 0: not known */
	struct replica_info *info;	/* of the snapshot; NULL after a dry run */
	struct replica_finding *findings;
};

void replica_test_result_free(struct replica_test_result *result);

/*
 * Makes the copy.  The replica must be usable as it is (consistent_now) before and after the
 * moment of it, and in the same state all the time, or REPLICA_FAILED without force.
 * *result is also given out, incomplete, when something was refused.
 */
int replica_test_failover(struct replica_ctx *ctx, const struct replica_test_args *args,
			  struct replica_test_result **result);

/*
 * Ends the test of the replica name, which may have gone meanwhile.  *list: volumes that went
 * back to their pool.  REPLICA_NOT_FOUND when there is none, REPLICA_FAILED with SMErrorCode
 * 6 while somebody has the copy open.
 */
int replica_test_failover_end(struct replica_ctx *ctx, const char *name,
			      struct replica_pool_volume **list);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_FAILOVER_TEST_H */
