// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The redeem of a token: a clone of the token's snapshot, by the target in its clone role.
 * Its devices are made under the lock of the tables, with the token looked up once more, so
 * that nobody ends the token in between; from then on they hold it.  Who is killed before the
 * clone runs leaves a leg that the next one takes away, and a target that nobody has written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>

#include "clone.h"
#include "create-goals.h"
#include "dm.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "offload.h"
#include "peer.h"
#include "table.h"
#include "token.h"

struct redeem {
	struct replica_ctx *ctx;
	struct replica_create_args args;	/* those of a clone of the token's device */
	struct replica_create_result *result;
	struct replica_token_data token;
	struct replica_check check;
	struct replica_info *replicas;
	char source[PATH_MAX];		/* the token's device */
	dev_t base;			/* what it and the captured source lie on */
	uint32_t wish;			/* enum replica_offload */
	bool offload;			/* the devices copy by themselves */
	char stem[DM_REPLICA_NAME_LEN];
	char name[DM_REPLICA_NAME_LEN];
	char leg[DM_REPLICA_NAME_LEN];
	char id[REPLICA_UUID_TEXT];
	uint64_t sectors;
	char params[1024];
	int claim;			/* of its end */
	bool renamed;			/* since that */
};

/* ------------------------------------------------------------------------ */
/* Preparation */

/* Where udev is late, or none, the node of the kernel leads to the token alone. */
static void name_source(struct redeem *r, dev_t token)
{
	dev_t dev;

	snprintf(r->source, sizeof(r->source), "/dev/mapper/%s", r->stem);
	if (r->ctx->host->devno(r->ctx, r->source, &dev) || dev != token)
		snprintf(r->source, sizeof(r->source), "/dev/dm-%u", minor(token));
}

static int find_token(struct redeem *r)
{
	struct replica_snap snap;
	int ret = replica_token_find(r->ctx, &r->token, &snap);

	if (!ret) {
		strcpy(r->stem, snap.self->name);
		r->sectors = replica_lines_sectors(snap.self);
		name_source(r, snap.self->dev);
		r->base = snap.base->dev;
	}
	replica_snap_clear(&snap);
	return ret;
}

static void check_leg_name(struct redeem *r)
{
	if (snprintf(r->leg, sizeof(r->leg), "%s%s", r->name, REPLICA_LEG_SUFFIX) >=
	    (int)sizeof(r->leg))
		replica_finding_add(&r->check, REPLICA_CHECK_NAME_BAD, REPLICA_PARAM_NAME,
				    "\"%.140s\" cannot be a name: it is longer than %zu characters",
				    r->name, sizeof(r->leg) - sizeof(REPLICA_LEG_SUFFIX));
	else if (r->ctx->host->dm_exists(r->ctx, r->leg) > 0)
		replica_finding_add(&r->check, REPLICA_CHECK_NAME_TAKEN, REPLICA_PARAM_NAME,
				    "there is already a mapped device \"%s\", which the redeem needs too",
				    r->leg);
}

/* For both devices; it is always short enough. */
static int make_name(struct redeem *r)
{
	char kind[16] = "redeem";
	int err;

	for (int n = 2; n < 1000; n++) {
		err = replica_name_free(r->ctx, r->stem, kind, r->name);
		if (err)
			return err;
		snprintf(r->leg, sizeof(r->leg), "%.122s%s", r->name, REPLICA_LEG_SUFFIX);
		err = r->ctx->host->dm_exists(r->ctx, r->leg);
		if (err <= 0)
			return err;
		snprintf(kind, sizeof(kind), "redeem-%d", n);
	}
	return -EEXIST;
}

static int choose_name(struct redeem *r)
{
	int err = 0;

	if (r->args.element_name)
		snprintf(r->name, sizeof(r->name), "%s", r->args.element_name);
	else
		err = make_name(r);
	if (err)
		return replica_fail_errno(r->ctx, err, REPLICA_PARAM_NAME,
					  "no name can be made for the redeem");
	check_leg_name(r);
	return REPLICA_SUCCESS;
}

/*
 * The captured source, and what lies on it: each write to it is saved in the token's store
 * first, which is not made for all of it, and the token would be lost half way.
 */
static void check_captured(struct redeem *r)
{
	struct replica_blockdev base = { .devno = r->base, .disk = r->base };

	if (!r->check.target.devno ||
	    replica_finding_has(&r->check, REPLICA_CHECK_OVERLAP, REPLICA_PARAM_TARGET))
		return;
	snprintf(base.path, sizeof(base.path), "%s", r->source);
	replica_check_overlap(&r->check, &base, &r->check.target, REPLICA_PARAM_TARGET);
}

static int check_devices(struct redeem *r)
{
	int ret;

	r->check = (struct replica_check){
		.ctx = r->ctx, .name = r->args.element_name, .force = r->args.force,
		.token = true,
	};
	ret = replica_check_replicas(&r->check, &r->replicas);
	if (ret)
		return ret;
	replica_check_run(&r->check, r->source, r->args.target_storage_volume);
	check_captured(r);
	r->offload = replica_offload_check(&r->check, r->base, r->sectors, r->wish,
					   r->args.replication_settings);
	if (r->args.target_storage_pool)
		replica_finding_add(&r->check, REPLICA_CHECK_POOL_IGNORED, "TargetStoragePool",
				    "the pool is ignored because a target volume is given");
	ret = choose_name(r);
	return ret ? ret : replica_check_result(&r->check);
}

static int build_table(struct redeem *r, const char *origin)
{
	const struct replica_blockdev *t = &r->check.target;
	struct replica_table table = {
		.meta = "-", .mode = DM_REPLICA_MODE_SYNC, .clone = true,
		.offload = r->offload ? REPLICA_OFFLOAD_SECONDS : 0,
	};
	int err;

	if (r->args.replication_settings)
		table.settings = *r->args.replication_settings;
	snprintf(table.origin, sizeof(table.origin), "%s", origin);
	snprintf(table.replica, sizeof(table.replica), "%u:%u", major(t->devno), minor(t->devno));
	err = replica_table_build(&table, r->params, sizeof(r->params));
	if (err)
		return replica_fail_errno(r->ctx, err, NULL,
					  "the mapping cannot be written as a table");
	return REPLICA_SUCCESS;
}

/* All that depends on the name. */
static int name_result(struct redeem *r)
{
	struct replica_create_result *result = r->result;
	char origin[REPLICA_LEG_LEN];
	int ret;

	snprintf(origin, sizeof(origin), "/dev/mapper/%.115s", r->leg);
	ret = build_table(r, origin);
	if (ret)
		return ret;
	free(result->element_name);
	free(result->device);
	free(result->table);
	result->element_name = strdup(r->name);
	if (asprintf(&result->device, "/dev/mapper/%s", r->name) < 0)
		result->device = NULL;
	if (asprintf(&result->table, "0 %" PRIu64 " %s %s", r->sectors, REPLICA_TARGET_NAME,
		     r->params) < 0)
		result->table = NULL;
	if (!result->element_name || !result->device || !result->table)
		return replica_fail_memory(r->ctx);
	return REPLICA_SUCCESS;
}

static int fill_result(struct redeem *r)
{
	struct replica_create_result *result = r->result;

	result->target_storage_volume = strdup(r->check.target.path);
	if (asprintf(&result->uuid, "%s%s", REPLICA_REDEEM_UUID_PREFIX, r->id) < 0)
		result->uuid = NULL;
	if (!result->target_storage_volume || !result->uuid ||
	    replica_peer_fill(r->ctx, &r->check.target, result->uuid, &result->peer))
		return replica_fail_memory(r->ctx);
	return name_result(r);
}

static int prepare(struct redeem *r)
{
	uint8_t bytes[16];
	int ret = check_devices(r);

	r->result->findings = r->check.findings;
	if (ret)
		return ret;
	replica_uuid_random(bytes);
	replica_uuid_text(bytes, r->id);
	return fill_result(r);
}

/* Another redeem of the token may have taken the name since; what is claimed is a name. */
static int name_again(struct redeem *r)
{
	char name[DM_REPLICA_NAME_LEN];
	int err;

	if (r->args.element_name)
		return REPLICA_SUCCESS;
	strcpy(name, r->name);
	err = make_name(r);
	r->renamed = strcmp(name, r->name);
	if (err)
		return replica_fail_errno(r->ctx, err, REPLICA_PARAM_NAME,
					  "no name can be made for the redeem");
	return name_result(r);
}

/* ------------------------------------------------------------------------ */
/* Deed */

/* number: of the leg that has been made. */
static int make_leg(struct redeem *r, dev_t token, char *number, size_t size)
{
	char uuid[DM_REPLICA_UUID_LEN], params[64];
	struct replica_line line = { .length = r->sectors, .type = "linear", .params = params };
	const struct replica_lines lines = { .count = 1, .line = &line };
	struct replica_lines leg;
	int ret, err;

	snprintf(uuid, sizeof(uuid), "%s%s", REPLICA_LEG_UUID_PREFIX, r->id);
	snprintf(params, sizeof(params), "%u:%u 0", major(token), minor(token));
	ret = replica_lines_create_hidden(r->ctx, r->leg, uuid, &lines);
	if (ret)
		return ret;
	err = replica_lines_read(r->ctx, r->leg, 0, &leg);
	snprintf(number, size, "%s", leg.devno);
	replica_lines_clear(&leg);
	if (err)
		return replica_fail_errno(r->ctx, err, REPLICA_TOKEN_PARAM,
					  "device-mapper does not tell about \"%s\"", r->leg);
	return REPLICA_SUCCESS;
}

static int set_read_only(struct redeem *r, dev_t dev)
{
	const int on = 1;
	char path[32];
	int fd, err;

	/* The node of the kernel; that of udev may come later. */
	snprintf(path, sizeof(path), "/dev/dm-%u", minor(dev));
	fd = r->ctx->host->open(r->ctx, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd;
	err = ioctl(fd, BLKROSET, &on) ? -errno : 0;
	close(fd);
	return err;
}

static int forbid_writes(struct redeem *r, const char *name)
{
	struct replica_lines lines;
	int err = replica_lines_read(r->ctx, name, 0, &lines);

	if (!err)
		err = set_read_only(r, lines.dev);
	replica_lines_clear(&lines);
	if (err)
		return replica_fail_errno(r->ctx, err, NULL, "\"%s\" cannot be made read-only",
					  name);
	return REPLICA_SUCCESS;
}

static int make_clone(struct redeem *r)
{
	int ret = replica_snap_make(r->ctx, r->name, r->result->uuid);

	if (ret)
		return ret;
	ret = replica_snap_load(r->ctx, r->name, r->sectors, REPLICA_TARGET_NAME, r->params);
	/* Before it runs: what would be written there would be written to the token. */
	if (!ret)
		ret = forbid_writes(r, r->leg);
	if (!ret)
		ret = forbid_writes(r, r->name);
	if (!ret)
		ret = replica_snap_resume(r->ctx, r->name, REPLICA_UDEV_HIDDEN, false);
	if (!ret || ret == REPLICA_TIMEOUT)
		return REPLICA_SUCCESS;
	return ret;
}

/* udev may be late. */
static bool is_removed(struct redeem *r, const char *name)
{
	int ret = replica_dm_remove(r->ctx, name);

	return !ret || ret == REPLICA_TIMEOUT;
}

/* The error stays. */
static void undo(struct redeem *r)
{
	struct replica_error err = r->ctx->err;
	bool left = false;

	if (replica_lines_are_of(r->ctx, r->name, r->result->uuid))
		left = !is_removed(r, r->name);
	if (r->ctx->host->dm_exists(r->ctx, r->leg) > 0)
		left = !is_removed(r, r->leg) || left;
	r->ctx->err = err;
	if (left)
		replica_error_details(r->ctx,
				      "something is left behind: 'replicactl token expire' tidies up");
}

static int make_devices(struct redeem *r, dev_t token)
{
	char number[32];
	int ret = make_leg(r, token, number, sizeof(number));

	if (ret)
		return ret;
	ret = build_table(r, number);
	if (!ret)
		ret = make_clone(r);
	if (ret)
		undo(r);
	return ret;
}

/* Who else makes a device of ours of the target waits; the kernel lets both have it. */
static int target_again(struct redeem *r)
{
	int fd, ret = replica_open_target(r->ctx, &r->check.target, r->args.force, &fd);

	if (!ret)
		close(fd);
	return ret;
}

/* The token, and the target, may be what they were not when they were looked at. */
static int make_locked(struct redeem *r)
{
	struct replica_snap snap;
	int ret = replica_token_find(r->ctx, &r->token, &snap);

	if (!ret && replica_lines_sectors(snap.self) != r->sectors)
		ret = replica_fail(r->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, REPLICA_TOKEN_PARAM,
				   "the snapshot of token \"%s\" has got another size",
				   r->token.name);
	if (!ret)
		ret = target_again(r);
	if (!ret)
		ret = name_again(r);
	if (!ret && !r->renamed)
		ret = make_devices(r, snap.self->dev);
	if (!ret)
		replica_token_touch(r->ctx, r->token.id);
	replica_snap_clear(&snap);
	return ret;
}

static int look_at_made(struct redeem *r)
{
	struct replica_genl *g;
	int ret = replica_genl_get(r->ctx, &g);

	if (!ret)
		ret = replica_info_read(r->ctx, g, r->name, &r->result->info);
	if (ret) {
		undo(r);
		return ret;
	}
	replica_clone_made(r->ctx, r->result->info,
			   replica_goals_wait(&r->args) == DM_REPLICA_STATE_SYNCHRONIZED);
	if (r->result->info->job)
		r->result->job_id = r->result->info->job->id;
	return REPLICA_SUCCESS;
}

static int make(struct redeem *r)
{
	int lock, ret = replica_dm_load_target(r->ctx);

	if (!ret)
		ret = replica_lock_tables(r->ctx, &lock);
	if (ret)
		return ret;
	ret = make_locked(r);
	if (!ret && !r->renamed)
		ret = look_at_made(r);
	replica_unlock(&lock);
	if (!ret && !r->renamed && r->offload)
		replica_offload_start(r->ctx, r->name);
	return ret;
}

static int redeem(struct redeem *r)
{
	int ret = find_token(r);

	r->args.source = r->source;
	r->args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	r->args.token = NULL;
	r->args.offload = REPLICA_OFFLOAD_AUTO;
	if (!ret)
		ret = replica_create_check(r->ctx, &r->args);
	if (!ret)
		ret = prepare(r);
	if (ret || r->args.dry_run)
		return ret;
	do {
		replica_unlock(&r->claim);
		r->renamed = false;
		ret = replica_clone_begin(r->ctx, &r->args, r->name, &r->claim);
		if (!ret)
			ret = make(r);
	} while (!ret && r->renamed);
	if (!ret)
		ret = replica_token_wait(r->ctx, &r->args, r->result);
	if (r->result->info)
		replica_clone_left(r->ctx, r->result->info);
	if (ret)
		return ret;
	return r->result->info->job ? REPLICA_JOB_STARTED : REPLICA_SUCCESS;
}

int replica_token_redeem(struct replica_ctx *ctx, const struct replica_create_args *args,
			 const uint8_t *bytes, struct replica_create_result *result)
{
	struct redeem *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return replica_fail_memory(ctx);
	r->ctx = ctx;
	r->args = *args;
	r->wish = args->offload;
	r->result = result;
	r->claim = -1;
	ret = replica_token_verify(ctx, args->token, bytes, &r->token);
	if (!ret && !args->dry_run)
		replica_token_tend(ctx);
	if (!ret)
		ret = redeem(r);
	replica_unlock(&r->claim);
	replica_info_free(r->replicas);
	free(r);
	return ret;
}
