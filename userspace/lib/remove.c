// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a replica.  detach ends it in order, remove at once; both leave
 * the source as it is and no log, while deactivate leaves the log for later.  All
 * refuse while the mapped device is open, because whoever has it open would lose it;
 * but for a source that has a replica under its own name, which gets its table back.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "belong.h"
#include "dm.h"
#include "format.h"
#include "genl.h"
#include "info.h"
#include "old-label.h"
#include "pool.h"
#include "protect.h"
#include "registry.h"
#include "remove.h"
#include "sysfs.h"
#include "token.h"

/* udev may hold a device open for a moment after its last user has gone. */
#define CLOSE_TRIES	40
#define CLOSE_STEP_MS	50

/* What force grants a replica that may never answer, if the caller sets no time. */
#define FORCED_CONFIRM_MS	5000

static int fail_none(struct replica_ctx *ctx, const char *name)
{
	int ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
			       "there is no replica \"%s\"", name);

	return replica_record_explain(ctx, name, ret);
}

int replica_check_closed(struct replica_ctx *ctx, const char *name,
			 struct replica_dm_info *info)
{
	const struct timespec step = { .tv_nsec = CLOSE_STEP_MS * 1000000 };
	int ret;

	for (int i = 0; i < CLOSE_TRIES; i++) {
		ret = replica_dm_info(ctx, name, info);
		if (ret)
			return ret;
		if (!info->exists)
			return fail_none(ctx, name);
		if (!info->ours)
			return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
					    "Name",
					    "mapped device \"%s\" is not a replica",
					    name);
		if (!info->open_count)
			return REPLICA_SUCCESS;
		nanosleep(&step, NULL);
	}
	return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "replica \"%s\" is in use: it is open %d time%s", name,
			    info->open_count, info->open_count == 1 ? "" : "s");
}

static int check_in_step(struct replica_ctx *ctx, struct replica_genl *g,
			 const char *name)
{
	struct replica_info *info;
	int ret;

	ret = replica_info_read(ctx, g, name, &info);
	if (ret)
		return ret;
	if (info->sync_type == REPLICA_SYNC_TYPE_CLONE)
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
				   "replica \"%s\" is a clone: finish ends it when it is complete, remove at once",
				   name);
	else if (info->copy_state != DM_REPLICA_STATE_SYNCHRONIZED) {
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

/*
 * If nobody has the device open, what is confirmed now stays so.  Where somebody has,
 * the kernel sees what comes later through before it exchanges the table.
 */
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

void replica_meta_path(struct replica_ctx *ctx, const struct replica_dm_info *info,
		       char path[PATH_MAX])
{
	dev_t devno;

	path[0] = '\0';
	if (info->meta[0] && replica_parse_devno(info->meta, &devno) == 0)
		replica_sysfs_path(ctx, devno, path, PATH_MAX);
}

/* What is to end: a mapped device, or the replica that a source has under its name. */
struct ending {
	struct replica_ctx *ctx;
	const char *name;
	struct replica_dm_info info;
	struct replica_attached attached;
	struct replica_error late;	/* it is done; what is told of it in the end */
	bool tags;			/* that volumes keep their tags */
	bool gone;			/* the mapping; what follows may fail */
};

/*
 * To be cleared in any case.  What is left of a source in use is for remove alone.  leave: one
 * whose data is on the other device may be left there.
 */
static int begin(struct ending *e, struct replica_ctx *ctx, const char *name, bool leave)
{
	int ret;

	memset(e, 0, sizeof(*e));
	e->ctx = ctx;
	e->name = name;
	ret = replica_attached_look(&e->attached, ctx, name);
	if (ret)
		return ret;
	if (!e->attached.attached)
		return replica_check_closed(ctx, name, &e->info);
	ret = leave ? REPLICA_SUCCESS : replica_attached_check(&e->attached);
	return ret ? ret : replica_dm_info(ctx, name, &e->info);
}

static void clear(struct ending *e)
{
	replica_attached_clear(&e->attached);
}

/* Where udev is late it is done, and the log must not outlive it. */
static int unmap(struct ending *e)
{
	int ret;

	if (e->attached.attached)
		return replica_attached_end(&e->attached);
	ret = replica_dm_remove(e->ctx, e->name);
	if (ret != REPLICA_TIMEOUT)
		return ret;
	if (!e->late.status_code)
		e->late = e->ctx->err;
	return REPLICA_SUCCESS;
}

/* At the very end: what else went wrong is told besides. */
static int tell_late(struct ending *e, int ret)
{
	const struct replica_error err = e->ctx->err;

	if (!e->late.status_code || (ret && !e->tags))
		return ret;
	e->ctx->err = e->late;
	if (ret)
		replica_error_details(e->ctx, "%s", err.description);
	return e->late.status_code;
}

/* The hidden device goes last: by it is found what a command has left that was cut off. */
static int drop_hidden(struct ending *e)
{
	return e->attached.attached ? replica_attached_drop(&e->attached) : REPLICA_SUCCESS;
}

/* Removes the replica, and the log with it. */
static int end(struct ending *e)
{
	struct replica_error err;
	char path[PATH_MAX];
	int ret;

	replica_meta_path(e->ctx, &e->info, path);
	replica_ended_note(e->ctx, e->name, false);
	ret = unmap(e);
	e->gone = !ret;
	if (ret)
		replica_ended_forget(e->ctx, e->name);
	if (ret || !path[0])
		return ret;
	ret = replica_erase_meta(e->ctx, path);
	if (!ret)
		return ret;
	err = e->ctx->err;
	return replica_fail(e->ctx, ret, err.sm_code, REPLICA_PARAM_META,
			    "replica \"%s\" was removed, but its log stays and will be found again: %s",
			    e->name, err.description);
}

/* What was forced may never answer, and may be needed as it is. */
static int end_in_order(struct ending *e)
{
	struct replica_old_label target, origin;
	int ret;

	replica_old_label_find(e->ctx, e->name, &e->info, &target);
	replica_old_label_find_origin(e->ctx, e->name, &e->info, &origin);
	ret = end(e);
	if (!ret)
		ret = replica_old_label_erase(e->ctx, e->name, &target);
	return ret ? ret : replica_old_label_erase(e->ctx, e->name, &origin);
}

/* What is to become of the replica's volumes, if they were cut from a pool. */
enum volumes { KEEP_TARGET, GIVE_BACK };

/*
 * Who wants to be rid of a replica gets rid of it without LVM too, and is told in the end
 * what that means for volumes that he keeps.  legs NULL: they are not known.
 */
static void note_tags(struct ending *e, const struct replica_cut *legs)
{
	const struct replica_lv *kept = !legs ? NULL : legs->target ? legs->target : legs->origin;
	const struct replica_error err = e->ctx->err;
	struct replica_ctx *ctx = e->ctx;

	if (kept)
		replica_fail(ctx, err.status_code, err.sm_code, REPLICA_PARAM_POOL,
			     "replica \"%s\" was detached, but its %s, volume %s, still has the tag %s, by which 'return-to-pool --left --force' would remove it",
			     e->name, legs->target ? "target" : "origin", kept->shown,
			     REPLICA_POOL_TAG);
	else
		replica_fail(ctx, err.status_code, err.sm_code, REPLICA_PARAM_POOL,
			     "replica \"%s\" was detached, but whether its volumes were cut from a pool is not known; those that were still have the tag %s, by which 'return-to-pool --left --force' would remove them",
			     e->name, REPLICA_POOL_TAG);
	replica_error_message(ctx, err.message[0] ? err.message : err.description);
	e->late = ctx->err;
	e->tags = true;
	replica_error_clear(ctx);
}

/*
 * Said on the volumes while the association still protects them: who is killed
 * after it leaves what 'return-to-pool --left' judges rightly.
 */
static int mark_volumes(struct ending *e, const struct replica_cut *legs,
			enum volumes volumes, bool force)
{
	int ret;

	if (volumes == GIVE_BACK) {
		ret = replica_pool_doom(e->ctx, legs);
		if (ret)
			replica_pool_spare(e->ctx, legs);
		return ret;
	}
	ret = replica_pool_keep(e->ctx, legs);
	if (ret && force)
		note_tags(e, legs);
	else if (ret)
		replica_pool_unkeep(e->ctx, legs);
	return force ? REPLICA_SUCCESS : ret;
}

static int find_volumes(struct ending *e, struct replica_cut *legs, bool may_fail)
{
	int ret = replica_pool_legs(e->ctx, e->name, legs);

	if (!ret || !may_fail)
		return ret;
	note_tags(e, NULL);
	return REPLICA_SUCCESS;
}

/*
 * A target that has taken the place of the origin is left with all the data, and is nothing
 * that 'return-to-pool --left' is to collect.  A clone that was finished has let go of both.
 */
static void spare_origin(struct ending *e, struct replica_cut *legs)
{
	if (!e->info.has_legs)
		return;
	if (replica_pool_origin(e->ctx, e->name, legs))
		note_tags(e, NULL);
	else if (replica_pool_keep(e->ctx, legs))
		note_tags(e, legs);
}

/* Which device is the origin now; "" when that cannot be told. */
static void read_origin(struct ending *e, char origin[32])
{
	struct replica_dm_table table;

	if (replica_dm_table(e->ctx, e->name, &table) ||
	    sscanf(table.params, "%31s", origin) != 1)
		origin[0] = '\0';
	replica_error_clear(e->ctx);
}

/*
 * The wait for the replica may have been long, and somebody may have had origin and replica
 * change places: the volume that was to go may be the one that is in use.
 */
static int check_places(struct ending *e, const char *before)
{
	char now[32];

	read_origin(e, now);
	if (!strcmp(before, now))
		return REPLICA_SUCCESS;
	return replica_fail(e->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Name",
			    "origin and replica of \"%s\" changed places meanwhile; look at it, and try again",
			    e->name);
}

/*
 * Who goes on as a replica is not marked any more.  LVM may have waited long for its locks, too.
 */
static int end_marked(struct ending *e, const struct replica_cut *legs, bool force,
		      enum volumes volumes, const char *origin)
{
	int ret = check_places(e, origin);

	if (!ret)
		ret = force || volumes == GIVE_BACK ? end(e) : end_in_order(e);
	if (volumes == GIVE_BACK && !e->gone)
		replica_pool_spare(e->ctx, legs);
	else if (volumes == KEEP_TARGET && !e->gone)
		replica_pool_unkeep(e->ctx, legs);
	else if (volumes == KEEP_TARGET)
		replica_pool_kept(e->ctx, legs);
	return ret;
}

static int detach_with(struct replica_ctx *ctx, const char *name, bool force,
		       uint32_t timeout_ms, enum volumes volumes,
		       struct replica_pool_volume **list)
{
	struct replica_protect_ending protection = { .lock = -1 };
	struct replica_cut legs = { .lock = -1 };
	struct ending e;
	char origin[32];
	int ret = begin(&e, ctx, name, force);

	if (!ret) {
		read_origin(&e, origin);
		ret = find_volumes(&e, &legs, force && volumes == KEEP_TARGET);
	}
	/* Before anything goes: a refusal leaves the replica its protection. */
	if (!ret && volumes == GIVE_BACK)
		ret = replica_pool_returnable(ctx, name, &legs, true);
	if (!ret)
		ret = replica_protect_end(ctx, name, force, volumes == GIVE_BACK, &protection);
	if (!ret && volumes == GIVE_BACK)
		ret = replica_pool_returnable(ctx, name, &legs, false);
	if (!ret)
		ret = settle(ctx, name, force, timeout_ms);
	if (!ret)
		ret = check_places(&e, origin);
	if (!ret)
		ret = mark_volumes(&e, &legs, volumes, force);
	if (!ret)
		ret = end_marked(&e, &legs, force, volumes, origin);
	if (!ret)
		ret = drop_hidden(&e);
	if (!ret)
		ret = tell_late(&e, replica_pool_give_back(ctx, &legs, volumes == GIVE_BACK,
							   list));
	ret = replica_protect_ended(ctx, &protection, e.gone, ret);
	replica_cut_clear(&legs);
	clear(&e);
	return ret;
}

EXPORT int replica_detach(struct replica_ctx *ctx, const char *name, bool force,
			  uint32_t timeout_ms)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret;

	replica_error_begin(ctx, "SetReplicationRelationship:Detach");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret && replica_snap_is(ctx, dm_name))
		return replica_snap_end(ctx, dm_name, force, NULL);
	return ret ? ret : detach_with(ctx, dm_name, force, timeout_ms, KEEP_TARGET, NULL);
}

EXPORT int replica_return_to_pool(struct replica_ctx *ctx, const char *name, bool force,
				  uint32_t timeout_ms, struct replica_pool_volume **list)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret;

	*list = NULL;
	replica_error_begin(ctx, "SetReplicationRelationship:Return To ResourcePool");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret && replica_snap_is(ctx, dm_name))
		return replica_snap_return(ctx, dm_name, list);
	return ret ? ret : detach_with(ctx, dm_name, force, timeout_ms, GIVE_BACK, list);
}

static int remove_mirror(struct replica_ctx *ctx, const char *name)
{
	struct replica_protect_ending protection = { .lock = -1 };
	struct replica_cut legs = { .lock = -1 };
	char target[DM_REPLICA_UUID_LEN];
	struct ending e;
	int ret = begin(&e, ctx, name, false);

	if (e.attached.left) {
		replica_error_clear(ctx);
		ret = replica_attached_tidy(&e.attached, name);
		if (!ret)
			replica_record_drop(ctx, name);
	} else if (!ret) {
		replica_pool_note_target(ctx, name, target);
		spare_origin(&e, &legs);
		replica_protect_end(ctx, name, true, false, &protection);
		ret = end(&e);
		if (e.gone) {
			replica_pool_kept(ctx, &legs);
			replica_pool_unmark(ctx, target);
		} else {
			replica_pool_unkeep(ctx, &legs);
		}
		if (!ret)
			ret = drop_hidden(&e);
		if (!ret)
			ret = tell_late(&e, ret);
	}
	ret = replica_protect_ended(ctx, &protection, e.gone, ret);
	replica_cut_clear(&legs);
	clear(&e);
	return ret;
}

EXPORT int replica_remove(struct replica_ctx *ctx, const char *name)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	bool redeem;
	int ret;

	replica_error_begin(ctx, "RemoveReplica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret && replica_snap_is(ctx, dm_name))
		return replica_snap_end(ctx, dm_name, false, NULL);
	if (ret)
		return ret;
	redeem = replica_is_redeem(ctx, dm_name);
	ret = remove_mirror(ctx, dm_name);
	if (redeem)
		replica_token_tidy(ctx);
	return ret;
}
