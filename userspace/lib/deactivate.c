// SPDX-License-Identifier: LGPL-2.1-or-later
/* A replica is taken down, and its log stays for replica_activate(). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "format.h"
#include "registry.h"
#include "remove.h"

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

/*
 * A clone that was a while without its source is of no instant: one under the name of
 * its source could not come back.
 */
static int check_back(struct replica_ctx *ctx, const char *name,
		      const struct replica_attached *attached,
		      const struct replica_dm_info *info)
{
	if (!info->meta[0])
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				    "replica \"%s\" has no meta device to be activated from again",
				    name);
	if (!attached->attached)
		return REPLICA_SUCCESS;
	if (replica_attached_is_clone(attached))
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				    "clone \"%s\" has the name of its source, which would be written without it: finish ends it when it is complete, remove at once",
				    name);
	return replica_attached_check(attached);
}

static int unmap(struct replica_attached *attached, const char *name)
{
	bool late = false;
	int ret;

	replica_ended_note(attached->ctx, name, false);
	if (attached->attached) {
		ret = replica_attached_end(attached);
	} else {
		ret = replica_dm_remove(attached->ctx, name);
		late = ret == REPLICA_TIMEOUT;	/* only udev is: it is gone */
	}
	if (ret && !late)
		replica_ended_forget(attached->ctx, name);
	return ret || !attached->attached ? ret : replica_attached_drop(attached);
}

static int take_down_from(struct replica_attached *attached, const char *name,
			  struct replica_activation **activation)
{
	struct replica_ctx *ctx = attached->ctx;
	struct replica_dm_info info;
	char path[PATH_MAX];
	int ret = replica_dm_info(ctx, name, &info);

	if (!ret && info.ours)
		ret = check_back(ctx, name, attached, &info);
	if (!ret && !attached->attached)
		ret = replica_check_closed(ctx, name, &info);
	if (ret)
		return ret;
	replica_meta_path(ctx, &info, path);
	ret = describe(ctx, name, path, activation);
	return ret ? ret : unmap(attached, name);
}

static int take_down(struct replica_ctx *ctx, const char *name,
		     struct replica_activation **activation)
{
	struct replica_attached attached;
	int ret = replica_attached_look(&attached, ctx, name);

	if (!ret)
		ret = take_down_from(&attached, name, activation);
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
