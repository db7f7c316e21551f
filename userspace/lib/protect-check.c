// SPDX-License-Identifier: LGPL-2.1-or-later
/* Can a replica be protected, and may one that is come to its end? */
#include <errno.h>
#include <string.h>

#include "create-goals.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "protect.h"
#include "snapshot-lvm.h"

static bool is_wanted(const struct replica_settings *s)
{
	return s && s->present & REPLICA_SETTING_PROTECT &&
	       s->protect == DM_REPLICA_PROTECT_SNAPSHOT;
}

/* One that LVM makes no snapshot of is refused by LVM's own rules. */
static int judge(struct replica_ctx *ctx, const struct replica_blockdev *leg)
{
	int ret = replica_protect_judge(ctx, leg->path, leg->dm_uuid);
	struct replica_lv *lv;

	if (ret || strncmp(leg->dm_uuid, "LVM-", 4))
		return ret;
	ret = replica_lvm_by_dm_uuid(ctx, leg->dm_uuid, &lv);
	if (!ret)
		ret = replica_lvsnap_judge(ctx, leg->path, lv);
	replica_lv_free(lv);
	return ret;
}

/* Whoever makes the snapshot may have to write to the device whose writers are held. */
static int check_stop(struct replica_ctx *ctx, const struct replica_settings *s)
{
	if (!(s->present & REPLICA_SETTING_ON_REPLICA_ERROR) ||
	    s->on_replica_error != DM_REPLICA_ON_ERROR_STOP)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "protect",
			    "protect=snapshot and on_replica_error=stop exclude each other: what makes the snapshot may have to write to the replica that holds its writers");
}

/* Of a replica that gets an update every so often each one would wait for its snapshot. */
static int check_updates(struct replica_ctx *ctx, const struct replica_create_args *args)
{
	const struct replica_settings s = replica_goals_settings(args);

	if (!(s.present & REPLICA_SETTING_DELTA_MS) || !s.delta_ms)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "protect",
			    "protect=snapshot and delta updates exclude each other: each of them, every %g s, would wait for a snapshot",
			    s.delta_ms / 1000.0);
}

int replica_protect_check_params(struct replica_ctx *ctx, const struct replica_create_args *args)
{
	const struct replica_settings *s = args->replication_settings;
	int ret;

	if (!is_wanted(s))
		return REPLICA_SUCCESS;
	ret = check_stop(ctx, s);
	return ret ? ret : check_updates(ctx, args);
}

int replica_protect_check_create(struct replica_check *check,
				 const struct replica_create_args *args)
{
	return is_wanted(args->replication_settings) ? judge(check->ctx, &check->target) :
						       REPLICA_SUCCESS;
}

int replica_protect_check_set(struct replica_ctx *ctx, const char *name,
			      const struct replica_settings *settings)
{
	struct replica_info *info = NULL;
	struct replica_blockdev leg;
	struct replica_genl *g;
	int ret;

	if (!is_wanted(settings))
		return REPLICA_SUCCESS;
	ret = replica_genl_get(ctx, &g);
	if (!ret)
		ret = replica_info_read(ctx, g, name, &info);
	if (!ret)
		ret = replica_protect_leg(ctx, info, &leg);
	if (!ret)
		ret = judge(ctx, &leg);
	replica_info_free(info);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* The end of the replica */

static int fail_torn(struct replica_ctx *ctx, const char *name,
		     const struct replica_protect_copy *copy)
{
	return replica_fail(ctx, REPLICA_FAILED, 0, "Force",
			    "the replica of \"%s\" is partly resynced, and its last consistent copy is the snapshot %s: wait until it is Synchronized, or use force",
			    name, copy->name);
}

/* One that never had the setting, nor anything that looks like it, is not searched for. */
static bool may_have(struct replica_ctx *ctx, const struct replica_info *info)
{
	struct replica_protect_copy copy;
	bool may = info->settings.protect == DM_REPLICA_PROTECT_SNAPSHOT;

	if (!may) {
		may = replica_protect_look(ctx, info, &copy);
		replica_protect_clear(&copy);
	}
	replica_error_clear(ctx);
	return may;
}

/*
 * Unsynchronized and whole without a wait, it has its answer, and is about to be written to.  One
 * that is not in step is refused without force, and goes on.  That the replica is whole tells
 * nothing of an origin that was the replica before a failover by force.
 */
enum replica_protect_fate replica_protect_fate(const struct replica_info *info, bool lost,
					       bool force, bool goes, bool of_origin)
{
	bool in_step = info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED;
	bool torn = !info->whole || (info->copy_state == DM_REPLICA_STATE_UNSYNCHRONIZED &&
				     !info->waits_protected);

	if (lost || (force && goes && !of_origin))
		return REPLICA_PROTECT_DROP;
	if (torn)
		return force ? REPLICA_PROTECT_KEEP : REPLICA_PROTECT_REFUSE;
	if (force && of_origin && !in_step)
		return REPLICA_PROTECT_KEEP;
	return force || in_step ? REPLICA_PROTECT_DROP : REPLICA_PROTECT_STAY;
}

static int decide(struct replica_ctx *ctx, const struct replica_info *info, bool force,
		  bool goes, bool of_origin, struct replica_protect_copy *copy)
{
	switch (replica_protect_fate(info, copy->lost || !copy->whole, force, goes, of_origin)) {
	case REPLICA_PROTECT_DROP:
		copy->kept = false;
		return replica_protect_drop(ctx, copy);
	case REPLICA_PROTECT_REFUSE:
		return fail_torn(ctx, info->name, copy);
	case REPLICA_PROTECT_KEEP:
		copy->kept = true;
		return REPLICA_SUCCESS;
	default:
		return REPLICA_SUCCESS;
	}
}

static int read_info(struct replica_ctx *ctx, const char *name, struct replica_info **info)
{
	struct replica_genl *g;
	int ret = replica_genl_get(ctx, &g);

	return ret ? ret : replica_info_read(ctx, g, name, info);
}

/* goes: the replica, not the origin.  With force one that cannot be seen to is not in the way. */
static int settle_legs(struct replica_ctx *ctx, const struct replica_info *info, bool force,
		       bool goes, struct replica_protect_copy copies[REPLICA_LEGS])
{
	struct replica_blockdev legs[REPLICA_LEGS];
	int ret = REPLICA_SUCCESS;

	replica_protect_legs(ctx, info, legs);
	for (size_t i = 0; i < REPLICA_LEGS && (!ret || force); i++) {
		ret = replica_protect_find(ctx, info, &legs[i], &copies[i]);
		if (!ret && copies[i].there)
			ret = decide(ctx, info, force, goes, i > 0, &copies[i]);
	}
	return ret;
}

/* Whoever watches over it makes none from here on, and no answer comes from there. */
static int settle(struct replica_ctx *ctx, const char *name, bool force, bool goes,
		  struct replica_protect_ending *ending)
{
	struct replica_info *info = NULL;
	int ret = replica_protect_lock(ctx, "work", name, &ending->lock);

	if (!ret)
		ret = read_info(ctx, name, &info);
	if (!ret)
		ret = settle_legs(ctx, info, force, goes, ending->copies);
	replica_info_free(info);
	return ret;
}

/* Who forces gets rid of a replica without LVM too. */
int replica_protect_end(struct replica_ctx *ctx, const char *name, bool force, bool goes,
			struct replica_protect_ending *ending)
{
	struct replica_info *info = NULL;
	int ret = read_info(ctx, name, &info);

	if (ret) {
		replica_error_clear(ctx);	/* whoever ends it says what is wrong */
		return REPLICA_SUCCESS;
	}
	if (info->sync_type != REPLICA_SYNC_TYPE_CLONE && info->meta && may_have(ctx, info))
		ret = settle(ctx, name, force, goes, ending);
	replica_info_free(info);
	if (!force)
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

/* What is kept is nobody's: whoever lists the tags is not to look for its replica. */
static int set_free(struct replica_ctx *ctx, const struct replica_protect_copy *copy)
{
	static const char *const kept[] = { REPLICA_POOL_TAG_KEPT },
				 *const ours[] = { REPLICA_POOL_TAG_PROTECT };
	struct replica_lv *lv = NULL;
	int ret;

	if (copy->lv) {
		/* One without a tag has no entry in its directory. */
		ret = replica_volume_tag(ctx, copy->lv, "--addtag", kept, 1);
		return ret ? ret : replica_volume_tag(ctx, copy->lv, "--deltag", ours, 1);
	}
	ret = replica_lvm_by_dm_uuid(ctx, copy->uuid, &lv);
	if (!ret && lv)
		ret = replica_volume_tag(ctx, lv, "--deltag", ours, 1);
	replica_lvsnap_forget(ctx);
	replica_lv_free(lv);
	return ret;
}

/* It has ended all the same. */
static int fail_free(struct replica_ctx *ctx, const struct replica_protect_copy *copy, int ret)
{
	const struct replica_error err = ctx->err;

	/* Somebody has removed it meanwhile. */
	if (ret == REPLICA_NOT_FOUND && !replica_lines_are_of(ctx, copy->name, copy->uuid))
		return REPLICA_SUCCESS;
	replica_fail(ctx, ret, err.sm_code, REPLICA_PARAM_POOL,
		     "the replica has ended, and its snapshot %s stays, but still has the tag %s, as if there were a replica that it protects",
		     copy->name, REPLICA_POOL_TAG_PROTECT);
	replica_error_message(ctx, err.message[0] ? err.message : err.description);
	return ret;
}

static int free_kept(struct replica_ctx *ctx, const struct replica_protect_ending *ending)
{
	int ret = REPLICA_SUCCESS;

	for (size_t i = 0; i < REPLICA_LEGS; i++) {
		const struct replica_protect_copy *copy = &ending->copies[i];
		int r = copy->kept ? set_free(ctx, copy) : REPLICA_SUCCESS;

		if (r)
			r = fail_free(ctx, copy, r);
		if (r)
			ret = r;
	}
	return ret;
}

int replica_protect_ended(struct replica_ctx *ctx, struct replica_protect_ending *ending,
			  bool gone, int ret)
{
	struct replica_error err = ctx->err, late;
	int r = gone ? free_kept(ctx, ending) : REPLICA_SUCCESS;

	late = ctx->err;
	if (ret || !r)
		ctx->err = err;
	if (ret && r && !err.details[0])
		replica_error_details(ctx, "%s", late.description);
	for (size_t i = 0; i < REPLICA_LEGS; i++)
		replica_protect_clear(&ending->copies[i]);
	replica_unlock(&ending->lock);
	return ret ? ret : r;
}
