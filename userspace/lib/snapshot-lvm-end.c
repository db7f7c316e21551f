// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a snapshot that LVM has made, and restoring its source.  LVM does both, by its
 * own rules: what it is about to merge it does not remove, and where somebody has one of the
 * two open it puts a merge off to the next activation, which nobody could take back.  So
 * that is asked before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dm.h"
#include "lock.h"
#include "snapshot-lvm.h"

#define STEP_MS		200

/* LVM looks once a second whether a merge is over. */
#define POLL_MS		10000
#define GIVE_UP_MS	60000

/* ------------------------------------------------------------------------ */
/* End */

static int fail_merging(const struct replica_snap *snap)
{
	const struct replica_lv *lv = snap->lv;
	const char *name = snap->self->name;

	if (snap->merging)
		return replica_fail(snap->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				    "the source of snapshot \"%s\" is being restored; 'replicactl restore %s' waits for the end of it",
				    name, name);
	return replica_fail(snap->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "LVM restores volume %s/%s from snapshot \"%s\" when the volume is activated next, and no command of LVM takes that back",
			    lv->vg, lv->origin, name);
}

static int check_end(const struct replica_snap *snap)
{
	if (snap->merging || snap->lv->merging)
		return fail_merging(snap);
	return replica_snap_idle(snap->ctx, snap->self->name, "snapshot");
}

/* lvremove with a selection finds nothing to do when the tag was taken off meanwhile. */
static int check_gone(const struct replica_snap *snap)
{
	if (!replica_lines_are_of(snap->ctx, snap->self->name, snap->self->uuid))
		return REPLICA_SUCCESS;
	return replica_fail(snap->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Name",
			    "snapshot \"%s\" is still there: its tag %s was taken off by another program meanwhile",
			    snap->self->name, REPLICA_POOL_TAG_SNAPSHOT);
}

static int end(struct replica_ctx *ctx, const char *name, struct replica_pool_volume **list)
{
	struct replica_snap snap;
	int ret;

	replica_lvsnap_forget(ctx);
	ret = replica_snap_find(ctx, name, &snap);
	if (!ret)
		ret = check_end(&snap);
	if (!ret)
		ret = replica_lvm_remove(ctx, snap.lv, REPLICA_POOL_TAG_SNAPSHOT);
	replica_lvsnap_forget(ctx);
	if (!ret)
		ret = check_gone(&snap);
	if (!ret && list && !replica_pool_volume_add(list, snap.lv, NULL))
		ret = replica_fail_memory(ctx);
	replica_snap_clear(&snap);
	return ret;
}

int replica_lvsnap_end(struct replica_ctx *ctx, const char *name,
		       struct replica_pool_volume **list)
{
	int lock, ret = replica_lock_lvm(ctx, &lock);

	if (ret)
		return ret;
	ret = end(ctx, name, list);
	replica_unlock(&lock);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Restore: the beginning */

static int check_store(const struct replica_snap *snap)
{
	struct replica_info *info;
	int ret = replica_snap_info_new(snap, &info);

	if (!ret && info->copy_state == DM_REPLICA_STATE_BROKEN)
		ret = replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
				   "snapshot \"%s\" is Broken, and nothing can be restored from it: %s",
				   snap->self->name, info->reason);
	replica_info_free(info);
	return ret;
}

static int check_restore(const struct replica_snap *snap)
{
	const struct replica_lv *lv = snap->lv;
	int ret;

	if (lv->merging)
		return fail_merging(snap);
	if (!snap->source)
		return replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
				    "the source of snapshot \"%s\", volume %s/%s, is not active; 'lvchange --activate y %s/%s' activates it",
				    snap->self->name, lv->vg, lv->origin, lv->vg, lv->origin);
	ret = check_store(snap);
	if (!ret)
		ret = replica_snap_idle(snap->ctx, snap->self->name, "snapshot");
	return ret ? ret : replica_snap_idle(snap->ctx, snap->source->name, "source");
}

/* *lv is what LVM knows of it now, active or not, NULL if nothing; in *list, to be freed. */
static int ask(struct replica_ctx *ctx, const struct replica_lv *old, struct replica_lv **list,
	       const struct replica_lv **lv)
{
	char *report;
	int ret = replica_lvm_report_tag(ctx, REPLICA_POOL_TAG_SNAPSHOT, &report);

	*list = NULL;
	*lv = NULL;
	if (!ret)
		ret = replica_lvm_take_report(ctx, report, list);
	free(report);
	for (const struct replica_lv *at = *list; at && !*lv; at = at->next)
		if (!strcmp(at->uuid, old->uuid))
			*lv = at;
	return ret;
}

/* The kernel is asked first: what it merges now may be over when LVM answers. */
static bool is_merged_now(const struct replica_snap *old)
{
	struct replica_snap snap;
	bool is = !replica_snap_find(old->ctx, old->self->name, &snap) && snap.merging;

	replica_snap_clear(&snap);
	replica_error_clear(old->ctx);
	return is;
}

/* LVM says no failure when it has put a merge off. */
static int check_begun(const struct replica_snap *old)
{
	const struct replica_lv *lv;
	struct replica_lv *list;
	int ret;

	if (is_merged_now(old))
		return REPLICA_SUCCESS;
	ret = ask(old->ctx, old->lv, &list, &lv);
	if (!ret && lv && lv->merging)
		ret = replica_fail(old->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				   "somebody has opened \"%s\" or its source meanwhile, so LVM restores volume %s/%s when that is activated next",
				   old->self->name, lv->vg, lv->origin);
	replica_lv_free(list);
	return ret;
}

/*
 * LVM merges by name.  Our own programs are kept out by the lock; others may have removed the
 * snapshot, and made another volume of its name.
 */
static int merge(const struct replica_snap *snap)
{
	if (replica_lines_are_of(snap->ctx, snap->self->name, snap->self->uuid))
		return replica_lvm_merge(snap->ctx, snap->lv, snap->thin);
	return replica_fail(snap->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Name",
			    "snapshot \"%s\" was removed by another program meanwhile, and what has its name now is another volume, or none; nothing is restored",
			    snap->self->name);
}

/* *begun: now, and by this call. */
static int begin(const struct replica_snap *snap, bool *begun)
{
	int ret;

	*begun = false;
	if (snap->merging)
		return REPLICA_SUCCESS;		/* this call waits for the end of it */
	ret = check_restore(snap);
	if (!ret)
		ret = merge(snap);
	*begun = !ret;
	replica_lvsnap_forget(snap->ctx);
	return ret;
}

/* snap is to be cleared in any case. */
static int begin_locked(struct replica_ctx *ctx, const char *name, struct replica_snap *snap)
{
	bool begun = false;
	int lock, ret = replica_lock_lvm(ctx, &lock);

	if (ret)
		return ret;
	replica_lvsnap_forget(ctx);
	ret = replica_snap_find(ctx, name, snap);
	if (!ret)
		ret = begin(snap, &begun);
	replica_unlock(&lock);
	return begun ? check_begun(snap) : ret;
}

/* ------------------------------------------------------------------------ */
/* Restore: the end */

struct waiting {
	struct replica_ctx *ctx;
	const char *name;
	const char *uuid;		/* of LVM */
	uint32_t timeout_ms;
	replica_progress_fn progress;
	void *data;
	uint64_t start;
	uint64_t over;			/* since when all is copied; 0: it is not */
	uint64_t blind;			/* since when LVM does not answer in time; 0: it does */
	uint64_t polled;
};

static int show(const struct waiting *w, const struct replica_snap *snap)
{
	struct replica_info *info;
	int ret;

	if (!w->progress)
		return REPLICA_SUCCESS;
	ret = replica_snap_info_new(snap, &info);
	if (!ret && w->progress(info, w->data))
		ret = replica_fail(w->ctx, REPLICA_FAILED, ECANCELED, NULL,
				   "the wait for the restore was ended by the caller; the restore goes on");
	replica_info_free(info);
	return ret;
}

/* LVM's program that waits for the end of a merge may have been killed. */
static int remind(struct waiting *w, const struct replica_snap *snap)
{
	uint64_t now = replica_now_ms();

	if (!w->over) {
		w->over = now;
		w->polled = now;
	}
	if (now - w->over >= GIVE_UP_MS)
		return replica_fail(w->ctx, REPLICA_TIMEOUT, ETIMEDOUT, "Name",
				    "the source is restored from \"%s\", but LVM does not remove the snapshot; 'lvchange --poll y %s/%s' makes it look",
				    w->name, snap->lv->vg, snap->lv->origin);
	if (now - w->polled < POLL_MS)
		return REPLICA_SUCCESS;
	w->polled = now;
	return replica_lvm_poll(w->ctx, snap->lv);
}

/* A source that has another table by now, or none, is for the next look. */
static int look(struct waiting *w, const struct replica_snap *snap)
{
	struct replica_usage usage;
	char text[128];

	if (!snap->merging)
		return remind(w, snap);		/* LVM is about to remove it */
	if (replica_dm_status(snap->upper->name, REPLICA_SNAP_MERGE_TARGET, text, sizeof(text)))
		return REPLICA_SUCCESS;
	replica_snap_parse_usage(text, &usage);
	if (!usage.valid)
		return replica_fail(w->ctx, REPLICA_FAILED, EIO, "Name",
				    "the restore from \"%s\" has failed: a device gave an error, and its source %s/%s is partly restored; the kernel log says more, and LVM goes on when the volume is activated anew",
				    w->name, snap->lv->vg, snap->lv->origin);
	return replica_snap_merge_over(&usage) ? remind(w, snap) : REPLICA_SUCCESS;
}

/* LVM that is busy, as with another volume, may answer the next time. */
static bool is_blind(struct waiting *w, int ret)
{
	uint64_t now = replica_now_ms();

	if (ret != REPLICA_TIMEOUT) {
		w->blind = 0;
		return false;
	}
	if (!w->blind)
		w->blind = now;
	return now - w->blind < GIVE_UP_MS;
}

/* REPLICA_NOT_FOUND: it is over, and what has the name now may be another one. */
static int look_at(struct waiting *w, const struct replica_snap *snap)
{
	int ret;

	if (!snap->lv || strcmp(snap->lv->uuid, w->uuid))
		return REPLICA_NOT_FOUND;
	ret = look(w, snap);
	return ret ? ret : show(w, snap);
}

static int step(struct waiting *w)
{
	struct replica_snap snap;
	int ret = replica_snap_find(w->ctx, w->name, &snap);

	if (is_blind(w, ret)) {
		replica_error_clear(w->ctx);
		ret = REPLICA_SUCCESS;
	} else if (!ret) {
		ret = look_at(w, &snap);
	}
	replica_snap_clear(&snap);
	if (!ret && w->timeout_ms && replica_now_ms() - w->start >= w->timeout_ms)
		ret = replica_fail(w->ctx, REPLICA_TIMEOUT, ETIMEDOUT, "Timeout",
				   "the restore from \"%s\" is not over after %u ms; it goes on, and the same command waits for its end",
				   w->name, w->timeout_ms);
	return ret;
}

/*
 * The device goes before LVM forgets the volume, under the lock that who asks waits for.
 * If LVM was killed in between, what it left has no source any more, and no device.  One that
 * has a source was deactivated in the middle, as by vgchange.
 */
static int forgotten(struct replica_ctx *ctx, const struct replica_lv *old)
{
	const struct replica_lv *lv;
	struct replica_lv *list;
	int ret = ask(ctx, old, &list, &lv);

	if (!ret && lv && *lv->origin)
		ret = replica_fail(ctx, REPLICA_FAILED, 0, "Name",
				   "the restore from %s/%s is not over: the volume is not active any more; LVM goes on when its source %s/%s is activated",
				   lv->vg, lv->name, lv->vg, lv->origin);
	else if (!ret && lv)
		ret = replica_lvm_remove(ctx, lv, REPLICA_POOL_TAG_SNAPSHOT);
	replica_lv_free(list);
	return ret;
}

static int wait_end(struct waiting *w, const struct replica_lv *lv)
{
	const struct timespec pause = { .tv_nsec = STEP_MS * 1000000 };
	int ret;

	w->uuid = lv->uuid;
	while (!(ret = step(w)))
		nanosleep(&pause, NULL);
	replica_lvsnap_forget(w->ctx);
	if (ret != REPLICA_NOT_FOUND)
		return ret;
	replica_error_clear(w->ctx);
	return forgotten(w->ctx, lv);
}

int replica_lvsnap_restore(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms,
			   replica_progress_fn progress, void *data)
{
	struct waiting w = {
		.ctx = ctx, .name = name, .timeout_ms = timeout_ms, .progress = progress,
		.data = data, .start = replica_now_ms(),
	};
	struct replica_snap snap = { .ctx = ctx };
	int ret = begin_locked(ctx, name, &snap);

	if (!ret)
		ret = wait_end(&w, snap.lv);
	replica_snap_clear(&snap);
	return ret;
}
