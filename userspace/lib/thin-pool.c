// SPDX-License-Identifier: LGPL-2.1-or-later
/* A pool of dm-thin: what the kernel says of it, and what it is told. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "dm-lines.h"
#include "dm-task.h"
#include "pool.h"
#include "sysfs.h"

#define MAPPER		"/dev/mapper/"
#define META_BLOCK	4096U
/* Entries in a block of metadata that grew in order: half of what fits. */
#define META_ENTRIES	126U
/* The roots, the map of free space, and what is written anew beside the old. */
#define META_SPARE	32U

bool replica_thin_is(const char *pool)
{
	return pool[0] == '/';
}

/* "1 14/1024 0/512 - rw discard_passdown queue_if_no_space - 1024" */
bool replica_thin_parse_status(const char *text, struct replica_thin_status *status)
{
	char mode[32], check[32] = "";

	memset(status, 0, sizeof(*status));
	status->failed = !strncmp(text, "Fail", 4) || !strncmp(text, "Error", 5);
	if (status->failed)
		return true;
	if (sscanf(text, "%*u %" SCNu64 "/%" SCNu64 " %" SCNu64 "/%" SCNu64
		   " %*s %31s %*s %*s %31s", &status->meta_used, &status->meta_total,
		   &status->used, &status->total, mode, check) < 5)
		return false;
	status->read_only = !strcmp(mode, "ro");
	status->full = !strcmp(mode, "out_of_data_space");
	status->needs_check = !strcmp(check, "needs_check");
	return status->used <= status->total && status->meta_used <= status->meta_total;
}

/* "253:0 253:1 128 0 1 skip_block_zeroing" */
bool replica_thin_parse_table(const char *params, struct replica_thin_pool *pool)
{
	uint64_t sectors;

	if (sscanf(params, "%*s %*s %" SCNu64, &sectors) != 1 || !sectors ||
	    sectors > UINT32_MAX)
		return false;
	pool->block = sectors << SECTOR_SHIFT;
	pool->stale = strstr(params, " skip_block_zeroing");
	return true;
}

uint64_t replica_thin_meta_need(uint64_t blocks)
{
	uint64_t leaves = blocks / META_ENTRIES + 1;

	return (leaves + leaves / META_ENTRIES + META_SPARE) * META_BLOCK;
}

/* ------------------------------------------------------------------------ */
/* Which one */

static int fail_owner(struct replica_ctx *ctx, const char *path, const char *uuid)
{
	if (!strncmp(uuid, "LVM-", 4))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_POOL,
				    "%s is a device of LVM, whose pools are given as VG or VG/THINPOOL",
				    path);
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_POOL,
			    "%s is managed by stratisd, which knows all volumes of its pools: nothing is cut from it",
			    path);
}

static int take_lines(struct replica_ctx *ctx, const struct replica_lines *lines,
		      struct replica_thin_pool *pool)
{
	if (!strncmp(lines->uuid, "LVM-", 4) || !strncmp(lines->uuid, "stratis-", 8))
		return fail_owner(ctx, pool->path, lines->uuid);
	if (!replica_lines_only(lines, REPLICA_THIN_POOL_TARGET))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_POOL,
				    "%s is a mapped device of target %s, not %s", pool->path,
				    lines->count ? lines->line[0].type : "none",
				    REPLICA_THIN_POOL_TARGET);
	if (!replica_thin_parse_table(lines->line[0].params, pool))
		return replica_fail(ctx, REPLICA_FAILED, EPROTO, REPLICA_PARAM_POOL,
				    "the table of %s cannot be understood", pool->path);
	if (lines->suspended)
		return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_PARAM_POOL,
				    "pool %s is suspended; 'dmsetup resume %s' lets it go on",
				    pool->path, pool->name);
	snprintf(pool->devno, sizeof(pool->devno), "%s", lines->devno);
	return REPLICA_SUCCESS;
}

int replica_thin_find(struct replica_ctx *ctx, const char *path, struct replica_thin_pool *pool)
{
	struct replica_lines lines;
	int r, ret;

	memset(pool, 0, sizeof(*pool));
	if (strncmp(path, MAPPER, strlen(MAPPER)) || !path[strlen(MAPPER)] ||
	    strlen(path) >= sizeof(pool->path) ||
	    strlen(path + strlen(MAPPER)) >= sizeof(pool->name))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_POOL,
				    "\"%.200s\" cannot be the path of a mapped device", path);
	strcpy(pool->path, path);
	strcpy(pool->name, path + strlen(MAPPER));
	r = ctx->host->lines(ctx, pool->name, &lines);
	if (r == -ENXIO)
		ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, REPLICA_PARAM_POOL,
				   "there is no mapped device \"%s\"", pool->name);
	else if (r)
		ret = replica_fail_errno(ctx, r, REPLICA_PARAM_POOL,
					 "device-mapper does not tell about \"%s\"", pool->name);
	else
		ret = take_lines(ctx, &lines, pool);
	replica_lines_clear(&lines);
	return ret;
}

/* "0 -", or "128 127": the sectors that the pool has given it. */
int replica_thin_mapped(const char *name, uint64_t *sectors)
{
	char text[64];
	int r = replica_dm_status(name, REPLICA_THIN_TARGET, text, sizeof(text));

	if (r)
		return r;
	return sscanf(text, "%" SCNu64, sectors) == 1 ? 0 : -EIO;	/* "Fail" */
}

static int fail_state(struct replica_ctx *ctx, const struct replica_thin_pool *pool,
		      const char *state)
{
	return replica_fail(ctx, REPLICA_FAILED, EROFS, REPLICA_PARAM_POOL,
			    "pool %s %s; 'dmsetup status %s' and the kernel log say more, and thin_check examines its metadata while it is not active",
			    pool->path, state, pool->name);
}

int replica_thin_open(struct replica_ctx *ctx, const char *path, struct replica_thin_pool *pool)
{
	int ret = replica_thin_find(ctx, path, pool), r;
	char text[256];

	if (ret)
		return ret;
	r = replica_dm_status(pool->name, REPLICA_THIN_POOL_TARGET, text, sizeof(text));
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_PARAM_POOL,
					  "device-mapper does not tell about \"%s\"", pool->name);
	if (!replica_thin_parse_status(text, &pool->status))
		return replica_fail(ctx, REPLICA_FAILED, EPROTO, REPLICA_PARAM_POOL,
				    "the status of %s cannot be understood: %s", pool->path, text);
	if (pool->status.failed)
		return fail_state(ctx, pool, "has failed");
	if (pool->status.needs_check)
		return fail_state(ctx, pool, "needs a check of its metadata");
	if (pool->status.read_only)
		return fail_state(ctx, pool, "is read-only");
	return REPLICA_SUCCESS;
}

/* ------------------------------------------------------------------------ */

int replica_thin_message(const struct replica_thin_pool *pool, const char *what, uint32_t id)
{
	QUIET;
	struct dm_task *task = replica_dm_task(DM_DEVICE_TARGET_MSG, pool->name);
	char message[64];
	int r = -ENOMEM;

	if (!task)
		return -errno;
	snprintf(message, sizeof(message), "%s %" PRIu32, what, id);
	if (dm_task_set_sector(task, 0) && dm_task_set_message(task, message))
		r = replica_dm_run(task);
	dm_task_destroy(task);
	return r;
}

/* Not knowing is no failure. */
struct replica_thin *replica_thin_of_legs(struct replica_ctx *ctx, const char *target,
					  const char *meta)
{
	struct replica_thin thin = { .target = REPLICA_THIN_NONE, .meta = REPLICA_THIN_NONE };
	struct replica_thin *copy;
	char pool[144] = "";
	dev_t devno;

	if (target && !replica_parse_devno(target, &devno))
		replica_thin_of_volume(ctx, devno, pool, &thin.target);
	if (meta && !replica_parse_devno(meta, &devno))
		replica_thin_of_volume(ctx, devno, pool, &thin.meta);
	copy = pool[0] ? malloc(sizeof(*copy)) : NULL;
	thin.pool = copy ? strdup(pool) : NULL;
	if (copy)
		*copy = thin;
	return copy;
}

bool replica_thin_of_volume(struct replica_ctx *ctx, dev_t devno, char pool[144], uint32_t *id)
{
	char name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN], number[32];
	struct replica_lines lines;
	dev_t of;
	enum replica_thin_at at = REPLICA_THIN_NOWHERE;
	bool is;

	if (!replica_sysfs_dm(ctx, devno, name, uuid) ||
	    strncmp(uuid, REPLICA_THIN_UUID_PREFIX, strlen(REPLICA_THIN_UUID_PREFIX)))
		return false;
	if (!replica_lines_read(ctx, name, 0, &lines))
		at = replica_thin_follow(ctx, &lines, number, id);
	is = (at == REPLICA_THIN_HERE || at == REPLICA_THIN_LENT) &&
	     !replica_parse_devno(number, &of) && replica_sysfs_dm(ctx, of, name, uuid);
	replica_lines_clear(&lines);
	if (is)
		snprintf(pool, 144, "%s%.127s", MAPPER, name);
	return is;
}
