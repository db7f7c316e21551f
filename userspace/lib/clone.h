/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_CLONE_PRIVATE_H
#define _REPLICA_CLONE_PRIVATE_H

#include "replica-private.h"

static inline bool replica_is_clone(const struct replica_create_args *args)
{
	return args->sync_type == REPLICA_SYNC_TYPE_CLONE;
}

/* Return values with the error filled in, both. */

/* What contradicts a copy of one instant. */
int replica_clone_check(struct replica_ctx *ctx, const struct replica_create_args *args);
/* What replica_finish() does. */
int replica_clone_finish(struct replica_ctx *ctx, const char *name, uint32_t *ended);
/* A clone that was waited for: if it is complete the association ends. */
int replica_clone_end(struct replica_ctx *ctx, const struct replica_create_args *args,
		      const struct replica_info *info, uint32_t *ended);

#endif /* _REPLICA_CLONE_PRIVATE_H */
