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
#include "table.h"

/* Each snapshot of a source is a floor, and so is a replica of it. */
#define FOLLOW_MAX	256

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
	int ret = replica_thin_map_gone(work, map);

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

/* ------------------------------------------------------------------------ */
/* Which volume a device is */

/* What lies under a table that is given to a source: of its snapshots, or its replica. */
static bool lower_of(const struct replica_lines *lines, dev_t *lower)
{
	char number[32];

	return (replica_lines_only(lines, REPLICA_SNAP_ORIGIN_TARGET) ||
		replica_lines_only(lines, REPLICA_SNAP_MERGE_TARGET) ||
		replica_lines_only(lines, REPLICA_TARGET_NAME)) &&
	       sscanf(lines->line[0].params, "%31s", number) == 1 &&
	       !replica_parse_devno(number, lower);
}

enum replica_thin_at replica_thin_follow(struct replica_ctx *ctx, const struct replica_lines *top,
					 char pool[32], uint32_t *id)
{
	struct replica_lines lines = { .count = 0 };
	const struct replica_lines *now = top;
	enum replica_thin_at at = REPLICA_THIN_HERE;
	dev_t lower;

	for (int depth = 0; depth < FOLLOW_MAX && lower_of(now, &lower); depth++) {
		at = REPLICA_THIN_LENT;
		replica_lines_clear(&lines);
		now = &lines;
		if (replica_lines_read(ctx, NULL, lower, &lines))
			break;
	}
	if (!top->count)
		at = REPLICA_THIN_NOWHERE;
	else if (!replica_lines_only(now, REPLICA_THIN_TARGET) ||
		 sscanf(now->line[0].params, "%31s %" SCNu32, pool, id) != 2)
		at = REPLICA_THIN_ELSEWHERE;
	replica_lines_clear(&lines);
	return at;
}

enum replica_thin_at replica_thin_map_at(struct replica_thin_work *work,
					 const struct replica_thin_map *map, int *open_count)
{
	enum replica_thin_at at = REPLICA_THIN_NOWHERE;
	struct replica_lines lines;
	char pool[32];
	uint32_t id;

	*open_count = 0;
	if (!replica_lines_read(work->ctx, map->name, 0, &lines) &&
	    !strcmp(lines.uuid, map->uuid)) {
		*open_count = lines.open_count;
		at = replica_thin_follow(work->ctx, &lines, pool, &id);
	}
	replica_lines_clear(&lines);
	if ((at == REPLICA_THIN_HERE || at == REPLICA_THIN_LENT) &&
	    (id != map->id || strcmp(pool, work->pool.devno)))
		at = REPLICA_THIN_ELSEWHERE;
	return at;
}

static int check_own(struct replica_thin_work *work, const struct replica_thin_map *map)
{
	int open_count;

	switch (replica_thin_map_at(work, map, &open_count)) {
	case REPLICA_THIN_LENT:
		return replica_fail(work->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE,
				    REPLICA_PARAM_POOL,
				    "volume \"%s\" is the source of a snapshot or of a replica, which has to end first",
				    map->name);
	case REPLICA_THIN_ELSEWHERE:
		return replica_fail(work->ctx, REPLICA_FAILED, EEXIST, REPLICA_PARAM_POOL,
				    "mapped device \"%s\" has the uuid of volume %" PRIu32
				    " of pool %s, and is not that volume; is the pool a copy of another one that is in use here?",
				    map->name, map->id, work->pool.path);
	default:
		return REPLICA_SUCCESS;
	}
}

int replica_thin_map_gone(struct replica_thin_work *work, const struct replica_thin_map *map)
{
	int ret;

	if (!replica_lines_are_of(work->ctx, map->name, map->uuid))
		return REPLICA_SUCCESS;
	ret = check_own(work, map);
	if (!ret)
		ret = replica_snap_idle(work->ctx, map->name, "volume");
	if (!ret)
		ret = replica_dm_remove(work->ctx, map->name);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}
