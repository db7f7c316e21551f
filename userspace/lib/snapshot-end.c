// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a snapshot.  Each step can be done again, and what finds the rest goes
 * last: the snapshot's own device.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "lock.h"
#include "snapshot-lvm.h"
#include "sysfs.h"
#include "token.h"

bool replica_snap_merge_over(const struct replica_usage *usage)
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
	return replica_snap_usage(snap->upper->name, &usage) || !replica_snap_merge_over(&usage);
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
int replica_snap_fail_given_up(const struct replica_snap *snap)
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
		return snap->kept && !force ? replica_snap_fail_given_up(snap) : REPLICA_SUCCESS;
	if (!replica_snap_usage(snap->upper->name, &usage) && replica_snap_merge_over(&usage))
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
