/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A replica grows after its legs have grown.  Part of libreplica.h, which says what
 * holds for all of it.
 */
#ifndef _REPLICA_RESIZE_H
#define _REPLICA_RESIZE_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

struct replica_resize_args {
	size_t size;			/* sizeof(struct replica_resize_args) */
	const char *name;
	uint64_t bytes;			/* new size; 0: as much as both legs have */
	bool dry_run;			/* check, build the table, change nothing */
};

/* Freed by replica_resize_result_free(). */
struct replica_resize_result {
	char *element_name;
	char *device;			/* path of the mapped device */
	uint64_t old_bytes;
	uint64_t new_bytes;		/* equal: there was nothing to do */
	char *limit;			/* path of the leg that sets the size; NULL: none does */
	uint64_t meta_bytes;		/* that the meta device must have; 0: there is none */
	char *table;			/* NULL: there was nothing to do */
	struct replica_info *info;	/* before it, or after it when it was done */
	struct replica_finding *findings;
};

void replica_resize_result_free(struct replica_resize_result *result);

/*
 * Loads the table of the replica again with another length: settings, state, log and
 * jobs stay, and what was added is copied.  On failure the size is the old one.
 *
 * Returns REPLICA_JOB_STARTED when a copy runs, else REPLICA_SUCCESS, also when the
 * replica has that size already.  *result is also given out, incomplete, when there are
 * findings that refuse it: it would shrink (REPLICA_CHECK_SHRINK), a leg or the meta
 * device is too small, the size is no multiple of a logical block, or something is
 * suspended.
 */
int replica_resize(struct replica_ctx *ctx, const struct replica_resize_args *args,
		   struct replica_resize_result **result);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_RESIZE_H */
