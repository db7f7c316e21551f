// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A test of a failover: a snapshot of the replica leg.  What the leg holds at any moment is
 * a state that the source could have crashed into, as long as the replica is consistent; but
 * the moment is not this program's to choose, so that the state before and after it must be
 * the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "belong.h"
#include "failover-test.h"
#include "genl.h"
#include "info.h"
#include "registry.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"

#define TEST_SUFFIX	"-test"

/* Events that come while the copy is made are no failure until they have come so often. */
#define TRIES		3

struct test {
	struct replica_ctx *ctx;
	const struct replica_test_args *args;
	struct replica_test_result *result;
	struct replica_genl *g;
	struct replica_blockdev leg;
	dev_t legs[2];				/* replica, origin */
	uint64_t mirrored;			/* sectors */
	char name[DM_REPLICA_NAME_LEN];		/* of the replica */
	char dm[DM_REPLICA_NAME_LEN];		/* replica_test_names() */
	char lv[DM_REPLICA_NAME_LEN];
};

EXPORT void replica_test_result_free(struct replica_test_result *result)
{
	if (!result)
		return;
	free(result->element_name);
	free(result->device);
	free(result->store);
	free(result->pool);
	replica_info_free(result->info);
	replica_finding_free(result->findings);
	free(result);
}

void replica_test_names(const char *name, char dm[DM_REPLICA_NAME_LEN],
			char lv[DM_REPLICA_NAME_LEN])
{
	char stem[DM_REPLICA_NAME_LEN];

	snprintf(dm, DM_REPLICA_NAME_LEN, "%.*s" TEST_SUFFIX,
		 (int)(DM_REPLICA_NAME_LEN - sizeof(TEST_SUFFIX)), name);
	replica_pool_stem(dm, stem, sizeof(stem));
	replica_pool_volume_stem(stem, lv, DM_REPLICA_NAME_LEN);
}

/* ------------------------------------------------------------------------ */
/* Is there a test? */

static int check_none(struct test *t)
{
	struct replica_test_copy copy;
	int ret = replica_test_find_either(t->ctx, t->name, t->legs, &copy);

	if (ret || !copy.count)
		return ret;
	return replica_fail(t->ctx, REPLICA_INVALID_PARAMETER, EEXIST, "Name",
			    "a failover of \"%s\" is being tested already, with \"%s\"; 'replicactl test-failover --end %s' ends that",
			    t->name, copy.name, t->name);
}

/* ------------------------------------------------------------------------ */
/* May there be one? */

int replica_test_judge(struct replica_ctx *ctx, const struct replica_info *info, bool force)
{
	const char *state = replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state);
	int ret;

	if (info->sync_type == REPLICA_SYNC_TYPE_CLONE)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				    "\"%s\" is a clone, and no failover to it can be tested: when it is complete it is a disk of its own",
				    info->name);
	if (info->consistent_now || force)
		return REPLICA_SUCCESS;
	ret = replica_fail(ctx, REPLICA_FAILED, 0, "Force",
			   "the replica of \"%s\" is %s, and not usable as it is now; use force to copy it nevertheless",
			   info->name, state);
	if (info->reason)
		replica_error_details(ctx, "reason: %s", info->reason);
	return ret;
}

int replica_test_judge_leg(struct replica_ctx *ctx, const char *name,
			   const struct replica_blockdev *leg)
{
	if (leg->dm_name[0])
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
			    "the replica of \"%s\", %s, is no mapped device, and no copy of it can be made while it is written to; let the replica be a logical volume, or use the disk through a mapped device; "
			    "as dmsetup create NAME --table \"0 %" PRIu64 " linear %s 0\"",
			    name, leg->path, leg->size >> SECTOR_SHIFT, leg->path);
}

static bool same_replica(const struct replica_info *a, const struct replica_info *b)
{
	return a->replica && b->replica ? !strcmp(a->replica, b->replica) :
					  a->replica == b->replica;
}

/*
 * Other events, as of mode adaptive, leave a replica that is in step as it is.  What has become
 * the origin meanwhile was not tested.
 */
bool replica_test_steady(const struct replica_info *before, const struct replica_info *after)
{
	if (!before->consistent_now || !after->consistent_now ||
	    before->copy_state != after->copy_state || !same_replica(before, after))
		return false;
	if (before->copy_state == DM_REPLICA_STATE_SYNCHRONIZED)
		return before->when_synced == after->when_synced;
	return before->event_seq == after->event_seq;
}

uint64_t replica_test_moment(const struct replica_info *info, uint64_t now)
{
	return info->consistent_now && info->copy_state == DM_REPLICA_STATE_SYNCHRONIZED &&
	       info->lag_ms < now ? now - info->lag_ms : 0;
}

static int open_leg(struct test *t, const struct replica_info *info)
{
	char path[PATH_MAX];
	dev_t devno;
	int r;

	replica_info_legs(info, t->legs);
	devno = t->legs[0];
	if (!devno)
		return replica_fail(t->ctx, REPLICA_FAILED, EPROTO, "Name",
				    "the kernel does not tell the replica of \"%s\"", t->name);
	replica_sysfs_path(t->ctx, devno, path, sizeof(path));
	r = replica_sysfs_open(t->ctx, path, &t->leg);
	if (r || t->leg.devno != devno)
		return replica_fail_errno(t->ctx, r ? r : ESTALE, "Name",
					  "the replica of \"%s\", %s, cannot be examined", t->name,
					  path);
	t->mirrored = info->size >> SECTOR_SHIFT;
	return replica_test_judge_leg(t->ctx, t->name, &t->leg);
}

static int check(struct test *t)
{
	struct replica_info *info;
	int ret = replica_info_read(t->ctx, t->g, t->name, &info);

	if (!ret)
		ret = replica_test_judge(t->ctx, info, true);	/* its state is seen later */
	if (!ret)
		ret = open_leg(t, info);
	replica_info_free(info);
	return ret ? ret : check_none(t);
}

/* ------------------------------------------------------------------------ */
/* The copy */

/*
 * udev hides what has the label of a replica; it is behind all that is mirrored.  The node in
 * /dev/mapper may come when this program ends.
 */
static int take_label(struct test *t)
{
	struct dm_replica_label label;
	struct replica_blockdev copy;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/dev/dm-%u", t->result->info->minor);
	r = replica_sysfs_open(t->ctx, path, &copy);
	if (!r && (strcmp(copy.dm_name, t->result->element_name) ||
		   strcmp(copy.dm_uuid, t->result->info->uuid)))
		r = -ESTALE;		/* somebody has removed it, and its number is another's */
	if (!r && replica_label_sector(copy.size >> SECTOR_SHIFT, t->mirrored) &&
	    !replica_label_read(t->ctx, path, &label)) {
		r = replica_label_erase(t->ctx, path, label.uuid);
		if (!r)
			replica_sysfs_changed(t->ctx, copy.devno);
	}
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(t->ctx, r, REPLICA_PARAM_TARGET,
				  "the label of the replica cannot be taken off its copy %s",
				  t->result->device);
}

static void take_over(struct test *t, struct replica_create_result *made)
{
	struct replica_test_result *r = t->result;

	replica_finding_free(r->findings);
	free(r->element_name);
	free(r->device);
	free(r->store);
	free(r->pool);
	r->findings = made->findings;
	r->element_name = made->element_name;
	r->device = made->device;
	r->store = made->target_storage_volume;
	r->pool = made->target_storage_pool;
	r->info = made->info;
	made->findings = NULL;
	made->element_name = NULL;
	made->device = NULL;
	made->target_storage_volume = NULL;
	made->target_storage_pool = NULL;
	made->info = NULL;
}

static int make(struct test *t)
{
	bool lvm = !strncmp(t->leg.dm_uuid, "LVM-", 4);
	const struct replica_create_args args = {
		.size = sizeof(args),
		.sync_type = REPLICA_SYNC_TYPE_SNAPSHOT,
		.source = t->leg.path,
		.element_name = lvm ? t->lv : t->dm,
		.target_storage_volume = t->args->store,
		.target_storage_pool = t->args->pool,
		.store_bytes = t->args->store_bytes,
		.store_percent = t->args->store_percent,
		.force = t->args->force,
		.dry_run = t->args->dry_run,
	};
	struct replica_create_result *made = NULL;
	int ret = replica_snap_create_test(t->ctx, &args, &made);

	if (made)
		take_over(t, made);
	replica_create_result_free(made);
	return ret;
}

/*
 * What was made is of no use; the error stays.  Another call may have ended it meanwhile, and
 * made one of the same name.
 */
static void unmake(struct test *t)
{
	struct replica_error err = t->ctx->err;
	int ret = REPLICA_SUCCESS;

	if (replica_lines_are_of(t->ctx, t->result->element_name, t->result->info->uuid))
		ret = replica_snap_end(t->ctx, t->result->element_name, false, NULL);
	t->ctx->err = err;
	if (ret)
		replica_error_details(t->ctx,
				      "something is left behind: 'replicactl remove %s' tidies up",
				      t->result->element_name);
	replica_info_free(t->result->info);
	t->result->info = NULL;
}

static void note_moment(struct test *t, const struct replica_info *info, uint64_t now)
{
	t->result->copy_state = info->copy_state;
	t->result->consistent = info->consistent_now;
	t->result->lag_bytes = info->lag_bytes;
	t->result->lag_ms = info->lag_ms;
	t->result->point_in_time = replica_test_moment(info, now);
}

static uint64_t time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/*
 * *steady: the copy is what was seen before it.  REPLICA_TIMEOUT: there is none, as that is
 * also what a lock gives that was waited for; or there is, by its info, and udev is late.
 */
static int take(struct test *t, const struct replica_info *before, bool *steady)
{
	struct replica_info *after = NULL;
	int late, ret;

	late = make(t);
	if ((late && late != REPLICA_TIMEOUT) || t->args->dry_run || !t->result->info)
		return late;
	ret = take_label(t);
	if (!ret)
		ret = replica_info_read(t->ctx, t->g, t->name, &after);
	*steady = !ret && replica_test_steady(before, after);
	if (!*steady)
		t->result->consistent = false;
	replica_info_free(after);
	return ret ? ret : late;
}

static int fail_restless(struct test *t)
{
	return replica_fail(t->ctx, REPLICA_FAILED, EAGAIN, "Force",
			    "the state of \"%s\" changed while its replica was copied, %d times in a row; try again, or use force to have a copy that may not be usable",
			    t->name, TRIES);
}

static int try_once(struct test *t, bool *steady)
{
	uint64_t now = time_of_day();		/* its lag is counted from a later moment */
	struct replica_info *before;
	int ret = replica_info_read(t->ctx, t->g, t->name, &before);

	if (!ret)
		ret = replica_test_judge(t->ctx, before, t->args->force);
	if (!ret)
		ret = open_leg(t, before);	/* it may be another one than at first */
	if (!ret) {
		note_moment(t, before, now);
		ret = take(t, before, steady);
	}
	replica_info_free(before);
	return ret;
}

static int run(struct test *t)
{
	bool steady = false;
	int ret;

	for (int i = 0; i < TRIES; i++) {
		ret = try_once(t, &steady);
		if ((ret && ret != REPLICA_TIMEOUT) || t->args->dry_run || !t->result->info)
			break;
		if (steady || t->args->force) {
			if (!ret)
				replica_error_clear(t->ctx);	/* of a try before */
			return ret;
		}
		unmake(t);
		ret = fail_restless(t);
	}
	if (ret && t->result->info)
		unmake(t);
	return ret;
}

EXPORT int replica_test_failover(struct replica_ctx *ctx, const struct replica_test_args *args,
				 struct replica_test_result **result)
{
	struct test *t;
	int ret;

	*result = NULL;
	replica_error_begin(ctx, "TestFailover");
	if (args->size != sizeof(*args))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, NULL,
				    "the arguments are of another version of the library");
	t = calloc(1, sizeof(*t));
	*result = calloc(1, sizeof(**result));
	if (!t || !*result) {
		free(t);
		return replica_fail_memory(ctx);
	}
	t->ctx = ctx;
	t->args = args;
	t->result = *result;
	ret = replica_name_resolve(ctx, args->name, t->name);
	if (!ret)
		ret = replica_snap_none(ctx, t->name);
	if (!ret)
		ret = replica_genl_get(ctx, &t->g);
	replica_test_names(t->name, t->dm, t->lv);
	if (!ret)
		ret = check(t);
	if (!ret)
		ret = run(t);
	free(t);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Its end */

/* 0 for a replica that has gone, or cannot be there as there is no module. */
static int legs_of(struct replica_ctx *ctx, const char *name, dev_t legs[2])
{
	struct replica_info *info = NULL;
	struct replica_genl *g;
	int ret = replica_genl_get(ctx, &g);

	legs[0] = 0;
	legs[1] = 0;
	if (!ret)
		ret = replica_info_read(ctx, g, name, &info);
	if (!ret)
		replica_info_legs(info, legs);
	replica_info_free(info);
	if (!replica_is_gone(ctx, ret) && ret != REPLICA_NOT_SUPPORTED)
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

/* A name that two volume groups have was given while replicas of that name were there. */
static int fail_several(struct replica_ctx *ctx, const char *name,
			const struct replica_test_copy *copy)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, ENOTUNIQ, "Name",
			    "%u volume groups have a copy of a replica \"%s\", which is gone; end each by the name of its own, as 'replicactl remove %s'",
			    copy->count, name, copy->name);
}

EXPORT int replica_test_failover_end(struct replica_ctx *ctx, const char *name,
				     struct replica_pool_volume **list)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_test_copy copy;
	dev_t legs[2];
	int ret;

	*list = NULL;
	replica_error_begin(ctx, "EndTestFailover");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = legs_of(ctx, dm_name, legs);
	if (!ret)
		ret = replica_test_find_either(ctx, dm_name, legs, &copy);
	if (ret)
		return ret;
	if (copy.count > 1)
		return fail_several(ctx, dm_name, &copy);
	if (!copy.count || !replica_lines_are_of(ctx, copy.name, copy.uuid))
		return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, "Name",
				    "no failover of \"%s\" is being tested", dm_name);
	return replica_snap_end(ctx, copy.name, false, list);
}
