// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A snapshot of a volume of a dm-thin pool: another volume of the same pool, which shares
 * with it what neither has written since.
 *
 * The pool wants the volume suspended for that, and takes a number that is free.  That it is
 * free is seen before the entry is written, so that a volume of that number is ours whenever
 * somebody finds the entry.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lock.h"
#include "ondisk.h"
#include "protect.h"
#include "snapshot.h"

struct taking {
	struct replica_thin_work work;
	struct replica_thin_volume *v;
	const struct replica_thin_order *order;
	const struct replica_blockdev *leg;
	uint32_t origin;			/* the number of the leg */
};

static struct replica_thin_map map_of(const struct replica_thin_volume *v)
{
	return (struct replica_thin_map){
		.name = v->name, .uuid = v->uuid, .id = v->id, .sectors = v->sectors,
	};
}

/*
 * Of a volume that is there a mapped device would be one.  It has a name of its own, lest somebody
 * take it for the snapshot; who is killed leaves it, and the next one finds it by that name.
 */
static int is_free(struct taking *t, bool *is)
{
	char name[96], uuid[128];
	const struct replica_thin_map map = {
		.name = name, .uuid = uuid, .id = t->v->id, .sectors = t->v->sectors,
		.hidden = REPLICA_UDEV_HIDDEN,
	};
	int ret;

	snprintf(name, sizeof(name), "%s-%" PRIu32, t->work.name, t->v->id);
	snprintf(uuid, sizeof(uuid), REPLICA_THIN_DIR_PREFIX "%s",
		 strpbrk(name, "0123456789"));
	ret = replica_thin_map_make(&t->work, &map);
	*is = ret == REPLICA_NOT_FOUND;
	if (!*is)
		return ret ? ret : replica_thin_map_gone(&t->work, &map);
	replica_error_clear(t->work.ctx);
	return REPLICA_SUCCESS;
}

static int fail_ids(struct taking *t)
{
	return replica_fail(t->work.ctx, REPLICA_NO_RESOURCES, EEXIST, REPLICA_PARAM_POOL,
			    "pool %s has no number free for a snapshot: of those behind %u, %d that were tried are somebody else's",
			    t->work.pool.path, REPLICA_THIN_FIRST, REPLICA_THIN_TRIES);
}

static int choose_id(struct taking *t)
{
	bool is = false;
	int ret = REPLICA_SUCCESS;

	t->v->id = REPLICA_THIN_FIRST;
	for (int tries = 0; !ret && !is; tries++) {
		if (tries == REPLICA_THIN_TRIES)
			return fail_ids(t);
		do
			t->v->id++;
		while (replica_thin_has_id(t->work.dir, t->v, t->v->id));
		ret = is_free(t, &is);
	}
	return ret ? ret : replica_thin_save(&t->work);
}

static int resume(struct replica_ctx *ctx, const struct replica_blockdev *leg)
{
	int ret = replica_snap_resume(ctx, leg->dm_name, 0, false);

	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

/* Whoever was killed in the middle has left it so; nobody else suspends a leg. */
static int wake(struct taking *t)
{
	return resume(t->work.ctx, t->leg);
}

static int take_suspended(struct taking *t)
{
	char what[32];
	int r;

	snprintf(what, sizeof(what), "create_snap %" PRIu32, t->v->id);
	r = replica_thin_message(&t->work.pool, what, t->origin);
	if (r)
		return replica_fail_errno(t->work.ctx, r, REPLICA_PARAM_POOL,
					  "pool %s makes no snapshot %" PRIu32
					  " of volume %" PRIu32, t->work.pool.path, t->v->id,
					  t->origin);
	t->v->made = true;
	return REPLICA_SUCCESS;
}

static int take(struct taking *t)
{
	int ret = t->leg->suspended ? wake(t) : REPLICA_SUCCESS, woken;
	struct replica_error err;

	if (!ret)
		ret = replica_snap_suspend(t->work.ctx, t->leg->dm_name);
	if (ret)
		return ret;
	ret = take_suspended(t);
	err = t->work.ctx->err;
	woken = wake(t);
	if (ret)
		t->work.ctx->err = err;
	return ret ? ret : woken;
}

/* An entry that does not have the tag is of one that nobody is to rely on. */
static int approve(struct taking *t)
{
	const char *const good[] = { t->order->good };
	int ret = t->order->check(t->order->data);

	if (!ret && !replica_thin_tag_text(t->v->tags, sizeof(t->v->tags), "--addtag", good, 1))
		ret = replica_fail(t->work.ctx, REPLICA_NO_RESOURCES, ENOSPC, REPLICA_PARAM_POOL,
				   "snapshot %s of pool %s has no room for another tag",
				   t->v->name, t->work.pool.path);
	return ret ? ret : replica_thin_save(&t->work);
}

/* The directory is written when the leg goes on: it lies in the same pool. */
static int make(struct taking *t)
{
	struct replica_thin_map map;
	int ret = choose_id(t);

	if (!ret)
		ret = take(t);
	if (!ret)
		ret = approve(t);
	if (ret)
		return ret;
	map = map_of(t->v);
	return replica_thin_map_make(&t->work, &map);
}

/* The error stays. */
static void undo(struct taking *t)
{
	struct replica_error err = t->work.ctx->err;

	if (!t->v->made || !replica_thin_message(&t->work.pool, "delete", t->v->id)) {
		replica_thin_drop(t->work.dir, t->v);
		replica_thin_save(&t->work);
	}
	t->work.ctx->err = err;
}

/* What lies on it now has the volume's table, and would go on writing to it. */
static int check_leg(struct taking *t)
{
	struct replica_ctx *ctx = t->work.ctx;
	struct replica_lines lines;
	char pool[32];
	enum replica_thin_at at = REPLICA_THIN_NOWHERE;

	if (!replica_lines_read(ctx, t->leg->dm_name, 0, &lines))
		at = replica_thin_follow(ctx, &lines, pool, &t->origin);
	replica_lines_clear(&lines);
	if (at == REPLICA_THIN_HERE)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_PARAM_POOL,
			    "volume \"%s\" is the source of a snapshot or of a replica, which has to end before there can be one by its pool",
			    t->leg->dm_name);
}

/* One that is about to get another table is in the hands of somebody else. */
static bool is_asleep(struct replica_ctx *ctx, const struct replica_blockdev *leg)
{
	struct replica_lines lines;
	bool asleep = !replica_lines_read(ctx, leg->dm_name, 0, &lines) &&
		      !strcmp(lines.uuid, leg->dm_uuid) && lines.suspended && !lines.inactive;

	replica_lines_clear(&lines);
	return asleep;
}

int replica_thin_wake(struct replica_ctx *ctx, const struct replica_blockdev *leg)
{
	int lock, ret = replica_lock_tables(ctx, &lock);

	if (ret)
		return ret;
	if (is_asleep(ctx, leg))
		ret = resume(ctx, leg);
	replica_unlock(&lock);
	return ret;
}

int replica_thin_snapshot(struct replica_ctx *ctx, const struct replica_thin_order *order)
{
	char id[REPLICA_UUID_TEXT], uuid[64];
	struct taking t = { .order = order, .leg = order->leg };
	uint8_t bytes[16];
	int ret = replica_thin_begin(ctx, order->lv->vg, true, &t.work);

	if (ret)
		return ret;
	replica_uuid_random(bytes);
	replica_uuid_text(bytes, id);
	snprintf(uuid, sizeof(uuid), REPLICA_THIN_PROTECT_MARK "%" PRIx64 "-%.*s-%.7s", order->at,
		 REPLICA_PROTECT_OF_LEN, order->of, id);
	ret = check_leg(&t);
	if (!ret)
		ret = replica_thin_add(&t.work, order->lv, uuid, &t.v);
	if (!ret)
		ret = make(&t);
	if (ret && t.v)
		undo(&t);
	return replica_thin_end(&t.work, ret);
}
