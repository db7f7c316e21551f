// SPDX-License-Identifier: LGPL-2.1-or-later
/* What snapshots need of device-mapper beyond whole tables. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "dm-task.h"
#include "snapshot.h"

#define HIDDEN_FLAGS	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | DM_UDEV_DISABLE_DISK_RULES_FLAG | \
			 DM_UDEV_DISABLE_OTHER_RULES_FLAG)

void replica_maps_clear(struct replica_maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		replica_lines_clear(&maps->map[i]);
	free(maps->map);
	memset(maps, 0, sizeof(*maps));
}

/* One that went away since the list was made is no failure. */
static int add_map(struct replica_ctx *ctx, struct replica_maps *maps, const char *name)
{
	struct replica_lines *map = reallocarray(maps->map, maps->count + 1, sizeof(*map));
	int r;

	if (!map)
		return -ENOMEM;
	maps->map = map;
	map += maps->count;
	r = replica_lines_read(ctx, name, 0, map);
	if (!r) {
		maps->count++;
		return 0;
	}
	replica_lines_clear(map);
	return r == -ENXIO ? 0 : r;
}

int replica_maps_read(struct replica_ctx *ctx, struct replica_maps *maps)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_LIST, NULL);
	struct dm_names *names;
	int r;

	memset(maps, 0, sizeof(*maps));
	if (!task)
		return -errno;
	r = replica_dm_run(task);
	names = r ? NULL : dm_task_get_names(task);
	while (!r && names && names->dev) {
		r = add_map(ctx, maps, names->name);
		if (!names->next)
			break;
		names = (struct dm_names *)((char *)names + names->next);
	}
	dm_task_destroy(task);
	if (r)
		replica_maps_clear(maps);
	return r;
}

/* "16/2048 16" in sectors, or a word. */
void replica_snap_parse_usage(const char *text, struct replica_usage *usage)
{
	memset(usage, 0, sizeof(*usage));
	usage->overflow = !strcmp(text, "Overflow");
	usage->merge_failed = !strcmp(text, "Merge failed");
	usage->valid = sscanf(text, "%" SCNu64 "/%" SCNu64 " %" SCNu64, &usage->used,
			      &usage->total, &usage->metadata) == 3;
}

int replica_snap_usage(const char *name, struct replica_usage *usage)
{
	char text[128];
	int r;

	memset(usage, 0, sizeof(*usage));
	r = replica_dm_status(name, REPLICA_SNAP_TARGET, text, sizeof(text));
	if (r == -ENOMSG)
		r = replica_dm_status(name, REPLICA_SNAP_MERGE_TARGET, text, sizeof(text));
	if (!r)
		replica_snap_parse_usage(text, usage);
	return r == -ENOMSG ? 0 : r;
}

int replica_snap_make(struct replica_ctx *ctx, const char *name, const char *uuid)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_CREATE, name);
	int r;

	if (!task)
		return replica_dm_fail_task(ctx);
	r = dm_task_set_uuid(task, uuid) ? replica_dm_run(task) : -ENOMEM;
	dm_task_destroy(task);
	return r ? replica_dm_fail(ctx, r, name, "") : REPLICA_SUCCESS;
}

static int load(struct replica_ctx *ctx, const char *name, uint64_t sectors, const char *type,
		const char *params, bool read_only)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_RELOAD, name);
	int r = -ENOMEM;

	if (!task)
		return replica_dm_fail_task(ctx);
	if (dm_task_add_target(task, 0, sectors, type, params) &&
	    (!read_only || dm_task_set_ro(task)))
		r = replica_dm_run(task);
	dm_task_destroy(task);
	if (!r)
		return REPLICA_SUCCESS;
	replica_dm_fail(ctx, r, name, "");
	replica_error_details(ctx, "table: 0 %" PRIu64 " %s %s; the kernel log may say more",
			      sectors, type, params);
	return ctx->err.status_code;
}

int replica_snap_load(struct replica_ctx *ctx, const char *name, uint64_t sectors,
		      const char *type, const char *params)
{
	return load(ctx, name, sectors, type, params, false);
}

int replica_snap_load_read_only(struct replica_ctx *ctx, const char *name, uint64_t sectors,
				const char *type, const char *params)
{
	return load(ctx, name, sectors, type, params, true);
}

int replica_snap_resume(struct replica_ctx *ctx, const char *name, int hidden, bool freeze)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_RESUME, name);
	int err = 0, ret;

	if (!task)
		return replica_dm_fail_task(ctx);
	if (!freeze)
		dm_task_skip_lockfs(task);
	ret = replica_dm_run_udev(ctx, task, name, hidden ? HIDDEN_FLAGS : 0, &err);
	dm_task_destroy(task);
	return err ? replica_dm_fail(ctx, err, name, "") : ret;
}

void replica_snap_wake(struct replica_ctx *ctx, const char *name, const struct replica_lines *old)
{
	struct replica_error err = ctx->err;
	struct replica_lines now;
	bool asleep;

	asleep = !replica_lines_read(ctx, name, 0, &now) && now.suspended;
	replica_lines_clear(&now);
	if (asleep && !replica_lines_load(ctx, name, old))
		replica_snap_resume(ctx, name, 0, false);
	ctx->err = err;
}

int replica_snap_suspend(struct replica_ctx *ctx, const char *name)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_SUSPEND, name);
	int r;

	if (!task)
		return replica_dm_fail_task(ctx);
	dm_task_skip_lockfs(task);
	r = replica_dm_run(task);
	dm_task_destroy(task);
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r, "Name", "\"%s\" cannot be suspended", name);
}
