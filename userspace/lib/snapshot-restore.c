// SPDX-License-Identifier: LGPL-2.1-or-later
/* Restoring the source from a snapshot: the kernel merges what the store holds into it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#include "info.h"
#include "lock.h"
#include "snapshot-lvm.h"
#include "token.h"

#define MERGE_STEP_MS	200

/* The snapshot whose base a device is. */
static const char *name_of_base(const struct replica_snap *snap, const struct replica_lines *base)
{
	const char *id = base->uuid + strlen(REPLICA_BASE_UUID_PREFIX);

	for (size_t i = 0; i < snap->maps.count; i++) {
		const struct replica_lines *map = &snap->maps.map[i];

		const char *other = replica_snap_id(map->uuid);

		if (other && !strcmp(other, id))
			return map->name;
	}
	return base->name;
}

static int check_restore(const struct replica_snap *snap)
{
	const char *name = snap->self->name;
	struct replica_usage usage;

	if (snap->kept && !snap->upper)
		return replica_snap_fail_given_up(snap);
	if (!snap->upper || !snap->store)
		return replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
				    "snapshot \"%s\" is not complete: its creation or its end was cut short",
				    name);
	if (snap->merging || snap->kept)
		return REPLICA_SUCCESS;
	if (replica_token_id(snap->self->uuid))
		return replica_fail(snap->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				    "\"%s\" is a token, and nothing is restored from it: redeem it",
				    name);
	if (replica_snap_is_base(snap->upper))
		return replica_fail(snap->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				    "snapshot \"%s\" of the same source is newer than \"%s\"; remove it first",
				    name_of_base(snap, snap->upper), name);
	replica_snap_usage(name, &usage);
	if (!usage.valid)
		return replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
				    "snapshot \"%s\" is Broken, and nothing can be restored from it",
				    name);
	return REPLICA_SUCCESS;
}

/* Holds the source, so that nobody mounts it in the middle. */
static int hold_source(const struct replica_snap *snap, int *fd)
{
	const char *name = snap->upper->name;
	char path[PATH_MAX];
	int ret = replica_snap_idle(snap->ctx, name, "source");

	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	*fd = snap->ctx->host->open(snap->ctx, path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (*fd < 0)
		return replica_fail_errno(snap->ctx, *fd, REPLICA_PARAM_SOURCE,
					  "source %s cannot be opened", path);
	return REPLICA_SUCCESS;
}

/* The origin's table again, and the snapshot runs; the error stays. */
static void go_on(struct replica_snap *snap, bool upper)
{
	struct replica_error err = snap->ctx->err;
	int ret = REPLICA_SUCCESS;

	replica_lines_drop(snap->ctx, snap->upper->name);
	if (upper && !replica_lines_load(snap->ctx, snap->upper->name, snap->upper))
		ret = replica_snap_resume(snap->ctx, snap->upper->name, 0, false);
	if (!ret || ret == REPLICA_TIMEOUT)
		ret = replica_snap_resume(snap->ctx, snap->self->name, 0, false);
	snap->ctx->err = err;
	if (ret && ret != REPLICA_TIMEOUT)
		replica_error_details(snap->ctx,
				      "'replicactl remove %s' gives \"%s\" its table back",
				      snap->self->name, snap->upper->name);
}

/* From the exchange of tables on, the source shows what the snapshot was. */
static int start_merge(struct replica_snap *snap)
{
	const char *upper = snap->upper->name;
	char params[128];
	int ret;

	snprintf(params, sizeof(params), "%s %u:%u PO %u", snap->base->devno, major(snap->store),
		 minor(snap->store), snap->chunk);
	ret = replica_snap_suspend(snap->ctx, snap->self->name);
	if (ret)
		return ret;
	if (snap->upper->inactive)	/* of a restore that was cut short; there can be one */
		replica_lines_drop(snap->ctx, upper);
	ret = replica_snap_load(snap->ctx, upper, replica_lines_sectors(snap->upper),
				REPLICA_SNAP_MERGE_TARGET, params);
	if (ret) {
		go_on(snap, false);
		return ret;
	}
	ret = replica_snap_resume(snap->ctx, upper, 0, false);
	if (ret && ret != REPLICA_TIMEOUT) {
		go_on(snap, true);
		return ret;
	}
	ret = replica_snap_resume(snap->ctx, snap->self->name, REPLICA_UDEV_HIDDEN, false);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

static int begin(struct replica_snap *snap)
{
	int ret = check_restore(snap), fd;

	if (ret)
		return ret;
	if (snap->kept || replica_snap_torn(snap))
		return replica_snap_again(snap);
	if (snap->merging)
		return REPLICA_SUCCESS;
	ret = replica_snap_idle(snap->ctx, snap->self->name, "snapshot");
	if (!ret)
		ret = hold_source(snap, &fd);
	if (ret)
		return ret;
	ret = start_merge(snap);
	ioctl(fd, BLKFLSBUF, 0);	/* what was read before is not true any more */
	close(fd);
	return ret;
}

/* snap is to be cleared in any case. */
static int begin_locked(struct replica_ctx *ctx, const char *name, struct replica_snap *snap)
{
	int lock, ret = replica_lock_tables(ctx, &lock);

	if (ret)
		return ret;
	ret = replica_snap_find(ctx, name, snap);
	if (!ret)
		ret = begin(snap);
	replica_unlock(&lock);
	return ret;
}

/* The kernel has no such snapshot any more: another command has ended it meanwhile. */
static bool is_gone(const struct replica_snap *snap)
{
	return !replica_lines_are_of(snap->ctx, snap->self->name, snap->self->uuid);
}

/* Whoever ends it may be in the middle of that, and has the lock. */
static bool ends_now(const struct replica_snap *snap)
{
	int lock = -1;
	bool gone;

	if (replica_lock_tables(snap->ctx, &lock))
		replica_error_clear(snap->ctx);
	gone = is_gone(snap);
	replica_unlock(&lock);
	return gone;
}

static int fail_ended(const struct replica_snap *snap)
{
	return replica_fail(snap->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Name",
			    "snapshot \"%s\" was ended by another command while this one waited for the restore; that command says whether \"%s\" is restored whole",
			    snap->self->name, snap->upper->name);
}

static int fail_merge(const struct replica_snap *snap)
{
	const char *name = snap->self->name, *upper = snap->upper->name;

	if (ends_now(snap))
		return fail_ended(snap);
	return replica_fail(snap->ctx, REPLICA_FAILED, EIO, "Name",
			    "the restore from \"%s\" has failed: a device gave an error, and \"%s\" is partly restored; the kernel log says more, and the same command goes on when the device works again",
			    name, upper);
}

static int show_progress(const struct replica_snap *snap, replica_progress_fn progress,
			 void *data)
{
	struct replica_ctx *ctx = snap->ctx;
	struct replica_info *info;
	int ret;

	if (!progress)
		return REPLICA_SUCCESS;
	ret = replica_snap_info(ctx, snap->self->name, &info);
	/* That there is none, or none of ours, is true, and not what has happened. */
	if (ret && ends_now(snap))
		ret = fail_ended(snap);
	else if (!ret && progress(info, data))
		ret = replica_fail(ctx, REPLICA_FAILED, ECANCELED, NULL,
				   "the wait for the restore was ended by the caller; the restore goes on");
	replica_info_free(info);
	return ret;
}

/* Until nothing is left in the store. */
static int wait_merge(const struct replica_snap *snap, uint32_t timeout_ms,
		      replica_progress_fn progress, void *data)
{
	const struct timespec step = { .tv_nsec = MERGE_STEP_MS * 1000000 };
	const char *name = snap->self->name, *upper = snap->upper->name;
	struct replica_ctx *ctx = snap->ctx;
	uint64_t start = replica_now_ms();
	struct replica_usage usage;
	int ret = REPLICA_SUCCESS;

	for (;;) {
		int r = replica_snap_usage(upper, &usage);

		if (!r && replica_snap_merge_over(&usage))
			return REPLICA_SUCCESS;
		if (r || !usage.valid)
			return fail_merge(snap);
		ret = show_progress(snap, progress, data);
		if (ret)
			return ret;
		if (timeout_ms && replica_now_ms() - start >= timeout_ms)
			return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "Timeout",
					    "the restore from \"%s\" is not over after %u ms; it goes on, and the same command waits for its end",
					    name, timeout_ms);
		nanosleep(&step, NULL);
	}
}

/* Of two that wait for one restore, one comes too late for the end. */
static int end_restored(const struct replica_snap *snap)
{
	int ret = replica_snap_end(snap->ctx, snap->self->name, false, NULL);

	if (ret == REPLICA_NOT_FOUND && is_gone(snap)) {
		replica_error_clear(snap->ctx);
		ret = REPLICA_SUCCESS;
	}
	return ret;
}

EXPORT int replica_restore(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms,
			   replica_progress_fn progress, void *progress_data)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_snap snap = { .ctx = ctx };
	int ret;

	replica_error_begin(ctx, "SetReplicationRelationship:Restore From Replica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret && replica_lvsnap_is(ctx, dm_name))
		return replica_lvsnap_restore(ctx, dm_name, timeout_ms, progress, progress_data);
	if (!ret)
		ret = begin_locked(ctx, dm_name, &snap);
	/* For a power cut, behind which there is nothing else to tell it by; it is no must. */
	if (!ret && replica_snap_mark_rest(ctx, dm_name))
		replica_error_clear(ctx);
	if (!ret)
		ret = wait_merge(&snap, timeout_ms, progress, progress_data);
	if (!ret)
		ret = end_restored(&snap);
	replica_snap_clear(&snap);
	return ret;
}
