// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is special about a clone: what create refuses for it, and its end.  The kernel does
 * not use the target any more when the clone is complete, but has it open.  The mapped
 * device goes away, or leads to the source alone when somebody has it open; then the log is
 * erased.  Killed in between, it leaves a log that says that the clone is complete, and a note
 * by which whoever finishes the clone once more erases that: clone-rest.c.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clone.h"
#include "create-goals.h"
#include "dm.h"
#include "format.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "pool.h"
#include "registry.h"
#include "sysfs.h"
#include "token.h"

/* Nothing can be late, or be there already. */
int replica_clone_check(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;

	if (!replica_is_clone(a))
		return REPLICA_SUCCESS;
	if (a->mode && a->mode != DM_REPLICA_MODE_SYNC)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Mode",
				    "a clone in mode %s is not supported: it is of one instant, and takes no mode, or sync",
				    replica_enum_name(REPLICA_ENUM_MODE, a->mode));
	if (s && s->present & REPLICA_SETTING_RPO && s->rpo_ms)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "rpo",
				    "a clone has no recovery point objective, and rpo is %u ms",
				    s->rpo_ms);
	if (s && s->present & REPLICA_SETTING_PROTECT &&
	    s->protect == DM_REPLICA_PROTECT_SNAPSHOT)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "protect",
				    "a clone is no copy before it is complete, and protect is snapshot");
	if (a->skip_initial_copy)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "SkipInitialCopy",
				    "a clone is made by copying: the initial copy cannot be skipped");
	return REPLICA_SUCCESS;
}

static int check_over(struct replica_ctx *ctx, const struct replica_info *info)
{
	if (info->sync_type != REPLICA_SYNC_TYPE_CLONE)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Name",
				    "replica \"%s\" is a mirror; finish ends clones, and detach mirrors",
				    info->name);
	if (info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED ||
	    info->copy_state == DM_REPLICA_STATE_ABORTED)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_FAILED, EBUSY, "Name",
			    "clone \"%s\" is %s: it has %u %% of its data; wait for it, or abort it first",
			    info->name,
			    replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state),
			    info->percent_synced);
}

/* Where udev is late it is done, and the log must not outlive it. */
static int done(int ret)
{
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

/* Nobody sees a difference but the target, which is free. */
static int unmap(struct replica_ctx *ctx, const char *name, struct replica_attached *attached,
		 uint32_t *ended)
{
	struct replica_dm_info info;
	int ret;

	if (attached->attached) {
		*ended = REPLICA_ENDED_REPLACED;
		return replica_attached_end(attached);
	}
	ret = replica_dm_info(ctx, name, &info);
	*ended = REPLICA_ENDED_REMOVED;
	if (!ret && !info.open_count) {
		ret = replica_dm_remove(ctx, name);
		if (ret != REPLICA_FAILED || replica_error_sm_code(&ctx->err) != REPLICA_SM_IN_USE)
			return done(ret);
		/* Somebody was faster. */
		replica_error_clear(ctx);
		ret = REPLICA_SUCCESS;
	}
	*ended = REPLICA_ENDED_REPLACED;
	return ret ? ret : done(replica_dm_become_origin(ctx, name));
}

/* As soon as the mapping is gone somebody else may make a log of his own there. */
struct log {
	char path[PATH_MAX];		/* "" for none */
	uint8_t uuid[16];		/* of the association */
	bool known;			/* that; else it was made by dmsetup */
};

static void find_log(struct replica_ctx *ctx, const struct replica_info *info,
		     const struct replica_attached *attached, struct log *log)
{
	dev_t devno;

	log->known = replica_clone_association(info, attached, log->uuid);
	log->path[0] = '\0';
	if (!info->meta || replica_parse_devno(info->meta, &devno))
		return;
	replica_sysfs_path(ctx, devno, log->path, sizeof(log->path));
}

static int erase_log(struct replica_ctx *ctx, const struct log *log)
{
	if (!log->path[0])
		return REPLICA_SUCCESS;
	return log->known ? replica_erase_meta_of(ctx, log->path, log->uuid) :
			    replica_erase_meta(ctx, log->path);
}

/* The hidden device of a source in use goes last, as remove looks for it. */
static int end_as(struct replica_ctx *ctx, const struct replica_info *info,
		  struct replica_attached *attached, uint32_t *ended)
{
	struct replica_old_label label;
	struct replica_dm_info dm;
	struct log log;
	int ret = replica_dm_info(ctx, info->name, &dm);

	if (ret)
		return ret;
	find_log(ctx, info, attached, &log);
	replica_old_label_find(ctx, info->name, &dm, &label);
	replica_ended_note(ctx, info->name, true);
	replica_clone_rest_note(ctx, info, attached, &label);
	ret = unmap(ctx, info->name, attached, ended);
	if (ret) {
		*ended = REPLICA_ENDED_NOT;
		replica_ended_forget(ctx, info->name);
		return ret;
	}
	ret = erase_log(ctx, &log);
	if (!ret)
		ret = replica_old_label_erase(ctx, info->name, &label);
	if (!ret && attached->attached)
		ret = replica_attached_drop(attached);
	if (!ret)
		replica_record_drop(ctx, info->name);
	return ret;
}

static int end(struct replica_ctx *ctx, const struct replica_info *info, uint32_t *ended)
{
	struct replica_attached attached;
	int ret = replica_attached_look(&attached, ctx, info->name);

	if (!ret)
		ret = end_as(ctx, info, &attached, ended);
	replica_attached_clear(&attached);
	return ret;
}

/*
 * A complete copy that was cut from a pool is its owner's from now on.  Its tags go
 * before it does: without them 'return-to-pool --left' leaves it alone.
 */
static int end_with_volumes(struct replica_ctx *ctx, const struct replica_info *info,
			    uint32_t *ended)
{
	struct replica_cut legs;
	int ret = replica_pool_legs(ctx, info->name, &legs);

	if (!ret && info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED)
		ret = replica_pool_keep(ctx, &legs);
	if (!ret) {
		ret = end(ctx, info, ended);
		if (*ended == REPLICA_ENDED_NOT)
			replica_pool_unkeep(ctx, &legs);
		else
			replica_pool_kept(ctx, &legs);
	}
	if (!ret)
		ret = replica_pool_give_back(ctx, &legs, false, NULL);
	replica_cut_clear(&legs);
	return ret;
}

/* Without the module, too: what an end has left lies on devices that others drive. */
static bool is_over(struct replica_ctx *ctx, const char *name, int ret)
{
	return replica_is_gone(ctx, ret) ||
	       (ret && !replica_genl_present(ctx) &&
		(replica_clone_has_rest(ctx, name) || replica_ended_clone(ctx, name)));
}

/* REPLICA_SUCCESS with *info NULL: the kernel knows no such replica, as the error says. */
static int read_clone(struct replica_ctx *ctx, const char *name, struct replica_info **info)
{
	struct replica_genl *g;
	int ret;

	*info = NULL;
	ret = replica_genl_get(ctx, &g);
	if (!ret)
		ret = replica_info_read(ctx, g, name, info);
	return is_over(ctx, name, ret) ? REPLICA_SUCCESS : ret;
}

/* It was there at first, or not long ago: it was ended by somebody else, or that was cut off. */
static int finish_gone(struct replica_ctx *ctx, const char *name, bool was_there, uint32_t *ended)
{
	struct replica_error err = ctx->err;
	bool done;
	int ret = replica_clone_resume(ctx, name, &done);

	if (!ret && !done && !was_there && !replica_ended_clone(ctx, name)) {
		ctx->err = err;
		return err.status_code;
	}
	if (ret)
		return ret;
	*ended = ctx->host->dm_exists(ctx, name) > 0 ? REPLICA_ENDED_REPLACED :
						       REPLICA_ENDED_REMOVED;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

static int finish_claimed(struct replica_ctx *ctx, const char *name, bool was_there,
			  uint32_t *ended)
{
	struct replica_info *info;
	int ret = read_clone(ctx, name, &info);

	if (!ret && !info)
		return finish_gone(ctx, name, was_there, ended);
	if (!ret)
		ret = check_over(ctx, info);
	if (!ret)
		ret = end_with_volumes(ctx, info, ended);
	replica_info_free(info);
	return ret;
}

/* Who has to be refused is refused at once, however long somebody else has claimed it. */
int replica_clone_finish(struct replica_ctx *ctx, const char *name, uint32_t *ended)
{
	struct replica_info *info;
	int claim, ret = read_clone(ctx, name, &info);
	bool was_there = info;

	if (info)
		ret = check_over(ctx, info);
	replica_info_free(info);
	if (!ret)
		ret = replica_clone_claim(ctx, name, &claim);
	if (ret)
		return ret;
	replica_error_clear(ctx);
	ret = finish_claimed(ctx, name, was_there, ended);
	replica_unlock(&claim);
	return ret;
}

int replica_clone_end(struct replica_ctx *ctx, const struct replica_create_args *args,
		      const struct replica_info *info, uint32_t *ended)
{
	if (!replica_is_clone(args) || !replica_goals_wait(args) ||
	    info->copy_state != DM_REPLICA_STATE_SYNCHRONIZED)
		return REPLICA_SUCCESS;
	return finish_claimed(ctx, info->name, false, ended);
}

EXPORT int replica_finish(struct replica_ctx *ctx, const char *name, uint32_t *ended)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	uint32_t how = REPLICA_ENDED_NOT;
	bool redeem;
	int ret;

	replica_error_begin(ctx, "FinishClone");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret) {
		redeem = replica_is_redeem(ctx, dm_name);
		ret = replica_clone_finish(ctx, dm_name, &how);
		if (redeem)
			replica_token_tidy(ctx);
	}
	if (ended)
		*ended = how;
	return ret;
}
