// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A replica under the name of a mapped device in use, and the end of it.
 *
 * No step leaves the name suspended.  Tables are made ready beside the live one, and one
 * call exchanges them, in which the kernel suspends and resumes by itself.  So whoever is
 * killed between two steps leaves a name that works, with the one table or the other,
 * and at most a hidden device, a table that was not used and a log, which the removal
 * of the replica finds by the hidden device's name and uuid.
 *
 * For a while the same table is live twice.  Nothing goes through the hidden device before
 * the name's own requests are over, nor after the name has its table back, so that it
 * is enough that its targets keep no state of their own: see attach-check.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "dm-task.h"
#include "format.h"
#include "lock.h"
#include "scan.h"
#include "table.h"

bool replica_attach_origin_name(const char *name, char origin[DM_REPLICA_NAME_LEN])
{
	return snprintf(origin, DM_REPLICA_NAME_LEN, "%s%s", name, REPLICA_ORIGIN_SUFFIX) <
	       DM_REPLICA_NAME_LEN;
}

static int fail_read(struct replica_ctx *ctx, int err, const char *name)
{
	/* No name would do. */
	if (err == -EPERM || err == -EACCES)
		return replica_dm_unusable(ctx, err);
	return replica_fail_errno(ctx, err, "Name",
				  "device-mapper does not tell about \"%s\"", name);
}

/* ------------------------------------------------------------------------ */
/* On */

static int hide(struct replica_attach *a, const char *uuid, char *number, size_t size)
{
	struct replica_ctx *ctx = a->ctx;
	const char *name = a->name;
	char hidden_uuid[DM_REPLICA_UUID_LEN];
	struct replica_lines hidden;
	int r, ret;

	snprintf(hidden_uuid, sizeof(hidden_uuid), "%s%s", REPLICA_ORIGIN_UUID_PREFIX, uuid);
	if (!replica_attach_origin_name(name, a->origin))
		return replica_fail_errno(ctx, ENAMETOOLONG, "Source",
					  "no device can be named beside \"%s\"", name);
	r = replica_lines_read(ctx, name, 0, &a->old);
	if (r)
		return fail_read(ctx, r, name);
	ret = replica_lines_create_hidden(ctx, a->origin, hidden_uuid, &a->old);
	if (ret)
		return ret;
	a->hidden = true;
	r = replica_lines_read(ctx, a->origin, 0, &hidden);
	snprintf(number, size, "%s", hidden.devno);
	replica_lines_clear(&hidden);
	if (!r)
		return REPLICA_SUCCESS;
	ret = fail_read(ctx, r, a->origin);
	replica_attach_undo(a);
	return ret;
}

int replica_attach_hide(struct replica_attach *a, struct replica_ctx *ctx, const char *name,
			const char *uuid, char *number, size_t size)
{
	int ret;

	*a = (struct replica_attach){ .ctx = ctx };
	snprintf(a->name, sizeof(a->name), "%s", name);
	ret = replica_lock_tables(ctx, &a->lock);
	a->locked = !ret;
	return ret ? ret : hide(a, uuid, number, size);
}

static void unlock(struct replica_attach *a)
{
	if (a->locked)
		replica_unlock(&a->lock);
	a->locked = false;
}

/* Somebody else may have given the name another table since it was copied. */
static int check_unchanged(struct replica_attach *a)
{
	struct replica_lines now;
	bool same;
	int r = replica_lines_read(a->ctx, a->name, 0, &now);

	same = !r && replica_lines_equal(&a->old, &now);
	replica_lines_clear(&now);
	if (r)
		return fail_read(a->ctx, r, a->name);
	if (same)
		return REPLICA_SUCCESS;
	return replica_fail(a->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Source",
			    "the table of \"%s\" was changed by another program meanwhile",
			    a->name);
}

int replica_attach_start(struct replica_attach *a, uint64_t sectors, const char *params,
			 bool freeze)
{
	QUIET;
	int ret = replica_dm_load(a->ctx, a->name, a->old.devno, sectors, params);

	if (!ret)
		ret = check_unchanged(a);
	if (!ret)
		ret = replica_lines_swap(a->ctx, a->name, a->old.devno, freeze);
	if (ret && ret != REPLICA_TIMEOUT)
		replica_attach_undo(a);
	unlock(a);
	return ret;
}

/* Gives a device a table: 0 or a return value. */
static int put_table(struct replica_ctx *ctx, const char *name, const struct replica_lines *lines)
{
	int r = replica_lines_load(ctx, name, lines), ret;

	if (r)
		return replica_fail_errno(ctx, r, "Name",
					  "the kernel did not take the table of \"%s\" back",
					  name);
	ret = replica_lines_swap(ctx, name, lines->devno, false);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

static int fail_changed(struct replica_ctx *ctx, const char *name)
{
	return replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Name",
			    "the replica of \"%s\" was changed by another program meanwhile",
			    name);
}

/*
 * The name may have its own table, or ours, and be suspended with either.  Between the
 * start and a failure that follows it somebody may have put another one there.
 */
static int restore(struct replica_attach *a)
{
	struct replica_lines now;
	bool touched, foreign;
	int r = replica_lines_read(a->ctx, a->name, 0, &now);

	foreign = !r && !replica_lines_equal(&a->old, &now) &&
		  !replica_lines_only(&now, REPLICA_TARGET_NAME);
	touched = !r && (now.suspended || !replica_lines_equal(&a->old, &now));
	replica_lines_clear(&now);
	if (foreign)
		return fail_changed(a->ctx, a->name);
	if (touched)
		return put_table(a->ctx, a->name, &a->old);
	replica_lines_drop(a->ctx, a->name);
	return REPLICA_SUCCESS;
}

void replica_attach_undo(struct replica_attach *a)
{
	bool take = !a->locked;
	struct replica_error err;
	int ret = REPLICA_SUCCESS;

	if (!a->hidden)
		return;
	a->hidden = false;
	err = a->ctx->err;
	if (take) {
		ret = replica_lock_tables(a->ctx, &a->lock);
		a->locked = !ret;
	}
	if (!ret)
		ret = restore(a);
	if (!ret)
		ret = replica_dm_remove(a->ctx, a->origin);
	if (take)
		unlock(a);
	a->ctx->err = err;
	if (ret)
		replica_error_details(a->ctx,
				      "mapped device \"%s\" is left behind: 'replicactl remove %s' gives \"%s\" its table back",
				      a->origin, a->name, a->name);
}

void replica_attach_clear(struct replica_attach *a)
{
	unlock(a);
	replica_lines_clear(&a->old);
}

/* ------------------------------------------------------------------------ */
/* What there is */

bool replica_attached_is_hidden(const struct replica_lines *lines)
{
	return !strncmp(lines->uuid, REPLICA_ORIGIN_UUID_PREFIX,
			strlen(REPLICA_ORIGIN_UUID_PREFIX));
}

/* Is the leg a hidden device?  It is kept then. */
static bool leg_hidden(struct replica_attached *a, const char *leg)
{
	dev_t dev;

	if (replica_parse_devno(leg, &dev))
		return false;
	if (!replica_lines_read(a->ctx, NULL, dev, &a->hidden) &&
	    replica_attached_is_hidden(&a->hidden))
		return true;
	replica_lines_clear(&a->hidden);
	return false;
}

static void look_replica(struct replica_attached *a)
{
	char origin[REPLICA_LEG_LEN], replica[REPLICA_LEG_LEN];

	if (sscanf(a->live.line[0].params, "%127s %127s", origin, replica) != 2)
		return;
	a->attached = leg_hidden(a, origin);
	if (!a->attached)
		a->reversed = leg_hidden(a, replica);
	a->attached |= a->reversed;
}

static int look_left(struct replica_attached *a, const char *name)
{
	char origin[DM_REPLICA_NAME_LEN];
	int r;

	if (!replica_attach_origin_name(name, origin))
		return REPLICA_SUCCESS;
	r = replica_lines_read(a->ctx, origin, 0, &a->hidden);
	if (r && r != -ENXIO)
		return fail_read(a->ctx, r, origin);
	a->left = !r && replica_attached_is_hidden(&a->hidden);
	return REPLICA_SUCCESS;
}

int replica_attached_look(struct replica_attached *a, struct replica_ctx *ctx,
			  const char *name)
{
	int r;

	*a = (struct replica_attached){ .ctx = ctx };
	r = replica_lines_read(ctx, name, 0, &a->live);
	if (r && r != -ENXIO)
		return fail_read(ctx, r, name);
	if (!replica_lines_only(&a->live, REPLICA_TARGET_NAME))
		return look_left(a, name);
	look_replica(a);
	return REPLICA_SUCCESS;
}

void replica_attached_clear(struct replica_attached *a)
{
	replica_lines_clear(&a->live);
	replica_lines_clear(&a->hidden);
}

/* ------------------------------------------------------------------------ */
/* Off */

/* Another program may have taken it away, and be about to use one of that name itself. */
static int drop_locked(struct replica_attached *a)
{
	struct replica_lines now;
	int r = replica_lines_read(a->ctx, a->hidden.name, 0, &now), ret;
	bool gone = r == -ENXIO || (!r && strcmp(now.uuid, a->hidden.uuid));

	replica_lines_clear(&now);
	if (gone)
		return REPLICA_SUCCESS;
	ret = replica_dm_remove(a->ctx, a->hidden.name);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

int replica_attached_drop(struct replica_attached *a)
{
	const char *name = a->live.name;
	struct replica_error err;
	int lock, ret = replica_lock_tables(a->ctx, &lock);

	if (!ret) {
		ret = drop_locked(a);
		replica_unlock(&lock);
	}
	if (!ret || !name[0])
		return ret;
	err = a->ctx->err;
	return replica_fail(a->ctx, ret, err.sm_code, "Name",
			    "\"%s\" works with its own table, but mapped device \"%s\" stays: %.500s",
			    name, a->hidden.name, err.description);
}

/* The replica goes on; the error stays. */
static void go_on(struct replica_attached *a)
{
	struct replica_error err = a->ctx->err;
	int ret = put_table(a->ctx, a->live.name, &a->live);

	a->ctx->err = err;
	if (ret)
		replica_error_details(a->ctx,
				      "mapped device \"%s\" is left suspended: 'replicactl remove %s' tries again",
				      a->live.name, a->live.name);
}

int replica_attached_check(const struct replica_attached *a)
{
	const char *name = a->live.name;

	if (!a->reversed)
		return REPLICA_SUCCESS;
	return replica_fail(a->ctx, REPLICA_FAILED, 0, "Name",
			    "the roles of replica \"%s\" are reversed: its data is on the other device, and \"%s\" cannot have its own table back before they are reversed again; detach with force leaves it there",
			    name, name);
}

bool replica_attached_is_clone(const struct replica_attached *a)
{
	struct replica_table table;
	const char *why;

	return !replica_table_parse(a->live.line[0].params, &table, &why) && table.clone;
}

/* What was read before the wait for a replica may be of devices that have gone since. */
static int check_same(struct replica_attached *a)
{
	struct replica_attached now;
	int ret = replica_attached_look(&now, a->ctx, a->live.name);
	bool same = now.attached && now.reversed == a->reversed &&
		    !strcmp(now.hidden.uuid, a->hidden.uuid) &&
		    replica_lines_equal(&now.hidden, &a->hidden);

	replica_attached_clear(&now);
	if (ret || same)
		return ret;
	return fail_changed(a->ctx, a->live.name);
}

static int end_locked(struct replica_attached *a)
{
	const char *name = a->live.name;
	int r, ret = check_same(a);

	if (ret)
		return ret;
	if (a->reversed) {
		ret = replica_dm_become_origin(a->ctx, name);
		return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
	}
	r = replica_lines_load(a->ctx, name, &a->hidden);
	if (r)
		return replica_fail_errno(a->ctx, r, "Name",
					  "the kernel did not take the table that \"%s\" had; the replica goes on",
					  name);
	ret = replica_lines_swap(a->ctx, name, a->live.devno, false);
	if (ret && ret != REPLICA_TIMEOUT) {
		go_on(a);
		return ret;
	}
	return REPLICA_SUCCESS;
}

int replica_attached_end(struct replica_attached *a)
{
	int lock, ret = replica_lock_tables(a->ctx, &lock);

	if (ret)
		return ret;
	ret = end_locked(a);
	replica_unlock(&lock);
	return ret;
}

/* The name of an attempt that was cut off gets rid of a table that it never used. */
static int tidy_name(struct replica_attached *a)
{
	const char *name = a->live.name;
	struct replica_lines inactive;
	int r = 0;

	if (a->live.inactive &&
	    !replica_lines_read_inactive(a->ctx, name, &inactive)) {
		if (replica_lines_only(&inactive, REPLICA_TARGET_NAME))
			r = replica_lines_drop(a->ctx, name);
		replica_lines_clear(&inactive);
	}
	if (r)
		return replica_fail_errno(a->ctx, r, "Name",
					  "the second table of \"%s\" cannot be dropped", name);
	if (a->live.suspended && a->live.count)
		return replica_lines_swap(a->ctx, name, a->live.devno, false);
	return REPLICA_SUCCESS;
}

/* The log that was made for it, if it got that far. */
static int tidy_log(struct replica_attached *a)
{
	const char *uuid = a->hidden.uuid + strlen(REPLICA_ORIGIN_UUID_PREFIX);
	struct replica_meta_entry *list, *e;
	int ret = replica_scan_run(a->ctx, NULL, 0, true, &list);

	for (e = list; !ret && e; e = e->next)
		if (e->uuid && !strcmp(e->uuid, uuid) && !e->active)
			ret = replica_erase_meta(a->ctx, e->path);
	replica_meta_entry_free(list);
	return ret;
}

/* What seems to be left may be what another program is making. */
static int tidy_locked(struct replica_attached *a, const char *name)
{
	struct replica_ctx *ctx = a->ctx;
	int ret;

	replica_attached_clear(a);
	ret = replica_attached_look(a, ctx, name);
	if (!ret && !a->left)
		ret = fail_changed(ctx, name);
	if (!ret && a->live.count)
		ret = tidy_name(a);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

int replica_attached_tidy(struct replica_attached *a, const char *name)
{
	int lock, ret = replica_lock_tables(a->ctx, &lock);

	if (ret)
		return ret;
	ret = tidy_locked(a, name);
	replica_unlock(&lock);
	/* As long as the hidden device is there nobody attaches to the name. */
	if (!ret)
		ret = tidy_log(a);
	return ret ? ret : replica_attached_drop(a);
}
