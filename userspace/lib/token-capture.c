// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The capture of a token: a snapshot, and the file that names it.  The file is made first, as
 * it must not exist, and filled last, so that who is killed in between leaves one that is
 * empty and no token, and a snapshot that expires.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"
#include "snapshot-create.h"
#include "token.h"

struct capture {
	struct replica_ctx *ctx;
	const struct replica_create_args *args;
	struct replica_create_result *result;
	uint8_t key[REPLICA_TOKEN_KEY_BYTES];
	int fd;				/* of the file, empty */
};

static int check(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	if (a->target_storage_volume)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_TARGET,
				    "a capture has no target volume; it is named when the token is redeemed");
	if (a->offload == REPLICA_OFFLOAD_MUST)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Offload",
				    "a capture copies nothing: whether the devices must is for its redeems");
	/* Where a store that is cut from a pool comes in. */
	if (!a->store && a->target_storage_pool)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "TargetStoragePool",
				    "a store of a token made from a pool is not supported; name a volume that becomes the store");
	if (!a->store)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Store",
				    "a volume that becomes the store of what the source overwrites is missing");
	if (!strcmp(a->token, REPLICA_TOKEN_ZERO))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_TOKEN_PARAM,
				    "\"%s\" is the zero token; a file of that name is \"./%s\"",
				    REPLICA_TOKEN_ZERO, REPLICA_TOKEN_ZERO);
	return REPLICA_SUCCESS;
}

/* The store is what the target of a snapshot is. */
static int make_snapshot(struct capture *c)
{
	struct replica_create_args args = *c->args;
	int ret;

	args.target_storage_volume = c->args->store;
	ret = replica_snap_check_params(c->ctx, &args);
	return ret ? ret : replica_snap_create(c->ctx, &args, c->result);
}

static uint64_t time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static int begin_state(struct capture *c, const struct replica_token_data *data)
{
	const struct replica_token_state state = {
		.timeout_ms = data->timeout_ms,
		.used_ms = replica_boot_ms(),
		.captured = data->captured,
	};
	int lock, r, ret = replica_lock_tables(c->ctx, &lock);

	if (ret)
		return ret;
	r = replica_token_state_write(c->ctx, data->id, &state);
	replica_unlock(&lock);
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(c->ctx, r, REPLICA_TOKEN_PARAM,
				  "the state of token \"%s\" cannot be kept in /run", data->name);
}

static void describe(const struct capture *c, struct replica_token_data *data)
{
	*data = (struct replica_token_data){
		.timeout_ms = c->args->token_timeout_ms ? c->args->token_timeout_ms :
			      REPLICA_TOKEN_TIMEOUT_MS,
		.size = c->result->info->size,
		.captured = time_of_day(),
	};
	snprintf(data->id, sizeof(data->id), "%s", replica_token_id(c->result->uuid));
	snprintf(data->name, sizeof(data->name), "%s", c->result->element_name);
	replica_boot_id(c->ctx, data->boot);
}

/* What was read before does not know of the timeout. */
static int read_again(struct capture *c)
{
	replica_info_free(c->result->info);
	c->result->info = NULL;
	return replica_snap_info(c->ctx, c->result->element_name, &c->result->info);
}

static int write_token(struct capture *c)
{
	uint8_t bytes[REPLICA_TOKEN_BYTES];
	struct replica_token_data data;
	int ret;

	describe(c, &data);
	ret = begin_state(c, &data);
	if (!ret)
		ret = read_again(c);
	if (!ret) {
		c->result->token = strdup(c->args->token);
		if (!c->result->token)
			ret = replica_fail_memory(c->ctx);
	}
	if (ret)
		return ret;
	replica_token_seal(&data, c->key, bytes);
	return replica_token_file_write(c->ctx, c->args->token, c->fd, bytes);
}

/* The error stays. */
static void undo(struct capture *c)
{
	struct replica_error err = c->ctx->err;
	int ret = REPLICA_SUCCESS;

	if (replica_lines_are_of(c->ctx, c->result->element_name, c->result->uuid))
		ret = replica_snap_end(c->ctx, c->result->element_name, false, NULL);

	c->ctx->err = err;
	if (ret)
		replica_error_details(c->ctx,
				      "something is left behind: 'replicactl remove %s' tidies up",
				      c->result->element_name);
	replica_info_free(c->result->info);
	c->result->info = NULL;
}

static int capture(struct capture *c)
{
	int ret = replica_token_file_create(c->ctx, c->args->token, &c->fd);

	if (ret)
		return ret;
	ret = make_snapshot(c);
	if (!ret) {
		ret = write_token(c);
		if (ret)
			undo(c);
	}
	if (ret)
		replica_token_file_drop(c->args->token, c->fd);
	return ret;
}

static int check_free(struct capture *c)
{
	if (access(c->args->token, F_OK))
		return REPLICA_SUCCESS;
	return replica_fail(c->ctx, REPLICA_INVALID_PARAMETER, EEXIST, REPLICA_TOKEN_PARAM,
			    "%s exists, and the file of a token is never overwritten",
			    c->args->token);
}

int replica_token_capture(struct replica_ctx *ctx, const struct replica_create_args *args,
			  struct replica_create_result *result)
{
	struct capture c = { .ctx = ctx, .args = args, .result = result, .fd = -1 };
	int ret = check(ctx, args);

	if (ret)
		return ret;
	if (args->dry_run) {
		ret = check_free(&c);
		return ret ? ret : make_snapshot(&c);
	}
	replica_token_tend(ctx);
	ret = replica_token_key(ctx, true, c.key);
	if (!ret)
		ret = capture(&c);
	explicit_bzero(c.key, sizeof(c.key));
	return ret;
}
