// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The zero token: the kernel writes zeroes, by whatever the device has for it, and never by
 * a discard.  It does so within the call, in pieces as those of T10's copy offload, so that
 * a caller who waits can end it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fs.h>

#include "create-goals.h"
#include "info.h"
#include "token.h"

#define PIECE	(64ULL << 20)

struct zero {
	struct replica_ctx *ctx;
	const struct replica_create_args *args;
	const struct replica_blockdev *target;
	uint64_t start_ms;
	uint64_t done;			/* bytes */
};

/* All the rest is checked as for a clone of the target's size. */
static int check_args(struct replica_ctx *ctx, const struct replica_create_args *args)
{
	struct replica_create_args clone = *args;

	clone.source = args->target_storage_volume;
	clone.sync_type = REPLICA_SYNC_TYPE_CLONE;
	clone.token = NULL;
	if (args->element_name)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_NAME,
				    "the zero token makes no device that could be named \"%.140s\"",
				    args->element_name);
	if (args->replication_settings && args->replication_settings->present &
					  ~(uint32_t)REPLICA_SETTING_WAIT_STATE)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "ReplicationSettings",
				    "the zero token has no settings: they are for what copies");
	if (replica_goals_wait(args) && replica_goals_wait(args) != DM_REPLICA_STATE_SYNCHRONIZED)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "WaitForCopyState",
				    "zeroes are written within the call, and no state but Synchronized can be waited for");
	return replica_create_check(ctx, &clone);
}

static int check_target(struct replica_check *c, struct replica_info **replicas, const char *path)
{
	int ret = replica_check_replicas(c, replicas);

	if (ret || !replica_check_open(c, path, REPLICA_PARAM_TARGET, &c->target))
		return ret ? ret : replica_check_result(c);
	if (!c->target.size)
		replica_finding_add(c, REPLICA_CHECK_EMPTY, REPLICA_PARAM_TARGET,
				    "%s has no size", path);
	replica_check_read_only(c, &c->target, REPLICA_PARAM_TARGET);
	replica_check_use(c, &c->target, REPLICA_PARAM_TARGET);
	if (!c->target.suspended) {
		replica_check_signature(c, &c->target, REPLICA_PARAM_TARGET);
		replica_check_log(c, &c->target, REPLICA_PARAM_TARGET);
	}
	return replica_check_result(c);
}

static int fail_late(struct zero *z)
{
	return replica_fail(z->ctx, REPLICA_TIMEOUT, ETIMEDOUT, "WaitForCopyState",
			    "%s has %" PRIu64 " of %" PRIu64
			    " bytes of zeroes after %u ms, and the rest as it was",
			    z->target->path, z->done, z->target->size, z->args->timeout_ms);
}

static int tell(struct zero *z)
{
	char name[DM_REPLICA_NAME_LEN];
	const struct replica_info info = {
		.name = name,
		.copy_state = DM_REPLICA_STATE_UNSYNCHRONIZED,
		.percent_synced = z->done * 100 / z->target->size,
	};

	snprintf(name, sizeof(name), "%.127s", z->target->path);
	if (replica_goals_wait(z->args) && z->args->progress &&
	    z->args->progress(&info, z->args->progress_data))
		return replica_fail(z->ctx, REPLICA_FAILED, ECANCELED, NULL,
				    "zeroing was ended by the caller: %s has %" PRIu64
				    " bytes of zeroes, and the rest as it was", z->target->path,
				    z->done);
	if (z->args->timeout_ms && replica_now_ms() - z->start_ms >= z->args->timeout_ms)
		return fail_late(z);
	return REPLICA_SUCCESS;
}

static int write_zeroes(struct zero *z, int fd)
{
	while (z->done < z->target->size) {
		uint64_t left = z->target->size - z->done;
		uint64_t range[2] = { z->done, left < PIECE ? left : PIECE };
		int ret = tell(z);

		if (ret)
			return ret;
		if (ioctl(fd, BLKZEROOUT, range))
			return replica_fail_errno(z->ctx, errno, REPLICA_PARAM_TARGET,
						  "%s cannot be zeroed from byte %" PRIu64 " on",
						  z->target->path, z->done);
		z->done += range[1];
	}
	if (!fsync(fd))
		return REPLICA_SUCCESS;
	return replica_fail_errno(z->ctx, errno, REPLICA_PARAM_TARGET,
				  "zeroes on %s are not safe from a power cut", z->target->path);
}

static int zero_target(struct zero *z)
{
	int fd, ret = replica_open_target(z->ctx, z->target, z->args->force, &fd);

	if (ret)
		return ret;
	ret = write_zeroes(z, fd);
	close(fd);
	return ret;
}

int replica_token_zero(struct replica_ctx *ctx, const struct replica_create_args *args,
		       struct replica_create_result *result)
{
	struct replica_check check = { .ctx = ctx, .force = args->force };
	struct zero z = {
		.ctx = ctx, .args = args, .target = &check.target, .start_ms = replica_now_ms(),
	};
	struct replica_info *replicas = NULL;
	int ret = check_args(ctx, args);

	if (ret)
		return ret;
	ret = check_target(&check, &replicas, args->target_storage_volume);
	result->findings = check.findings;
	if (!ret) {
		result->target_storage_volume = strdup(check.target.path);
		if (!result->target_storage_volume)
			ret = replica_fail_memory(ctx);
	}
	if (!ret && !args->dry_run)
		ret = zero_target(&z);
	replica_info_free(replicas);
	return ret;
}
