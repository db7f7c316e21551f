// SPDX-License-Identifier: LGPL-2.1-or-later
/* Mapped devices of the volumes of a dm-thin pool. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dm-lines.h"
#include "dm.h"
#include "pool.h"
#include "snapshot.h"

/* REPLICA_TIMEOUT: it is there, and udev is late. */
static int start(struct replica_thin_work *work, const struct replica_thin_map *map)
{
	char params[64];
	int ret;

	snprintf(params, sizeof(params), "%s %" PRIu32, work->pool.devno, map->id);
	ret = replica_snap_load(work->ctx, map->name, map->sectors, REPLICA_THIN_TARGET, params);
	if (ret && work->ctx->err.sm_code == ENODATA)
		return replica_fail(work->ctx, REPLICA_NOT_FOUND, ENODATA, REPLICA_PARAM_POOL,
				    "pool %s has no volume %" PRIu32, work->pool.path, map->id);
	return ret ? ret : replica_snap_resume(work->ctx, map->name, map->hidden, false);
}

int replica_thin_map_make(struct replica_thin_work *work, const struct replica_thin_map *map)
{
	struct replica_ctx *ctx = work->ctx;
	struct replica_error err;
	/* One without a table is what a killed program has left. */
	int ret = replica_thin_map_gone(ctx, map->name, map->uuid);

	if (!ret)
		ret = replica_snap_make(ctx, map->name, map->uuid);
	if (ret)
		return ret;
	ret = start(work, map);
	if (!ret || ret == REPLICA_TIMEOUT)
		return REPLICA_SUCCESS;
	err = ctx->err;
	replica_dm_remove(ctx, map->name);
	ctx->err = err;
	return ret;
}

int replica_thin_map_gone(struct replica_ctx *ctx, const char *name, const char *uuid)
{
	int ret;

	if (!replica_lines_are_of(ctx, name, uuid))
		return REPLICA_SUCCESS;
	ret = replica_snap_idle(ctx, name, "volume");
	if (!ret)
		ret = replica_dm_remove(ctx, name);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

bool replica_thin_map_is(struct replica_ctx *ctx, const char *name, const char *uuid,
			 int *open_count)
{
	struct replica_lines lines;
	bool is;

	is = !replica_lines_read(ctx, name, 0, &lines) && !strcmp(lines.uuid, uuid) &&
	     replica_lines_only(&lines, REPLICA_THIN_TARGET);
	*open_count = lines.open_count;
	replica_lines_clear(&lines);
	return is;
}
