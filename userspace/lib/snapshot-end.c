// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a snapshot, and restoring the source from it.  Each step can be done
 * again, and what finds the rest goes last: the snapshot's own device.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>

#include "dm.h"
#include "info.h"
#include "lock.h"
#include "snapshot-lvm.h"
#include "sysfs.h"
#include "token.h"

#define MERGE_STEP_MS	200

/* ------------------------------------------------------------------------ */
/* End */

static bool merge_over(const struct replica_usage *usage)
{
	return usage->valid && usage->used == usage->metadata;
}

/* What lies on the base gets the base's table. */
static int lift(struct replica_snap *snap)
{
	const struct replica_lines *upper = snap->upper;
	int hidden = replica_snap_is_base(upper) ? REPLICA_UDEV_HIDDEN : 0;
	int r = replica_lines_load(snap->ctx, upper->name, snap->base), ret;

	if (r)
		return replica_fail_errno(snap->ctx, r, "Name",
					  "the kernel did not take the table that \"%s\" had; the snapshot goes on",
					  upper->name);
	ret = replica_snap_resume(snap->ctx, upper->name, hidden, false);
	if (!ret || ret == REPLICA_TIMEOUT)
		return REPLICA_SUCCESS;
	replica_snap_wake(snap->ctx, upper->name, upper);
	return ret;
}

static bool names_base(const struct replica_lines *lines, const struct replica_lines *base)
{
	char word[32];

	return (replica_lines_only(lines, REPLICA_SNAP_ORIGIN_TARGET) ||
		replica_lines_only(lines, REPLICA_SNAP_MERGE_TARGET)) &&
	       sscanf(lines->line[0].params, "%31s", word) == 1 && !strcmp(word, base->devno);
}

/*
 * A table that was made ready for the source and never used.  The kernel forgets it before it
 * suspends the source for it: a source that is suspended beside it was so by somebody else.
 */
static int drop_unused(struct replica_snap *snap)
{
	for (size_t i = 0; i < snap->maps.count; i++) {
		const struct replica_lines *map = &snap->maps.map[i];
		struct replica_lines inactive;
		int r = 0;

		if (!map->inactive || map == snap->upper)
			continue;
		if (!replica_lines_read_inactive(snap->ctx, map->name, &inactive) &&
		    names_base(&inactive, snap->base))
			r = replica_lines_drop(snap->ctx, map->name);
		replica_lines_clear(&inactive);
		if (r)
			return replica_fail_errno(snap->ctx, r, "Name",
						  "the second table of \"%s\" cannot be dropped",
						  map->name);
	}
	return REPLICA_SUCCESS;
}

/* The store has a header until then, by which it would be refused as a target. */
static void free_store(struct replica_snap *snap)
{
	struct replica_blockdev store;
	char path[PATH_MAX];

	if (!snap->store)
		return;
	replica_sysfs_path(snap->ctx, snap->store, path, sizeof(path));
	if (path[0] == '/' && !replica_sysfs_open(snap->ctx, path, &store) &&
	    store.devno == snap->store)
		replica_snap_wipe(snap->ctx, &store);
	replica_error_clear(snap->ctx);		/* one that fails does not stop the end */
}

/* The snapshot lets go of base and store, and still says whose they are. */
static int let_go(struct replica_snap *snap)
{
	return replica_snap_set(snap, snap->self, "error", "", REPLICA_UDEV_HIDDEN);
}

static int remove_device(struct replica_ctx *ctx, const char *name)
{
	int ret = replica_dm_remove(ctx, name);

	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

/* What was not merged before a device gave an error is in the store alone. */
bool replica_snap_store_needed(const struct replica_snap *snap)
{
	struct replica_usage usage;

	if (!snap->merging)
		return snap->kept;
	return replica_snap_usage(snap->upper->name, &usage) || !merge_over(&usage);
}

/* When nobody has it any more it may go back to its pool. */
static void note_store(struct replica_snap *snap, char store[DM_REPLICA_UUID_LEN])
{
	char name[DM_REPLICA_NAME_LEN];

	if (!snap->store || !replica_sysfs_dm(snap->ctx, snap->store, name, store))
		store[0] = '\0';
}

static int take_down(struct replica_snap *snap, char store[DM_REPLICA_UUID_LEN])
{
	bool keep = replica_snap_store_needed(snap);
	int ret = REPLICA_SUCCESS;

	/* Who is killed behind it must not find a store that seems to be free. */
	if (keep && !snap->kept)
		ret = replica_snap_keep(snap, false);
	/* When all is merged nothing of it is needed, and soon no table names it any more. */
	if (!ret && !keep && snap->merging)
		free_store(snap);
	if (!ret && snap->base && snap->upper)
		ret = lift(snap);
	if (!ret && snap->base)
		ret = drop_unused(snap);
	if (!ret && !keep && !snap->merging)
		free_store(snap);
	if (!ret && !keep)
		note_store(snap, store);	/* its number can be another's when it is let go */
	if (!ret && snap->base && !keep)
		ret = let_go(snap);
	if (ret)
		store[0] = '\0';
	if (!ret && snap->base)
		ret = remove_device(snap->ctx, snap->base->name);
	return ret ? ret : remove_device(snap->ctx, snap->self->name);
}

static int fail_torn(const struct replica_snap *snap)
{
	const char *name = snap->self->name;
	char store[PATH_MAX];

	replica_sysfs_path(snap->ctx, snap->store, store, sizeof(store));
	return replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
			    "a restore from snapshot \"%s\" has failed, and its source is partly restored: the rest is on %.300s alone. 'replicactl restore %s' goes on with it; 'replicactl detach --force %s' gives the source its table back as it is, and leaves the rest on the store",
			    name, store, name, name);
}

/* The source has its table back, and who ended the snapshot was killed. */
static int fail_given_up(const struct replica_snap *snap)
{
	const char *name = snap->self->name;
	char store[PATH_MAX];

	replica_sysfs_path(snap->ctx, snap->store, store, sizeof(store));
	return replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
			    "a restore from snapshot \"%s\" has failed and was given up, and its source is partly restored: the rest is on %.300s alone. 'replicactl detach --force %s' ends the snapshot, and leaves the rest on the store",
			    name, store, name);
}

/* Half of a restore is neither what was nor what is to be. */
static int check_merge(const struct replica_snap *snap, bool force)
{
	struct replica_usage usage;

	if (replica_snap_torn(snap))
		return force ? REPLICA_SUCCESS : fail_torn(snap);
	if (!snap->merging)
		return snap->kept && !force ? fail_given_up(snap) : REPLICA_SUCCESS;
	if (!replica_snap_usage(snap->upper->name, &usage) && merge_over(&usage))
		return REPLICA_SUCCESS;
	return replica_fail(snap->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "the source of snapshot \"%s\" is being restored; 'replicactl restore %s' waits for the end of it",
			    snap->self->name, snap->self->name);
}

/* Closed, and no half of a restore; it may take a while. */
static int check_end(struct replica_ctx *ctx, const char *name, bool force)
{
	struct replica_snap snap;
	int ret = replica_snap_find(ctx, name, &snap);

	if (!ret)
		ret = check_merge(&snap, force);
	replica_snap_clear(&snap);
	return ret ? ret : replica_snap_idle(ctx, name, "snapshot");
}

/* The tables are read when all waiting is over: device numbers are used again. */
static int end_locked(struct replica_ctx *ctx, const char *name, bool force,
		      char store[DM_REPLICA_UUID_LEN])
{
	struct replica_snap snap;
	int ret = check_end(ctx, name, force);

	store[0] = '\0';
	if (ret)
		return ret;
	ret = replica_snap_find(ctx, name, &snap);
	if (!ret)
		ret = check_merge(&snap, force);
	if (!ret)
		ret = replica_token_check_end(&snap);
	if (!ret)
		ret = take_down(&snap, store);
	if (!ret && replica_token_id(snap.self->uuid))
		replica_token_ended(ctx, replica_token_id(snap.self->uuid), REPLICA_TOKEN_RELEASED);
	replica_snap_clear(&snap);
	return ret;
}

int replica_snap_end_locked(struct replica_ctx *ctx, const char *name,
			    char store[DM_REPLICA_UUID_LEN])
{
	return end_locked(ctx, name, false, store);
}

/* LVM is asked when the locks are free: it may take its time.  The first error stays. */
static int end(struct replica_ctx *ctx, const char *name, bool force,
	       struct replica_pool_volume **list)
{
	int lock, ret = replica_lock_tables(ctx, &lock), given;
	char store[DM_REPLICA_UUID_LEN];
	struct replica_error err;

	if (ret)
		return ret;
	ret = end_locked(ctx, name, force, store);
	replica_unlock(&lock);
	err = ctx->err;
	given = replica_snap_give_back(ctx, name, store, list);
	if (ret)
		ctx->err = err;
	return ret ? ret : given;
}

/* Who gives a restore up does so without LVM too, and is told what that means. */
static int fail_mark(struct replica_ctx *ctx, const char *name, const struct replica_error *why)
{
	replica_fail(ctx, REPLICA_FAILED, why->sm_code, "TargetStoragePool",
		     "snapshot \"%s\" has ended, but its store, which has the rest of the restore, is not marked: if it was cut from a pool, 'return-to-pool --left --force' would remove it: %s",
		     name, why->description);
	replica_error_message(ctx, why->message);
	return REPLICA_FAILED;
}

int replica_snap_end(struct replica_ctx *ctx, const char *name, bool force,
		     struct replica_pool_volume **list)
{
	struct replica_error why;
	int marked, ret;

	if (replica_lvsnap_is(ctx, name))
		return replica_lvsnap_end(ctx, name, list);
	marked = force ? replica_snap_mark_rest(ctx, name) : REPLICA_SUCCESS;
	why = ctx->err;
	if (marked)
		replica_error_clear(ctx);
	replica_token_tidy_of(ctx, name);
	ret = end(ctx, name, force, list);
	return !ret && marked ? fail_mark(ctx, name, &why) : ret;
}

/* ------------------------------------------------------------------------ */
/* Restore */

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
		return fail_given_up(snap);
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

static int show_progress(struct replica_ctx *ctx, const char *name, replica_progress_fn progress,
			 void *data)
{
	struct replica_info *info;
	int ret;

	if (!progress)
		return REPLICA_SUCCESS;
	ret = replica_snap_info(ctx, name, &info);
	if (!ret && progress(info, data))
		ret = replica_fail(ctx, REPLICA_FAILED, ECANCELED, NULL,
				   "the wait for the restore was ended by the caller; the restore goes on");
	replica_info_free(info);
	return ret;
}

/* Until nothing is left in the store. */
static int wait_merge(struct replica_ctx *ctx, const char *name, const char *upper,
		      uint32_t timeout_ms, replica_progress_fn progress, void *data)
{
	const struct timespec step = { .tv_nsec = MERGE_STEP_MS * 1000000 };
	uint64_t start = replica_now_ms();
	struct replica_usage usage;
	int ret = REPLICA_SUCCESS;

	for (;;) {
		int r = replica_snap_usage(upper, &usage);

		if (!r && merge_over(&usage))
			return REPLICA_SUCCESS;
		if (r || !usage.valid)
			return replica_fail(ctx, REPLICA_FAILED, EIO, "Name",
					    "the restore from \"%s\" has failed: a device gave an error, and \"%s\" is partly restored; the kernel log says more, and the same command goes on when the device works again",
					    name, upper);
		ret = show_progress(ctx, name, progress, data);
		if (ret)
			return ret;
		if (timeout_ms && replica_now_ms() - start >= timeout_ms)
			return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "Timeout",
					    "the restore from \"%s\" is not over after %u ms; it goes on, and the same command waits for its end",
					    name, timeout_ms);
		nanosleep(&step, NULL);
	}
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
		ret = wait_merge(ctx, dm_name, snap.upper->name, timeout_ms, progress,
				 progress_data);
	replica_snap_clear(&snap);
	return ret ? ret : replica_snap_end(ctx, dm_name, false, NULL);
}
