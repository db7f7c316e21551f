// SPDX-License-Identifier: LGPL-2.1-or-later
/* What would be cut from a pool: a dry run of CreateReplica, with the sizes. */
#include <stdlib.h>
#include <string.h>

#include "pool.h"

EXPORT void replica_pool_plan_free(struct replica_pool_plan *plan)
{
	if (!plan)
		return;
	free(plan->pool);
	free(plan);
}

struct replica_pool_plan *replica_pool_plan_new(const struct replica_pool *pool,
						uint64_t source, uint64_t target,
						uint64_t meta)
{
	struct replica_pool_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->pool = replica_pool_name(pool);
	plan->source = source;
	plan->target = replica_pool_round(target, pool->unit);
	plan->meta = meta ? replica_pool_round(meta, pool->unit) : 0;
	plan->needed = plan->target + plan->meta;
	plan->free = pool->free;
	if (plan->pool)
		return plan;
	free(plan);
	return NULL;
}

EXPORT int replica_check_pool(struct replica_ctx *ctx, const struct replica_create_args *args,
			      struct replica_pool_plan **plan, struct replica_finding **list)
{
	struct replica_create_args dry = *args;
	struct replica_create_result *result;
	int ret;

	*plan = NULL;
	*list = NULL;
	dry.dry_run = true;
	ret = replica_create_replica(ctx, &dry, &result);
	replica_error_rename(ctx, "CheckReplica");
	if (!result)
		return ret;
	*plan = result->plan;
	*list = result->findings;
	result->plan = NULL;
	result->findings = NULL;
	replica_create_result_free(result);
	return ret;
}
