// SPDX-License-Identifier: LGPL-2.1-or-later
/* Can a replica be protected, and may one that is come to its end? */
#include <errno.h>
#include <string.h>

#include "genl.h"
#include "info.h"
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

int replica_protect_check_create(struct replica_check *check,
				 const struct replica_create_args *args)
{
	const struct replica_settings *s = args->replication_settings;
	int ret;

	if (!is_wanted(s))
		return REPLICA_SUCCESS;
	ret = check_stop(check->ctx, s);
	return ret ? ret : judge(check->ctx, &check->target);
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
static bool may_have(struct replica_ctx *ctx, const struct replica_info *info,
		     struct replica_blockdev legs[REPLICA_LEGS], size_t *nr)
{
	struct replica_protect_copy copy;
	bool may = !replica_protect_legs(ctx, info, legs, nr);

	if (may && info->settings.protect != DM_REPLICA_PROTECT_SNAPSHOT) {
		may = replica_protect_look(ctx, info, &copy);
		replica_protect_clear(&copy);
	}
	replica_error_clear(ctx);
	return may;
}

/* goes: by force, together with this leg. */
static int settle_leg(struct replica_ctx *ctx, const struct replica_info *info,
		      const struct replica_blockdev *leg, bool force, bool goes)
{
	struct replica_protect_copy copy;
	int ret = replica_protect_find(ctx, info->name, leg, &copy);

	if (!ret && copy.there && (info->whole || copy.lost || goes))
		ret = replica_protect_drop(ctx, &copy);
	else if (!ret && copy.there && !force)
		ret = fail_torn(ctx, info->name, &copy);
	replica_protect_clear(&copy);
	return ret;
}

static int settle(struct replica_ctx *ctx, const struct replica_info *info, bool force, bool goes)
{
	struct replica_blockdev legs[REPLICA_LEGS];
	int ret = REPLICA_SUCCESS;
	size_t nr;

	/* A leg that is gone has no snapshot that could be removed. */
	if (!may_have(ctx, info, legs, &nr))
		return REPLICA_SUCCESS;
	for (size_t i = 0; !ret && i < nr; i++)
		ret = settle_leg(ctx, info, &legs[i], force, force && goes && !i);
	return ret;
}

/* Who forces gets rid of a replica without LVM too. */
int replica_protect_end(struct replica_ctx *ctx, const char *name, bool force, bool goes)
{
	struct replica_info *info = NULL;
	struct replica_genl *g;
	int ret = replica_genl_get(ctx, &g);

	if (!ret)
		ret = replica_info_read(ctx, g, name, &info);
	if (ret) {
		replica_error_clear(ctx);	/* whoever ends it says what is wrong */
		return REPLICA_SUCCESS;
	}
	if (info->sync_type != REPLICA_SYNC_TYPE_CLONE && info->meta)
		ret = settle(ctx, info, force, goes);
	replica_info_free(info);
	if (!force)
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}
