// SPDX-License-Identifier: LGPL-2.1-or-later
/* The state of replicas, read from the kernel, and their settings, written. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>

#include "attach.h"
#include "clone.h"
#include "genl.h"
#include "info.h"
#include "msg.h"
#include "protect.h"
#include "snapshot.h"
#include "sysfs.h"
#include "thin.h"

/* A list that changes while it is read is read again so often. */
#define LIST_TRIES	10

EXPORT void replica_info_free(struct replica_info *list)
{
	struct replica_info *next;

	for (; list; list = next) {
		next = list->next;
		replica_job_free(list->job);
		free(list->name);
		free(list->uuid);
		free(list->origin);
		free(list->replica);
		free(list->meta);
		free(list->origin_path);
		free(list->replica_path);
		free(list->meta_path);
		free(list->reason);
		free(list->offload_reason);
		free(list->queue.switch_reason);
		free(list->store);
		if (list->token)
			free(list->token->id);
		free(list->token);
		if (list->thin)
			free(list->thin->pool);
		free(list->thin);
		replica_protection_free(list->protection);
		free(list);
	}
}

/* Not finding a path is no failure. */
static char *path_of(struct replica_ctx *ctx, const char *devno)
{
	char path[PATH_MAX];
	dev_t dev;

	if (replica_parse_devno(devno, &dev))
		return NULL;
	replica_sysfs_path(ctx, dev, path, sizeof(path));
	return path[0] == '/' ? strdup(path) : NULL;
}

void replica_info_legs(const struct replica_info *info, dev_t legs[REPLICA_LEGS])
{
	const char *const numbers[REPLICA_LEGS] = { info->replica, info->origin };

	for (size_t i = 0; i < REPLICA_LEGS; i++)
		if (!numbers[i] || replica_parse_devno(numbers[i], &legs[i]))
			legs[i] = 0;
}

struct reader {
	struct replica_ctx *ctx;
	struct replica_info *list;	/* ordered by name */
};

static int read_info(const struct nlmsghdr *nlh, void *data)
{
	struct reader *reader = data;
	struct replica_info *info, **at = &reader->list;
	int r = replica_msg_parse_info(nlh, &info);

	if (r)
		return r;
	info->origin_path = path_of(reader->ctx, info->origin);
	info->replica_path = path_of(reader->ctx, info->replica);
	info->meta_path = info->meta ? path_of(reader->ctx, info->meta) : NULL;
	info->thin = replica_thin_of_legs(reader->ctx, info->replica, info->meta);
	info->ends_itself = info->sync_type == REPLICA_SYNC_TYPE_CLONE &&
			    replica_clone_watched(reader->ctx, info);
	replica_info_associate(info);
	while (*at && strcmp((*at)->name, info->name) < 0)
		at = &(*at)->next;
	info->next = *at;
	*at = info;
	return 0;
}

int replica_info_read(struct replica_ctx *ctx, struct replica_genl *g,
		      const char *name, struct replica_info **info)
{
	struct reader reader = { .ctx = ctx };
	int flags = name ? 0 : NLM_F_DUMP, ret;
	struct nl_msg *msg;

	*info = NULL;
	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_GET, flags,
			      name);
	if (!msg)
		return replica_fail_memory(ctx);
	ret = replica_genl_request(ctx, g, msg, read_info, &reader);
	if (!ret && name && !reader.list)
		ret = replica_fail(ctx, REPLICA_FAILED, EPROTO, NULL,
				   "the kernel answered without the state of \"%s\"",
				   name);
	if (ret) {
		replica_info_free(reader.list);
		return ret;
	}
	*info = reader.list;
	return REPLICA_SUCCESS;
}

int replica_info_list(struct replica_ctx *ctx, struct replica_genl *g,
		      struct replica_info **list)
{
	int ret = REPLICA_SUCCESS;

	for (int i = 0; i < LIST_TRIES; i++) {
		ret = replica_info_read(ctx, g, NULL, list);
		if (ret != REPLICA_CACHE_OUT_OF_DATE)
			break;
	}
	if (!ret)
		replica_error_clear(ctx);	/* of a try before */
	return ret;
}

EXPORT int replica_get(struct replica_ctx *ctx, const char *name,
		       struct replica_info **info)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	int ret;

	*info = NULL;
	replica_error_begin(ctx, "GetReplica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret && replica_snap_is(ctx, dm_name))
		return replica_snap_info(ctx, dm_name, info);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	if (!ret)
		ret = replica_info_read(ctx, g, dm_name, info);
	if (!ret)
		replica_protect_fill(ctx, *info);
	return ret;
}

/* Both are ordered by name. */
static void merge_lists(struct replica_info **list, struct replica_info *more)
{
	struct replica_info *next;

	for (; more; more = next) {
		next = more->next;
		while (*list && strcmp((*list)->name, more->name) < 0)
			list = &(*list)->next;
		more->next = *list;
		*list = more;
		list = &more->next;
	}
}

/* Snapshots need no module of ours, so without it they are all that there can be. */
static int add_snapshots(struct replica_ctx *ctx, int ret, struct replica_info **list)
{
	struct replica_error err = ctx->err;
	struct replica_info *snaps;

	if (ret && ret != REPLICA_NOT_SUPPORTED)
		return ret;
	if (replica_snap_list(ctx, &snaps)) {
		replica_error_clear(ctx);	/* there is no device-mapper */
		snaps = NULL;
	}
	if (ret && !snaps) {
		ctx->err = err;
		return ret;
	}
	merge_lists(list, snaps);
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

EXPORT int replica_list(struct replica_ctx *ctx, struct replica_info **list)
{
	struct replica_genl *g;
	int ret;

	*list = NULL;
	replica_error_begin(ctx, "EnumerateReplicas");
	ret = replica_genl_get(ctx, &g);
	if (!ret)
		ret = replica_info_list(ctx, g, list);
	for (struct replica_info *info = *list; !ret && info; info = info->next)
		replica_protect_fill(ctx, info);
	return add_snapshots(ctx, ret, list);
}

/* Those for which it is too late once there is a replica. */
static const struct {
	uint32_t bit;
	const char *key;
} fixed[] = {
	{ REPLICA_SETTING_REGION_SIZE, "region_size" },
	{ REPLICA_SETTING_DISCARD, "discard" },
	{ REPLICA_SETTING_ACTIVITY, "activity" },
	{ REPLICA_SETTING_ELEMENT_SUPPLIER, "TargetElementSupplier" },
	{ REPLICA_SETTING_THIN_POLICY, "ThinProvisioningPolicy" },
	{ REPLICA_SETTING_METHODOLOGY, "DesiredCopyMethodology" },
	{ REPLICA_SETTING_READ_ONLY, "ReadOnly" },
	{ REPLICA_SETTING_WAIT_STATE, "WaitForCopyState" },
};

static int check_settings(struct replica_ctx *ctx,
			  const struct replica_settings *settings)
{
	const char *key, *why;

	if (!settings->present)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "ReplicationSettings",
				    "there is no setting to change");
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (settings->present & fixed[i].bit)
			return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
					    fixed[i].key,
					    "%s is fixed when a replica is created",
					    fixed[i].key);
	if (replica_settings_validate(settings, &key, &why))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, key,
				    "%s %s", key, why);
	return replica_room_check(ctx, settings);
}

EXPORT int replica_set(struct replica_ctx *ctx, const char *name,
		       const struct replica_settings *settings)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	struct nl_msg *msg;
	int ret;

	replica_error_begin(ctx, "SetReplicationSettings");
	ret = check_settings(ctx, settings);
	if (!ret)
		ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = replica_snap_none(ctx, dm_name);
	if (!ret)
		ret = replica_attached_check_settings(ctx, dm_name, settings);
	if (!ret)
		ret = replica_protect_check_set(ctx, dm_name, settings);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	if (ret)
		return ret;
	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_SET, 0,
			      dm_name);
	if (!msg || replica_msg_put_settings(msg, settings)) {
		nlmsg_free(msg);
		return replica_fail_memory(ctx);
	}
	return replica_genl_request(ctx, g, msg, NULL, NULL);
}

EXPORT int replica_counter_entry(const struct replica_counters *counters,
				 size_t index, const char **name,
				 uint64_t *value)
{
	static const char *const names[] = {
		"reads", "read_bytes", "writes", "write_bytes", "flushes",
		"discards", "write_zeroes", "payload_copied", "payload_shared",
		"overlap_waits", "resync_waits", "memory_waits",
		"tracked_writes", "held_writes", "replica_errors",
		"replica_timeouts", "origin_errors", "read_failovers",
		"resync_bytes", "probes", "events_dropped", "inflight",
		"detached", "log_waits", "meta_writes", "meta_bytes",
		"compared_bytes", "offloaded_bytes",
	};

	static_assert(ARRAY_SIZE(names) == sizeof(*counters) / sizeof(uint64_t),
		      "one name for each counter");
	if (index >= ARRAY_SIZE(names))
		return -ENOENT;
	*name = names[index];
	memcpy(value, (const uint64_t *)counters + index, sizeof(*value));
	return 0;
}
