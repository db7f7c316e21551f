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
#include "sysfs.h"

/* udev may hold a device open for a moment after its last user has gone. */
#define CLOSE_TRIES	40
#define CLOSE_STEP_MS	50

/* What force grants a replica that may never answer, if the caller sets no time. */
#define FORCED_CONFIRM_MS	5000

/* REPLICA_SUCCESS if there is such a device, it is ours, and nobody has it open. */
static int check_closed(struct replica_ctx *ctx, const char *name,
			struct replica_dm_info *info)
{
	const struct timespec step = { .tv_nsec = CLOSE_STEP_MS * 1000000 };
	int ret;

	for (int i = 0; i < CLOSE_TRIES; i++) {
		ret = replica_dm_info(ctx, name, info);
		if (ret)
			return ret;
		if (!info->exists)
			return replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
					    "there is no replica \"%s\"", name);
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

/* The path of the meta device, "" if there is none; also when it has gone. */
static void meta_path(struct replica_ctx *ctx, const struct replica_dm_info *info,
		      char path[PATH_MAX])
{
	dev_t devno;

	path[0] = '\0';
	if (info->meta[0] && replica_parse_devno(info->meta, &devno) == 0)
		replica_sysfs_path(ctx, devno, path, PATH_MAX);
}

static int erase_log(struct replica_ctx *ctx, const char *name, const char *path)
{
	struct replica_error err;
	int ret;

	if (!path[0])
		return REPLICA_SUCCESS;
	ret = replica_erase_meta(ctx, path);
	if (!ret)
		return ret;
	err = ctx->err;
	return replica_fail(ctx, ret, err.sm_code, REPLICA_PARAM_META,
			    "replica \"%s\" was removed, but its log stays and will be found again: %s",
			    name, err.description);
}

/* The replica's label, to be erased when its log is gone. */
struct old_label {
	char path[PATH_MAX];		/* "" if there is none */
	uint8_t uuid[16];
};

/* The log says whose label it is.  Without a log there is none. */
static void remember_label(struct replica_ctx *ctx, const char *name,
			   const struct replica_dm_info *info, struct old_label *old)
{
	struct replica_dm_table table;
	struct dm_replica_label label;
	struct replica_blockdev dev;
	char path[PATH_MAX], leg[32];
	dev_t devno;

	old->path[0] = '\0';
	meta_path(ctx, info, path);
	if (!path[0] || replica_dm_table(ctx, name, &table) ||
	    sscanf(table.params, "%*s %31s", leg) != 1 ||
	    replica_parse_devno(leg, &devno))
		return;
	replica_sysfs_path(ctx, devno, path, sizeof(path));
	/* Without room for a label the last block is data, whatever it looks like. */
	if (path[0] != '/' || replica_sysfs_open(ctx, path, &dev) ||
	    !replica_label_sector(dev.size >> SECTOR_SHIFT, table.sectors) ||
	    replica_label_read(ctx, path, &label))
		return;
	memcpy(old->uuid, label.uuid, sizeof(old->uuid));
	strcpy(old->path, path);
}

/* Else udev would go on hiding what is a disk like any other now. */
static int erase_label(struct replica_ctx *ctx, const char *name, const struct old_label *old)
{
	int r;

	if (!old->path[0])
		return REPLICA_SUCCESS;
	r = replica_label_erase(ctx, old->path, old->uuid);
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r, REPLICA_PARAM_TARGET,
				  "replica \"%s\" was detached, but its label stays on %s, which udev hides",
				  name, old->path);
}

/* Removes the mapped device, and the log with it. */
static int end(struct replica_ctx *ctx, const char *name, const struct replica_dm_info *info)
{
	char path[PATH_MAX];
	int ret;

	meta_path(ctx, info, path);
	ret = replica_dm_remove(ctx, name);
	return ret ? ret : erase_log(ctx, name, path);
}

/* What was forced may never answer, and may be needed as it is. */
static int end_in_order(struct replica_ctx *ctx, const char *name,
			const struct replica_dm_info *info)
{
	struct old_label old;
	int ret;

	remember_label(ctx, name, info, &old);
	ret = end(ctx, name, info);
	return ret ? ret : erase_label(ctx, name, &old);
}

/* The same for a source that gets its own table back, whoever has it open. */
static int end_attached(struct replica_attached *a, const char *name, bool in_order)
{
	struct replica_dm_info info;
	struct old_label old;
	char path[PATH_MAX];
	int ret = replica_dm_info(a->ctx, name, &info);

	if (ret)
		return ret;
	meta_path(a->ctx, &info, path);
	remember_label(a->ctx, name, &info, &old);
	ret = replica_attached_end(a);
	if (!ret)
		ret = erase_log(a->ctx, name, path);
	if (!ret && in_order)
		ret = erase_label(a->ctx, name, &old);
	return ret ? ret : replica_attached_drop(a);
}

static int detach(struct replica_attached *a, const char *name, bool force,
		  uint32_t timeout_ms)
{
	struct replica_dm_info info;
	int ret = a->attached ? REPLICA_SUCCESS : check_closed(a->ctx, name, &info);

	if (!ret)
		ret = settle(a->ctx, name, force, timeout_ms);
	if (ret)
		return ret;
	if (a->attached)
		return end_attached(a, name, !force);
	return force ? end(a->ctx, name, &info) : end_in_order(a->ctx, name, &info);
}

static int remove_any(struct replica_attached *a, const char *name)
{
	struct replica_dm_info info;
	int ret;

	if (a->attached)
		return end_attached(a, name, false);
	if (a->left)
		return replica_attached_tidy(a);
	ret = check_closed(a->ctx, name, &info);
	return ret ? ret : end(a->ctx, name, &info);
}

EXPORT int replica_detach(struct replica_ctx *ctx, const char *name, bool force,
			  uint32_t timeout_ms)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_attached attached;
	int ret;

	replica_error_begin(ctx, "SetReplicationRelationship:Detach");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (ret)
		return ret;
	ret = replica_attached_look(&attached, ctx, dm_name);
	if (!ret)
		ret = detach(&attached, dm_name, force, timeout_ms);
	replica_attached_clear(&attached);
	return ret;
}

EXPORT int replica_remove(struct replica_ctx *ctx, const char *name)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_attached attached;
	int ret;

	replica_error_begin(ctx, "RemoveReplica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (ret)
		return ret;
	ret = replica_attached_look(&attached, ctx, dm_name);
	if (!ret)
		ret = remove_any(&attached, dm_name);
	replica_attached_clear(&attached);
	return ret;
}

/* What is taken down, for those who want to know. */
static int describe(struct replica_ctx *ctx, const char *name, const char *meta,
		    struct replica_activation **activation)
{
	struct replica_activation *a;

	if (!activation)
		return REPLICA_SUCCESS;
	a = calloc(1, sizeof(*a));
	if (!a)
		return replica_fail_memory(ctx);
	a->was_active = true;
	a->element_name = strdup(name);
	a->meta = strdup(meta);
	if (asprintf(&a->device, "/dev/mapper/%s", name) < 0)
		a->device = NULL;
	*activation = a;
	if (a->element_name && a->meta && a->device)
		return REPLICA_SUCCESS;
	replica_activation_free(a);
	*activation = NULL;
	return replica_fail_memory(ctx);
}

static int take_down(struct replica_ctx *ctx, const char *name,
		     struct replica_activation **activation)
{
	struct replica_attached attached;
	struct replica_dm_info info;
	char path[PATH_MAX];
	int ret = replica_dm_info(ctx, name, &info);

	if (!ret && info.ours && !info.meta[0])
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				    "replica \"%s\" has no meta device to be activated from again",
				    name);
	if (ret)
		return ret;
	ret = replica_attached_look(&attached, ctx, name);
	if (!ret && !attached.attached)
		ret = check_closed(ctx, name, &info);
	meta_path(ctx, &info, path);
	if (!ret)
		ret = describe(ctx, name, path, activation);
	if (!ret)
		ret = attached.attached ? replica_attached_end(&attached) :
		      replica_dm_remove(ctx, name);
	if (!ret && attached.attached)
		ret = replica_attached_drop(&attached);
	replica_attached_clear(&attached);
	return ret;
}

EXPORT int replica_deactivate(struct replica_ctx *ctx, const char *name,
			      struct replica_activation **activation)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret;

	if (activation)
		*activation = NULL;
	replica_error_begin(ctx, "DeactivateReplica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = take_down(ctx, dm_name, activation);
	if (ret && activation) {
		replica_activation_free(*activation);
		*activation = NULL;
	}
	return ret;
}
