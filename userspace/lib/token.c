// SPDX-License-Identifier: LGPL-2.1-or-later
/* CreateReplica with SyncType 9: which of its three kinds is asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

static int check_kind(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	if (!replica_is_tokenized(a))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "SyncType",
				    "a token is given, and sync type %s (%u) has none",
				    replica_enum_name(REPLICA_ENUM_SYNC_TYPE, a->sync_type),
				    a->sync_type);
	if (!a->token)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_TOKEN_PARAM,
				    "sync type tokenized-clone needs the file of a token");
	if (a->source)
		return REPLICA_SUCCESS;
	if (a->store || a->token_timeout_ms)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_SOURCE,
				    "store and inactivity timeout are for a capture, and there is no source");
	if (!a->target_storage_volume)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_TARGET,
				    "the target volume for what the token names is missing");
	if (a->meta)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_META,
				    "a token is lost with a crash, so that a log of its redeem would be of no use");
	return REPLICA_SUCCESS;
}

static int redeem(struct replica_ctx *ctx, const struct replica_create_args *args,
		  struct replica_create_result *result)
{
	uint8_t bytes[REPLICA_TOKEN_BYTES];
	int ret;

	if (!strcmp(args->token, REPLICA_TOKEN_ZERO))
		return replica_token_zero(ctx, args, result);
	ret = replica_token_file_read(ctx, args->token, bytes);
	if (ret)
		return ret;
	if (replica_token_is_zero(bytes))
		return replica_token_zero(ctx, args, result);
	return replica_token_redeem(ctx, args, bytes, result);
}

int replica_token_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			 struct replica_create_result **result)
{
	int ret = check_kind(ctx, args);

	if (ret)
		return ret;
	*result = calloc(1, sizeof(**result));
	if (!*result)
		return replica_fail_memory(ctx);
	return args->source ? replica_token_capture(ctx, args, *result) :
	       redeem(ctx, args, *result);
}
