// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a replica.  detach ends it in order, remove at once; both leave
 * the source as it is, and both refuse while the mapped device is open, because
 * whoever has it open would lose it.
 */
#include <errno.h>
#include <time.h>

#include "dm.h"
#include "genl.h"
#include "info.h"

/* udev may hold a device open for a moment after its last user has gone. */
#define CLOSE_TRIES	40
#define CLOSE_STEP_MS	50

/* What force grants a replica that may never answer, if the caller sets no time. */
#define FORCED_CONFIRM_MS	5000

/* REPLICA_SUCCESS if there is such a device, it is ours, and nobody has it open. */
static int check_closed(struct replica_ctx *ctx, const char *name)
{
	const struct timespec step = { .tv_nsec = CLOSE_STEP_MS * 1000000 };
	struct replica_dm_info info;
	int ret;

	for (int i = 0; i < CLOSE_TRIES; i++) {
		ret = replica_dm_info(ctx, name, &info);
		if (ret)
			return ret;
		if (!info.exists)
			return replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
					    "there is no replica \"%s\"", name);
		if (!info.ours)
			return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
					    "Name",
					    "mapped device \"%s\" is not a replica",
					    name);
		if (!info.open_count)
			return REPLICA_SUCCESS;
		nanosleep(&step, NULL);
	}
	return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "replica \"%s\" is in use: it is open %d time%s", name,
			    info.open_count, info.open_count == 1 ? "" : "s");
}

static int check_in_step(struct replica_ctx *ctx, struct replica_genl *g,
			 const char *name)
{
	struct replica_info *info;
	int ret;

	ret = replica_info_read(ctx, g, name, &info);
	if (ret)
		return ret;
	if (info->copy_state != DM_REPLICA_STATE_SYNCHRONIZED) {
		ret = replica_fail(ctx, REPLICA_FAILED, 0, "Force",
				   "replica \"%s\" is %s, not Synchronized: its legs differ; use force to detach it nevertheless",
				   name,
				   replica_enum_name(REPLICA_ENUM_COPY_STATE,
						     info->copy_state));
		if (info->reason)
			replica_error_details(ctx, "reason: %s", info->reason);
	}
	replica_info_free(info);
	return ret;
}

/* Nobody has the device open, so what is confirmed now stays so. */
static int settle(struct replica_ctx *ctx, const char *name, bool force,
		  uint32_t timeout_ms)
{
	struct replica_genl *g;
	int ret;

	ret = replica_genl_get(ctx, &g);
	if (!ret && !force)
		ret = check_in_step(ctx, g, name);
	if (force && !timeout_ms)
		timeout_ms = FORCED_CONFIRM_MS;
	if (!ret)
		ret = replica_confirm_name(ctx, g, name, timeout_ms);
	if (!force)
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

EXPORT int replica_detach(struct replica_ctx *ctx, const char *name, bool force,
			  uint32_t timeout_ms)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret;

	replica_error_begin(ctx, "SetReplicationRelationship:Detach");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = check_closed(ctx, dm_name);
	if (!ret)
		ret = settle(ctx, dm_name, force, timeout_ms);
	return ret ? ret : replica_dm_remove(ctx, dm_name);
}

EXPORT int replica_remove(struct replica_ctx *ctx, const char *name)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret;

	replica_error_begin(ctx, "RemoveReplica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = check_closed(ctx, dm_name);
	return ret ? ret : replica_dm_remove(ctx, dm_name);
}
