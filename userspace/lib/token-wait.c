// SPDX-License-Identifier: LGPL-2.1-or-later
/* The wait for a redeem, and its end. */
#include "clone.h"
#include "create-goals.h"
#include "info.h"
#include "token.h"

/* The job first: the kernel begins another one when it has failed, and that may go on for ever. */
static int wait_for_state(struct replica_ctx *ctx, const struct replica_create_args *a,
			  struct replica_create_result *result, uint32_t state)
{
	struct replica_job *job = NULL;
	struct replica_wait wait = {
		.name = result->element_name,
		.job_id = result->job_id,
		.job = &job,
		.timeout_ms = a->timeout_ms,
		.progress = a->progress,
		.progress_data = a->progress_data,
		.info = &result->info,
	};
	uint64_t start = replica_now_ms(), passed;
	int ret = REPLICA_SUCCESS;

	if (wait.job_id && state == DM_REPLICA_STATE_SYNCHRONIZED)
		ret = replica_wait_run(ctx, &wait);
	replica_job_free(job);
	wait.state = state;
	passed = replica_now_ms() - start;
	if (a->timeout_ms)		/* 0 would be no limit */
		wait.timeout_ms = passed < a->timeout_ms ? a->timeout_ms - passed : 1;
	if (!ret && result->info->copy_state != state)
		ret = replica_wait_run(ctx, &wait);
	if (ret)
		replica_token_tend(ctx);
	return ret;
}

int replica_token_wait(struct replica_ctx *ctx, const struct replica_create_args *args,
		       struct replica_create_result *result)
{
	uint32_t state = replica_goals_wait(args);
	int ret = REPLICA_SUCCESS;

	if (state >= DM_REPLICA_STATE_SYNCHRONIZED)
		ret = wait_for_state(ctx, args, result, state);
	if (!ret)
		ret = replica_clone_end(ctx, args, result->info, &result->ended);
	if (!ret && result->ended != REPLICA_ENDED_NOT)
		replica_token_tidy(ctx);
	return ret;
}
