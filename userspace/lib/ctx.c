// SPDX-License-Identifier: LGPL-2.1-or-later
/* The context: what a caller holds between calls. */
#include <stdlib.h>

#include "genl.h"
#include "host.h"
#include "replica-private.h"
#include "snapshot-lvm.h"

#define STR2(x)	#x
#define STR(x)	STR2(x)

EXPORT const char *replica_version(void)
{
	return STR(REPLICA_VERSION_MAJOR) "." STR(REPLICA_VERSION_MINOR) "."
	       STR(REPLICA_VERSION_PATCH);
}

EXPORT struct replica_ctx *replica_ctx_new(void)
{
	struct replica_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	ctx->host = &replica_host_real;
	ctx->root = "";
	return ctx;
}

EXPORT void replica_ctx_free(struct replica_ctx *ctx)
{
	if (!ctx)
		return;
	replica_genl_close(ctx->genl);
	replica_lvsnap_forget(ctx);
	free(ctx);
}
