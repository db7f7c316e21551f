/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files that speak with libdevmapper share. */
#ifndef _REPLICA_DM_TASK_H
#define _REPLICA_DM_TASK_H

#include <libdevmapper.h>

#include "dm.h"

/* Nothing of libdevmapper gets to stderr from here to the end of the function. */
#define QUIET \
	bool quiet __attribute__((cleanup(replica_dm_quiet_end), unused)) = replica_dm_quiet_begin()

bool replica_dm_quiet_begin(void);
void replica_dm_quiet_end(const bool *quiet);

/*
 * A task for a device (name may be NULL), or NULL with errno set: libdevmapper
 * speaks to the kernel already here, about its version.
 */
struct dm_task *replica_dm_task(int type, const char *name);

/* 0 or -errno. */
int replica_dm_run(struct dm_task *task);

/*
 * Those below return values with the error filled in.  fail_task: by errno.
 * run_udev: runs a task that makes or unmakes a device, with flags for udev, and waits
 * for udev; the outcome of the task itself is *err, 0 or -errno.  fail: the kernel
 * refused a mapping; sentence is what its log says, or "".  load: puts a replica into
 * the inactive table, devno ("253:4") being that of the mapped device.
 */
int replica_dm_fail_task(struct replica_ctx *ctx);
int replica_dm_run_udev(struct replica_ctx *ctx, struct dm_task *task, const char *name,
			uint16_t flags, int *err);
int replica_dm_fail(struct replica_ctx *ctx, int err, const char *name,
		    const char *sentence);
int replica_dm_load(struct replica_ctx *ctx, const char *name, const char *devno,
		    uint64_t sectors, const char *params);

#endif /* _REPLICA_DM_TASK_H */
