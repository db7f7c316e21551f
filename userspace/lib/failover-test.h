/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_LIB_FAILOVER_TEST_H
#define _REPLICA_LIB_FAILOVER_TEST_H

#include "snapshot.h"
#include "sysfs.h"

/* Pure.  What the snapshot of a test is called by device-mapper, and by LVM. */
void replica_test_names(const char *name, char dm[DM_REPLICA_NAME_LEN],
			char lv[DM_REPLICA_NAME_LEN]);

/* Pure but for the error: is the replica usable as it is, and can its leg have a snapshot? */
int replica_test_judge(struct replica_ctx *ctx, const struct replica_info *info, bool force);
int replica_test_judge_leg(struct replica_ctx *ctx, const char *name,
			   const struct replica_blockdev *leg);

/* Pure.  Was it the same usable replica, and in that state all the time? */
bool replica_test_steady(const struct replica_info *before, const struct replica_info *after);

/* Pure.  All that was written before it is on the replica at the time now; 0: not known. */
uint64_t replica_test_moment(const struct replica_info *info, uint64_t now);

/*
 * failover-find.c.  The copy of the replica name whose leg is leg, 0: which is not known any
 * more.  find: a return value, also if there is none; either: on one of the two legs, as the
 * one that was copied is the origin when they have changed places since; pick: pure; of the
 * snapshots that LVM has made.
 */
struct replica_test_copy {
	char name[DM_REPLICA_NAME_LEN];
	char uuid[DM_REPLICA_UUID_LEN];
	unsigned int count;		/* more than one: name and uuid are those of the last */
};

int replica_test_find(struct replica_ctx *ctx, const char *name, dev_t leg,
		      struct replica_test_copy *copy);
int replica_test_find_either(struct replica_ctx *ctx, const char *name, const dev_t legs[2],
			     struct replica_test_copy *copy);
void replica_test_pick(struct replica_snap *snap, const char *name, dev_t leg,
		       struct replica_test_copy *copy);

#endif /* _REPLICA_LIB_FAILOVER_TEST_H */
