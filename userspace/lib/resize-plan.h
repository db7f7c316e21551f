/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_RESIZE_PLAN_H
#define _REPLICA_RESIZE_PLAN_H

#include "../../kmod/dm-replica-ondisk.h"

#include "check.h"

/* The question whether, and to what, a replica may grow. */
struct replica_resize_plan {
	struct replica_check *check;	/* has the devices; meta without number: none */
	const struct replica_info *info;
	uint64_t wanted;		/* bytes; 0: as much as both legs have */
	struct replica_geometry log;	/* as it is; of no regions: there is none */

	uint64_t bytes;			/* the answer */
	uint64_t meta_bytes;		/* that the log of it needs; 0: there is none */
	const struct replica_blockdev *limit;	/* the leg that sets it; NULL: none */
};

/* Pure: adds all that refuses it to the findings; nothing if there is nothing to do. */
void replica_resize_decide(struct replica_resize_plan *plan);

#endif /* _REPLICA_RESIZE_PLAN_H */
