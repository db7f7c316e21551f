/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_DIFF_H
#define _REPLICA_DIFF_H

#include "msg.h"

/*
 * What a dump tells, part by part; zeroes at first but for tail, which is where the
 * next range goes.
 */
struct replica_diff_reader {
	struct replica_differences *result;
	struct replica_diff **tail;
	uint64_t listed;		/* bytes */
	unsigned int count;
};

/* A replica_genl_fn.  -ESTALE when the ranges of two jobs are mixed. */
int replica_diff_take(const struct nlmsghdr *nlh, void *reader);
/* Picks the verify out of the jobs of the replica, and adds it all up. */
void replica_diff_conclude(struct replica_diff_reader *reader, struct replica_job **jobs);

#endif /* _REPLICA_DIFF_H */
