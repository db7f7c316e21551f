// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of redeems and of tokens.  Nobody watches over them: whoever captures or redeems
 * ends what is over, and 'token expire'.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "clone.h"
#include "dm.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "registry.h"
#include "table.h"
#include "token.h"

/* A redeem that is complete is there for those who ask as long as a job that is over. */
#define OVER_MS		REPLICA_TOKEN_TIMEOUT_MS

#define NO_LIST		"device-mapper does not list its devices"

/* The first of many: what comes after it is tried all the same. */
struct failure {
	int ret;
	struct replica_error err;
};

static void note(struct replica_ctx *ctx, struct failure *failure, int ret)
{
	if (ret && !failure->ret) {
		failure->ret = ret;
		failure->err = ctx->err;
	}
	replica_error_clear(ctx);
}

/* ------------------------------------------------------------------------ */
/* Redeems */

static bool has_prefix(struct replica_ctx *ctx, const char *name, const char *prefix)
{
	struct replica_lines lines;
	bool has;

	has = !replica_lines_read(ctx, name, 0, &lines) && replica_id_of(lines.uuid, prefix);
	replica_lines_clear(&lines);
	return has;
}

bool replica_is_redeem(struct replica_ctx *ctx, const char *name)
{
	return has_prefix(ctx, name, REPLICA_REDEEM_UUID_PREFIX);
}

static bool is_over(const struct replica_info *info)
{
	struct timespec now;
	uint64_t ms;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
	return info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED && info->when_synced &&
	       ms > info->when_synced + OVER_MS;
}

const struct replica_lines *replica_token_below(const struct replica_maps *maps,
						const struct replica_lines *leg)
{
	for (size_t i = 0; leg && i < maps->count; i++)
		if (replica_token_id(maps->map[i].uuid) &&
		    replica_leg_lies_on(leg, maps->map[i].dev))
			return &maps->map[i];
	return NULL;
}

/*
 * The kernel tries again whatever could not be read, by another job than the first, and
 * this will never be read.
 */
static bool is_lost(const struct replica_maps *maps, const struct replica_lines *redeem)
{
	const char *id = replica_id_of(redeem->uuid, REPLICA_REDEEM_UUID_PREFIX);
	const struct replica_lines *leg = replica_map_by_uuid(maps, REPLICA_LEG_UUID_PREFIX, id);
	const struct replica_lines *token = replica_token_below(maps, leg);
	struct replica_usage usage;

	return token && !replica_snap_usage(token->name, &usage) && !usage.valid;
}

static int fail_open(struct replica_ctx *ctx, const struct replica_lines *redeem)
{
	return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "redeem \"%s\" is complete, but somebody has it open %d time%s, and its token does not expire before that ends",
			    redeem->name, redeem->open_count, redeem->open_count == 1 ? "" : "s");
}

static int finish_over(struct replica_ctx *ctx, const struct replica_lines *redeem)
{
	uint32_t ended;

	/* udev may have it open for a moment. */
	if (redeem->open_count && replica_snap_idle(ctx, redeem->name, "redeem"))
		return fail_open(ctx, redeem);
	return replica_clone_finish(ctx, redeem->name, &ended);
}

static int finish_one(struct replica_ctx *ctx, struct replica_genl *g,
		      const struct replica_maps *maps, const struct replica_lines *redeem)
{
	struct replica_info *info;
	int ret = replica_info_read(ctx, g, redeem->name, &info);

	if (ret)
		return replica_is_gone(ctx, ret) ? REPLICA_SUCCESS : ret;
	/* The name may be somebody else's by now. */
	if (!info->uuid || strcmp(info->uuid, redeem->uuid))
		ret = REPLICA_SUCCESS;
	else if (is_over(info))
		ret = finish_over(ctx, redeem);
	else if (info->copy_state == DM_REPLICA_STATE_UNSYNCHRONIZED &&
		 (!info->job || info->job->id > 1) && is_lost(maps, redeem))
		ret = replica_operate(ctx, redeem->name, DM_REPLICA_OP_ABORT, false, NULL, NULL);
	replica_error_rename(ctx, "ExpireTokens");
	replica_info_free(info);
	/* Another call may have ended it meanwhile. */
	return replica_is_gone(ctx, ret) ? REPLICA_SUCCESS : ret;
}

static void finish_redeems(struct replica_ctx *ctx, const struct replica_maps *maps,
			   struct failure *failure)
{
	struct replica_genl *g;

	for (size_t i = 0; i < maps->count; i++) {
		const struct replica_lines *map = &maps->map[i];
		int ret;

		if (!replica_id_of(map->uuid, REPLICA_REDEEM_UUID_PREFIX) ||
		    !replica_lines_only(map, REPLICA_TARGET_NAME))
			continue;
		ret = replica_genl_get(ctx, &g);
		if (!ret)
			ret = finish_one(ctx, g, maps, map);
		note(ctx, failure, ret);
	}
}

/* A redeem that was never started, or that had to leave its mapped device to somebody. */
static bool is_rest(const struct replica_lines *redeem)
{
	return !redeem->open_count && !replica_lines_only(redeem, REPLICA_TARGET_NAME);
}

/* The token on which a leg lies is used until now. */
static void touch_token(struct replica_ctx *ctx, const struct replica_maps *maps,
			const struct replica_lines *leg)
{
	const struct replica_lines *token = replica_token_below(maps, leg);

	if (token)
		replica_token_touch(ctx, replica_token_id(token->uuid));
}

static int drop(struct replica_ctx *ctx, const char *name)
{
	int ret = replica_dm_remove(ctx, name);

	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

static int drop_leg(struct replica_ctx *ctx, const struct replica_maps *maps,
		    const struct replica_lines *leg)
{
	const struct replica_lines *redeem = replica_redeem_of(maps, leg);
	int ret = REPLICA_SUCCESS;

	if (redeem ? !is_rest(redeem) : leg->open_count > 0)
		return REPLICA_SUCCESS;
	if (redeem)
		ret = drop(ctx, redeem->name);
	if (ret)
		return ret;
	if (redeem)
		replica_record_drop(ctx, redeem->name);
	touch_token(ctx, maps, leg);
	return drop(ctx, leg->name);
}

static void tidy_locked(struct replica_ctx *ctx, struct failure *failure)
{
	struct replica_maps maps;

	if (replica_maps_read(ctx, &maps))
		return;
	for (size_t i = 0; i < maps.count; i++)
		if (replica_id_of(maps.map[i].uuid, REPLICA_LEG_UUID_PREFIX))
			note(ctx, failure, drop_leg(ctx, &maps, &maps.map[i]));
	replica_maps_clear(&maps);
}

void replica_token_tidy(struct replica_ctx *ctx)
{
	struct replica_error err = ctx->err;
	struct failure failure = { .ret = REPLICA_SUCCESS };
	int lock;

	if (!replica_lock_tables(ctx, &lock)) {
		tidy_locked(ctx, &failure);
		replica_unlock(&lock);
	}
	ctx->err = err;
}

void replica_token_tidy_of(struct replica_ctx *ctx, const char *name)
{
	if (has_prefix(ctx, name, REPLICA_TOKEN_UUID_PREFIX))
		replica_token_tidy(ctx);
}

/* ------------------------------------------------------------------------ */
/* Tokens */

int replica_token_check_end(const struct replica_snap *snap)
{
	const struct replica_lines *upper = snap->upper;

	if (!replica_token_id(snap->self->uuid) || !upper || !upper->suspended)
		return REPLICA_SUCCESS;
	return replica_fail(snap->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "\"%s\" is suspended, and the end of token \"%s\" would let it go on: 'dmsetup resume %s' first",
			    upper->name, snap->self->name, upper->name);
}

/* The store of a token is never one from a pool, which would have to go back. */
static int end_snapshot(struct replica_ctx *ctx, const char *name)
{
	char store[DM_REPLICA_UUID_LEN];

	return replica_snap_end_locked(ctx, name, store);
}

static bool has_expired(struct replica_ctx *ctx, const struct replica_maps *maps,
			const struct replica_lines *map)
{
	const char *id = replica_token_id(map->uuid);
	struct replica_token_state state;

	if (!id || replica_leg_on(maps, map->dev))
		return false;
	if (replica_token_state_read(ctx, id, &state)) {
		replica_token_touch(ctx, id);
		return false;
	}
	return !replica_token_left(&state, replica_boot_ms());
}

/* The list is as it was before the first of them went. */
static void expire_locked(struct replica_ctx *ctx, uint32_t *count, struct failure *failure)
{
	struct replica_maps maps;
	int ret, r;

	tidy_locked(ctx, failure);
	r = replica_maps_read(ctx, &maps);
	if (r) {
		note(ctx, failure, replica_fail_errno(ctx, r, NULL, NO_LIST));
		return;
	}
	for (size_t i = 0; i < maps.count; i++) {
		const struct replica_lines *map = &maps.map[i];

		if (!has_expired(ctx, &maps, map))
			continue;
		ret = end_snapshot(ctx, map->name);
		note(ctx, failure, ret);
		if (ret)
			continue;
		replica_token_ended(ctx, replica_token_id(map->uuid), REPLICA_TOKEN_EXPIRED);
		++*count;
	}
	replica_maps_clear(&maps);
}

static bool any_of_ours(const struct replica_maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		if (replica_token_id(maps->map[i].uuid) ||
		    replica_id_of(maps->map[i].uuid, REPLICA_LEG_UUID_PREFIX))
			return true;
	return false;
}

static int expire(struct replica_ctx *ctx, uint32_t *count)
{
	struct failure failure = { .ret = REPLICA_SUCCESS };
	struct replica_maps maps;
	int lock, ret, r = replica_maps_read(ctx, &maps);
	bool any;

	*count = 0;
	if (r)
		return replica_fail_errno(ctx, r, NULL, NO_LIST);
	any = any_of_ours(&maps);
	if (any)
		finish_redeems(ctx, &maps, &failure);
	replica_maps_clear(&maps);
	if (!any)
		return REPLICA_SUCCESS;
	ret = replica_lock_tables(ctx, &lock);
	if (ret)
		return ret;
	expire_locked(ctx, count, &failure);
	replica_unlock(&lock);
	if (failure.ret)
		ctx->err = failure.err;
	return failure.ret;
}

void replica_token_tend(struct replica_ctx *ctx)
{
	struct replica_error err = ctx->err;
	uint32_t count;

	expire(ctx, &count);
	ctx->err = err;
}

EXPORT int replica_token_expire(struct replica_ctx *ctx, uint32_t *count)
{
	uint32_t gone = 0;
	int ret;

	replica_error_begin(ctx, "ExpireTokens");
	ret = expire(ctx, &gone);
	if (count)
		*count = gone;
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Release */

static int check_redeems(const struct replica_snap *snap)
{
	const struct replica_lines *leg = replica_leg_on(&snap->maps, snap->self->dev);
	const struct replica_lines *redeem = leg ? replica_redeem_of(&snap->maps, leg) : NULL;
	const char *name = redeem ? redeem->name : leg ? leg->name : NULL;

	if (!leg)
		return REPLICA_SUCCESS;
	return replica_fail(snap->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_TOKEN_PARAM,
			    "token \"%s\" is being redeemed by \"%s\"; wait for its end, or remove that first",
			    snap->self->name, name);
}

static int release_locked(struct replica_ctx *ctx, const char *name)
{
	struct failure failure = { .ret = REPLICA_SUCCESS };
	struct replica_snap snap;
	int ret;

	tidy_locked(ctx, &failure);
	ret = replica_snap_find(ctx, name, &snap);
	if (!ret && !replica_token_id(snap.self->uuid))
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
				   "\"%s\" is a snapshot and no token; 'replicactl remove' ends it",
				   name);
	if (!ret)
		ret = check_redeems(&snap);
	replica_snap_clear(&snap);
	return ret ? ret : end_snapshot(ctx, name);
}

/* A store that is full is no reason to keep it. */
static int name_of_file(struct replica_ctx *ctx, const char *path, char name[DM_REPLICA_NAME_LEN])
{
	uint8_t bytes[REPLICA_TOKEN_BYTES];
	struct replica_token_data data;
	struct replica_snap snap;
	int ret = replica_token_file_read(ctx, path, bytes);

	if (!ret && replica_token_is_zero(bytes))
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_TOKEN_PARAM,
				   "%s is the zero token, which nobody can release", path);
	if (!ret)
		ret = replica_token_verify(ctx, path, bytes, &data);
	if (ret)
		return ret;
	ret = replica_token_find(ctx, &data, &snap);
	if (snap.self) {
		strcpy(name, snap.self->name);
		ret = REPLICA_SUCCESS;
	}
	replica_snap_clear(&snap);
	return ret;
}

static bool is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

EXPORT int replica_token_release(struct replica_ctx *ctx, const char *what)
{
	char name[DM_REPLICA_NAME_LEN];
	int lock, ret;

	replica_error_begin(ctx, "ReleaseToken");
	if (!what)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_TOKEN_PARAM,
				    "the file or the name of a token is missing");
	/* Under it nobody else gets the name of the token that the file is found to be. */
	ret = replica_lock_tables(ctx, &lock);
	if (ret)
		return ret;
	ret = is_file(what) ? name_of_file(ctx, what, name) :
	      replica_name_resolve(ctx, what, name);
	if (!ret) {
		replica_error_clear(ctx);
		ret = release_locked(ctx, name);
	}
	replica_unlock(&lock);
	return ret;
}
