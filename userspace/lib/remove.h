/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the ways to end a replica have in common. */
#ifndef _REPLICA_REMOVE_H
#define _REPLICA_REMOVE_H

#include <limits.h>

#include "dm.h"

/*
 * REPLICA_SUCCESS and *info if there is such a device, it is ours, and nobody has it
 * open; waits two seconds for that.
 */
int replica_check_closed(struct replica_ctx *ctx, const char *name,
			 struct replica_dm_info *info);

/* The path of the meta device, "" if there is none; also when it has gone. */
void replica_meta_path(struct replica_ctx *ctx, const struct replica_dm_info *info,
		       char path[PATH_MAX]);

#endif /* _REPLICA_REMOVE_H */
