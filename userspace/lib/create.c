// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CreateReplica: check the parameters, check the devices, build the table, make
 * the mapped device, see what the kernel made of it, wait if asked to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attach.h"
#include "clone.h"
#include "create-goals.h"
#include "dm.h"
#include "format.h"
#include "genl.h"
#include "info.h"
#include "lock.h"
#include "ondisk.h"
#include "peer.h"
#include "protect.h"
#include "snapshot-create.h"
#include "table.h"
#include "token.h"

#define FIRST_VENDOR_VALUE	32768

struct create {
	struct replica_ctx *ctx;
	const struct replica_create_args *args;
	struct replica_create_result *result;
	struct replica_check check;
	struct replica_info *replicas;	/* that exist already */
	struct replica_cut *cut;	/* from a pool; NULL: nothing was */
	char name[DM_REPLICA_NAME_LEN];
	uint8_t uuid_bytes[16];
	char uuid[DM_REPLICA_UUID_LEN];
	char origin[REPLICA_LEG_LEN];	/* leg of the table line */
	char params[1024];
	struct replica_attach attach;	/* if the source is in use */
	int claim;			/* of the end of a clone */
};

/* ------------------------------------------------------------------------ */
/* Parameters */

static int check_sync_type(struct replica_ctx *ctx, uint32_t sync_type)
{
	if (sync_type == REPLICA_SYNC_TYPE_MIRROR || sync_type == REPLICA_SYNC_TYPE_CLONE)
		return REPLICA_SUCCESS;
	if (sync_type >= FIRST_VENDOR_VALUE && sync_type <= UINT16_MAX)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				    "SyncType", "sync type %s (%u) is not supported",
				    replica_enum_name(REPLICA_ENUM_SYNC_TYPE,
						      sync_type), sync_type);
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "SyncType",
			    "sync type %u is a reserved value", sync_type);
}

/* 5 is CIM's "Active", which CreateReplica does not list. */
static int check_mode(struct replica_ctx *ctx, uint32_t mode)
{
	if (mode == 0 || mode == DM_REPLICA_MODE_SYNC || mode == DM_REPLICA_MODE_ASYNC ||
	    mode == DM_REPLICA_MODE_ADAPTIVE)
		return REPLICA_SUCCESS;
	if (mode == 5 || (mode >= FIRST_VENDOR_VALUE && mode <= UINT16_MAX))
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Mode",
				    "mode %s (%u) is not supported",
				    replica_enum_name(REPLICA_ENUM_MODE, mode), mode);
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Mode",
			    "mode %u is a reserved value", mode);
}

static int check_place(struct replica_ctx *ctx,
		       const struct replica_create_args *a)
{
	if (a->target_storage_system && !replica_peer_is_local(ctx, a->target_storage_system))
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				    "TargetStorageSystem",
				    "\"%.200s\" is not this machine, and replicas on another system are not supported",
				    a->target_storage_system);
	if (a->username || a->password)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				    a->username ? "username" : "password",
				    "a local target takes no credentials");
	if (!a->target_storage_volume && !a->target_storage_pool)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "TargetStorageVolume",
				    "a target volume is missing, or a pool to cut it from");
	return replica_pool_check_args(ctx, a);
}

/* There is no log that could be dealt with so. */
static int check_log_settings(struct replica_ctx *ctx,
			      const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;
	uint32_t present = s && !a->meta ? s->present : 0;
	const char *key = present & REPLICA_SETTING_ACTIVITY ? "activity" :
			  present & REPLICA_SETTING_ON_META_ERROR ? "on_meta_error" :
			  present & REPLICA_SETTING_PROTECT &&
			  s->protect == DM_REPLICA_PROTECT_SNAPSHOT ? "protect" : NULL;

	return !key ? REPLICA_SUCCESS :
	       replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, key,
			    "%s is for a replica with a meta device, and none is given", key);
}

int replica_create_check(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	const char *key, *why;
	int ret;

	if (a->size != sizeof(*a))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "size",
				    "struct replica_create_args has a wrong size");
	if (!a->source)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    REPLICA_PARAM_SOURCE, "a source is missing");
	ret = check_sync_type(ctx, a->sync_type);
	if (!ret)
		ret = check_mode(ctx, a->mode);
	if (!ret)
		ret = check_place(ctx, a);
	if (!ret && (a->store_bytes || a->store_percent))
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_STORE,
				   "a store size is for snapshots");
	if (!ret)
		ret = replica_clone_check(ctx, a);
	if (!ret && a->replication_settings &&
	    replica_settings_validate(a->replication_settings, &key, &why))
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, key,
				   "%s %s", key, why);
	if (!ret)
		ret = check_log_settings(ctx, a);
	if (!ret)
		ret = replica_goals_check(ctx, a);
	return ret ? ret : replica_room_check(ctx, a->replication_settings);
}

/* ------------------------------------------------------------------------ */
/* Preparation */

static int choose_name(struct create *c)
{
	const char *stem = c->check.source.dm_name[0] ? c->check.source.dm_name :
			   c->check.source.kname;
	int r;

	if (c->args->element_name || c->check.attach) {
		snprintf(c->name, sizeof(c->name), "%s",
			 c->check.attach ? c->check.source.dm_name : c->args->element_name);
		return REPLICA_SUCCESS;
	}
	r = replica_name_generate(c->ctx, stem, c->name);
	if (r)
		return replica_fail_errno(c->ctx, r, REPLICA_PARAM_NAME,
					  "no name can be made for the replica");
	return REPLICA_SUCCESS;
}

static int build_table(struct create *c)
{
	const struct replica_blockdev *t = &c->check.target;
	const struct replica_blockdev *m = &c->check.meta;
	struct replica_table table = {
		.meta = "-",
		.mode = replica_goals_mode(c->args),
		.settings = replica_goals_settings(c->args),
		/* With a meta device the log says it. */
		.skip_copy = c->args->skip_initial_copy && !c->args->meta,
		.compare = replica_goals_compares(c->args),
		.clone = replica_is_clone(c->args),
	};
	int r;

	memcpy(table.origin, c->origin, sizeof(table.origin));
	snprintf(table.replica, sizeof(table.replica), "%u:%u", major(t->devno),
		 minor(t->devno));
	if (c->args->meta)
		snprintf(table.meta, sizeof(table.meta), "%u:%u", major(m->devno),
			 minor(m->devno));
	r = replica_table_build(&table, c->params, sizeof(c->params));
	if (r)
		return replica_fail_errno(c->ctx, r, NULL,
					  "the mapping cannot be written as a table");
	return REPLICA_SUCCESS;
}

/* A hidden device that is yet to be made has no number. */
static int choose_origin(struct create *c)
{
	const struct replica_blockdev *s = &c->check.source;
	char hidden[DM_REPLICA_NAME_LEN];

	if (c->check.attach && replica_attach_origin_name(c->name, hidden))
		snprintf(c->origin, sizeof(c->origin), "/dev/mapper/%.115s", hidden);
	else
		snprintf(c->origin, sizeof(c->origin), "%u:%u", major(s->devno),
			 minor(s->devno));
	return build_table(c);
}

static int fill_result(struct create *c)
{
	struct replica_create_result *r = c->result;
	unsigned long long sectors = c->check.source.size >> SECTOR_SHIFT;
	const char *uuid = c->check.attach ? c->check.source.dm_uuid : c->uuid;

	r->element_name = strdup(c->name);
	r->uuid = *uuid ? strdup(uuid) : NULL;
	r->target_storage_volume = strdup(c->check.target.path);
	r->meta = c->args->meta ? strdup(c->check.meta.path) : NULL;
	r->target_storage_pool = c->cut ? replica_pool_name(&c->cut->pool) : NULL;
	if (asprintf(&r->device, "/dev/mapper/%s", c->name) < 0)
		r->device = NULL;
	if (asprintf(&r->table, "0 %llu %s %s", sectors, REPLICA_TARGET_NAME,
		     c->params) < 0)
		r->table = NULL;
	if (!r->element_name || (*uuid && !r->uuid) || !r->target_storage_volume ||
	    !r->device || !r->table || (c->args->meta && !r->meta) ||
	    (c->cut && !r->target_storage_pool) ||
	    replica_peer_fill(c->ctx, &c->check.target, c->uuid, &r->peer))
		return replica_fail_memory(c->ctx);
	return REPLICA_SUCCESS;
}

static int prepare(struct create *c)
{
	const struct replica_create_args *a = c->args;
	int ret;

	c->check = (struct replica_check){
		.ctx = c->ctx,
		.name = a->element_name,
		.force = a->force,
		.skip_copy = a->skip_initial_copy,
		.no_attach = a->no_attach,
	};
	if (a->target_storage_pool)
		replica_finding_add(&c->check, REPLICA_CHECK_POOL_IGNORED,
				    "TargetStoragePool",
				    "the pool is ignored because a target volume is given");
	ret = replica_check_args(&c->check, a, &c->replicas);
	c->result->findings = c->check.findings;
	if (!ret)
		ret = replica_attach_check_args(&c->check, a);
	if (!ret && c->check.attach && replica_goals_read_only(a))
		ret = replica_fail(c->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "ReadOnly",
				   "ReadOnly 2 (source) is not supported for a source in use: who has it open may write");
	if (!ret)
		ret = replica_protect_check_create(&c->check, a);
	if (!ret)
		ret = choose_name(c);
	replica_uuid_make(c->uuid_bytes, c->uuid);
	if (!ret)
		ret = choose_origin(c);
	return ret ? ret : fill_result(c);
}

/* ------------------------------------------------------------------------ */
/* Deed */

/* A mapping that nobody can follow is taken back; the error stays. */
static void take_back(struct create *c)
{
	struct replica_error err = c->ctx->err;
	int ret;

	if (c->check.attach) {
		replica_attach_undo(&c->attach);
		return;
	}
	ret = replica_dm_remove(c->ctx, c->name);
	c->ctx->err = err;
	if (ret)
		replica_error_details(c->ctx, "mapped device \"%s\" is left behind",
				      c->name);
}

/* Nothing is left of a log for a mapping that did not come up; the error stays. */
static void erase_log(struct create *c)
{
	struct replica_error err = c->ctx->err;
	int ret = replica_erase_meta(c->ctx, c->check.meta.path);

	c->ctx->err = err;
	if (ret)
		replica_error_details(c->ctx, "a log is left behind on %s",
				      c->check.meta.path);
}

static int make_log(struct create *c)
{
	const struct replica_settings settings = replica_goals_settings(c->args);
	const struct replica_format format = {
		.check = &c->check,
		.settings = &settings,
		.name = c->name,
		.uuid = c->uuid_bytes,
		.mode = replica_goals_mode(c->args),
		.skip_copy = c->args->skip_initial_copy,
		.clone = replica_is_clone(c->args),
	};

	return c->args->meta ? replica_format_meta(c->ctx, &format) : REPLICA_SUCCESS;
}

/* REPLICA_TIMEOUT: it runs, and udev is late. */
static int make_mapping(struct create *c)
{
	uint64_t sectors = c->check.source.size >> SECTOR_SHIFT;
	struct replica_genl *g;
	int ret, slow;

	slow = c->check.attach ? replica_attach_start(&c->attach, sectors, c->params,
						     replica_is_clone(c->args)) :
	       replica_dm_create(c->ctx, c->name, c->uuid, sectors, c->params);
	if (slow && slow != REPLICA_TIMEOUT)
		return slow;
	ret = replica_genl_get(c->ctx, &g);
	if (!ret)
		ret = replica_info_read(c->ctx, g, c->name, &c->result->info);
	if (ret)
		take_back(c);
	else
		replica_clone_made(c->ctx, c->result->info,
				   replica_goals_wait(c->args) == DM_REPLICA_STATE_SYNCHRONIZED);
	return ret ? ret : slow;
}

/* Now the hidden device has a number. */
static int hide_source(struct create *c)
{
	const char *uuid = c->uuid + strlen(REPLICA_DM_UUID_PREFIX);
	int ret = replica_attach_hide(&c->attach, c->ctx, c->name, uuid, c->origin,
				      sizeof(c->origin));

	return ret ? ret : build_table(c);
}

static int make_device(struct create *c)
{
	int ret = replica_dm_load_target(c->ctx);

	if (!ret && c->check.attach)
		ret = hide_source(c);
	if (!ret)
		ret = make_log(c);
	if (ret) {
		replica_attach_undo(&c->attach);
		return ret;
	}
	ret = make_mapping(c);
	if (!c->result->info && c->args->meta)
		erase_log(c);
	if (c->result->info && c->result->info->job)
		c->result->job_id = c->result->info->job->id;
	return ret;
}

static bool reached(uint32_t wanted, uint32_t now)
{
	return wanted < DM_REPLICA_STATE_SYNCHRONIZED || now == wanted;
}

static int wait_for_state(struct create *c)
{
	const struct replica_create_args *a = c->args;
	uint32_t state = replica_goals_wait(a);
	const struct replica_wait wait = {
		.name = c->name,
		.state = state,
		.timeout_ms = a->timeout_ms,
		.progress = a->progress,
		.progress_data = a->progress_data,
		.info = &c->result->info,
	};

	if (reached(state, c->result->info->copy_state))
		return REPLICA_SUCCESS;
	return replica_wait_run(c->ctx, &wait);
}

static int create(struct create *c)
{
	int ret = prepare(c);

	if (ret || c->args->dry_run)
		return ret;
	ret = replica_clone_begin(c->ctx, c->args, c->name, &c->claim);
	if (!ret)
		ret = make_device(c);
	if (c->cut && c->result->info)
		replica_pool_unlock(&c->cut->lock);	/* they belong to a replica now */
	if (!ret)
		ret = wait_for_state(c);
	if (!ret)
		ret = replica_clone_end(c->ctx, c->args, c->result->info, &c->result->ended);
	if (c->result->info)
		replica_clone_left(c->ctx, c->result->info);
	if (ret)
		return ret;
	return c->result->info->job ? REPLICA_JOB_STARTED : REPLICA_SUCCESS;
}

/* Of volumes that exist. */
static int create_of(struct replica_ctx *ctx, const struct replica_create_args *args,
		     struct replica_cut *cut, struct replica_create_result **result)
{
	struct create *c = calloc(1, sizeof(*c));
	int ret;

	if (c)
		c->result = calloc(1, sizeof(*c->result));
	if (!c || !c->result) {
		free(c);
		return replica_fail_memory(ctx);
	}
	c->ctx = ctx;
	c->args = args;
	c->cut = cut;
	c->claim = -1;
	ret = create(c);
	replica_unlock(&c->claim);
	replica_attach_clear(&c->attach);
	replica_info_free(c->replicas);
	*result = c->result;
	free(c);
	return ret;
}

EXPORT int replica_create_replica(struct replica_ctx *ctx,
				  const struct replica_create_args *args,
				  struct replica_create_result **result)
{
	int ret;

	*result = NULL;
	replica_error_begin(ctx, "CreateReplica");
	if (args->size == sizeof(*args) && args->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT)
		return replica_snap_create_replica(ctx, args, result);
	if (args->size == sizeof(*args) && (args->token || replica_is_tokenized(args)))
		return replica_token_create(ctx, args, result);
	ret = replica_create_check(ctx, args);
	if (ret)
		return ret;
	return args->target_storage_volume ? create_of(ctx, args, NULL, result) :
	       replica_pool_create(ctx, args, create_of, result);
}
