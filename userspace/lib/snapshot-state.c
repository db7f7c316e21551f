// SPDX-License-Identifier: LGPL-2.1-or-later
/* The state of a snapshot that was found: what the kernel says of its store, in CIM's words. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "info.h"
#include "snapshot-lvm.h"
#include "sysfs.h"
#include "thin.h"
#include "token.h"

static char *devno_text(dev_t dev)
{
	char text[32];

	if (!dev)
		return strdup("0:0");
	snprintf(text, sizeof(text), "%u:%u", major(dev), minor(dev));
	return strdup(text);
}

static char *devno_path(struct replica_ctx *ctx, dev_t dev)
{
	char path[PATH_MAX];

	if (!dev)
		return NULL;
	replica_sysfs_path(ctx, dev, path, sizeof(path));
	return path[0] == '/' ? strdup(path) : NULL;
}

void replica_snap_set_state(struct replica_info *info, uint32_t state, uint32_t progress,
			    const char *reason)
{
	info->copy_state = state;
	info->progress_status = progress;
	info->reason = strdup(reason);
}

int replica_snap_set_usage(struct replica_info *info, const struct replica_usage *usage)
{
	struct replica_store *store;

	if (!usage->valid || !usage->total)
		return 0;
	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	store->bytes = usage->total << SECTOR_SHIFT;
	store->used = usage->used << SECTOR_SHIFT;
	store->metadata = usage->metadata << SECTOR_SHIFT;
	store->percent = usage->used * 100 / usage->total;
	info->store = store;
	return 0;
}

/*
 * A restore is over when nothing but metadata is left.  How much there was at first
 * is not known, so it counts from the size of the store.
 */
static int set_job(struct replica_info *info, const struct replica_usage *usage)
{
	struct replica_job *job = calloc(1, sizeof(*job));
	uint64_t left = usage->used - usage->metadata;

	if (!job)
		return -ENOMEM;
	job->id = 1;
	job->type = DM_REPLICA_JOB_RESTORE;
	job->state = DM_REPLICA_JOB_RUNNING;
	job->bytes_total = usage->total << SECTOR_SHIFT;
	job->bytes_done = (usage->total - left) << SECTOR_SHIFT;
	job->percent = usage->total ? (usage->total - left) * 100 / usage->total : 0;
	info->job = job;
	info->percent_synced = job->percent;
	return 0;
}

static void set_broken(struct replica_info *info, const char *reason)
{
	replica_snap_set_state(info, DM_REPLICA_STATE_BROKEN, DM_REPLICA_PROGRESS_DORMANT, reason);
}

static int merging_state(const struct replica_snap *snap, struct replica_info *info,
			 const struct replica_usage *usage)
{
	if (usage->merge_failed) {
		if (snap->lv)
			set_broken(info,
				   "the restore has failed: a device gave an error, and the source is partly restored; LVM goes on with it when the source is activated anew");
		else
			set_broken(info,
				   "the restore has failed: a device gave an error, and the source is partly restored; 'replicactl restore' goes on with it");
		return 0;
	}
	replica_snap_set_state(info, DM_REPLICA_STATE_UNSYNCHRONIZED, DM_REPLICA_PROGRESS_RESTORING,
			       "the source is being restored from the snapshot");
	return usage->valid ? set_job(info, usage) : 0;
}

void replica_snap_set_good(const struct replica_snap *snap, struct replica_info *info, bool full)
{
	char reason[256];

	info->consistent_now = true;
	info->has_consistent_age = true;
	info->percent_synced = 100;
	snprintf(reason, sizeof(reason), "it is the source at the time of the snapshot%s%s",
		 full ? "; its thin pool is full, and writes to either wait or fail" : "",
		 snap->lv && snap->lv->merging ?
		 "; LVM restores the source from it when that is activated next" : "");
	replica_snap_set_state(info, DM_REPLICA_STATE_SYNCHRONIZED, DM_REPLICA_PROGRESS_COMPLETED,
			       reason);
}

static void plain_state(const struct replica_snap *snap, struct replica_info *info,
			const struct replica_usage *usage)
{
	if (usage->valid)
		replica_snap_set_good(snap, info, false);
	else if (usage->overflow)
		set_broken(info, "the store is full: a write to the snapshot was refused");
	else
		set_broken(info,
			   "the store is full, or failed: the snapshot is lost, the source is not touched");
}

/* What there is to say without a look at the store; false: nothing. */
static bool is_incomplete(const struct replica_snap *snap, struct replica_info *info)
{
	if (snap->kept && !snap->upper)
		set_broken(info,
			   "a restore has failed and was given up; 'replicactl detach --force' ends the snapshot, and the rest stays on the store");
	else if (snap->lv && (!snap->upper || !snap->store))
		set_broken(info, "the kernel does not have its source, or its store");
	else if (!snap->upper || !snap->store)
		set_broken(info,
			   "its creation or its end was cut short; 'replicactl remove' tidies up");
	else if (snap->kept && !snap->merging)
		set_broken(info,
			   "a restore has failed and the source gives errors; 'replicactl restore' goes on with it");
	else
		return false;
	return true;
}

static int read_state(const struct replica_snap *snap, struct replica_info *info)
{
	struct replica_usage usage;

	if (snap->thin)
		return replica_lvsnap_thin_state(snap, info);
	if (is_incomplete(snap, info))
		return 0;
	if (replica_snap_usage(snap->merging ? snap->upper->name : snap->self->name, &usage))
		memset(&usage, 0, sizeof(usage));
	if (replica_snap_set_usage(info, &usage))
		return -ENOMEM;
	if (snap->merging)
		return merging_state(snap, info, &usage);
	plain_state(snap, info, &usage);
	return 0;
}

static int describe(const struct replica_snap *snap, struct replica_info *info)
{
	dev_t source = snap->source ? snap->source->dev : 0;
	struct replica_ctx *ctx = snap->ctx;

	info->sync_type = REPLICA_SYNC_TYPE_SNAPSHOT;
	info->name = strdup(snap->self->name);
	info->uuid = strdup(snap->self->uuid);
	info->major = major(snap->self->dev);
	info->minor = minor(snap->self->dev);
	info->origin = devno_text(source);
	info->replica = devno_text(snap->store);
	info->origin_path = devno_path(ctx, source);
	info->replica_path = devno_path(ctx, snap->store);
	info->thin = replica_thin_of_legs(ctx, info->replica, NULL);
	info->size = replica_lines_sectors(snap->base ? snap->base : snap->self) << SECTOR_SHIFT;
	info->region_size = (uint64_t)snap->chunk << SECTOR_SHIFT;
	info->mode = DM_REPLICA_MODE_SYNC;
	info->requested_copy_state = DM_REPLICA_STATE_NOT_APPLICABLE;
	info->dm_suspended = snap->self->suspended;
	if (!info->name || !info->uuid || !info->origin || !info->replica)
		return -ENOMEM;
	return read_state(snap, info) ?: replica_token_describe(snap, info);
}

int replica_snap_info_new(const struct replica_snap *snap, struct replica_info **info)
{
	int r;

	*info = calloc(1, sizeof(**info));
	r = *info ? describe(snap, *info) : -ENOMEM;
	if (!r && (*info)->reason) {
		replica_info_associate(*info);
		return REPLICA_SUCCESS;
	}
	replica_info_free(*info);
	*info = NULL;
	return replica_fail_memory(snap->ctx);
}
