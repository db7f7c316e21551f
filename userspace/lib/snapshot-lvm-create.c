// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CreateReplica, SyncType 7, of a logical volume: LVM takes it, in one step that leaves a
 * source that works whoever is killed.  Nothing has to be tidied up when this program was,
 * since LVM goes on, and what it makes is the snapshot, with its tag.  LVM that is killed may
 * leave the store of a thick one, a volume with the tag and without a source.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock.h"
#include "peer.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"

#define ROLE		"snapshot"

struct making {
	struct replica_ctx *ctx;
	const struct replica_create_args *args;
	struct replica_create_result *result;
	struct replica_check check;
	struct replica_lv *origin;
	struct replica_pool pool;
	const char *const *tags;		/* three that it gets besides */
	bool thin;
	uint64_t bytes;				/* of the store; 0 for a thin one */
	uint64_t chunk;				/* likewise */
	char lv[DM_REPLICA_NAME_LEN];		/* the name that LVM has for it */
	char name[DM_REPLICA_NAME_LEN];		/* and device-mapper */
	char once[REPLICA_CUT_TAG];
};

bool replica_lvsnap_source(struct replica_ctx *ctx, const struct replica_create_args *args)
{
	struct replica_blockdev dev;

	return args->source && !replica_sysfs_open(ctx, args->source, &dev) &&
	       !strncmp(dev.dm_uuid, "LVM-", 4);
}

/* ------------------------------------------------------------------------ */
/* Source */

/* LVM would refuse them too, with a sentence about one of its rules. */
int replica_lvsnap_judge(struct replica_ctx *ctx, const char *path, const struct replica_lv *lv)
{
	static const char *const parts[] = {
		"thin-pool", "cache-pool", "vdo-pool", "snapshot", "error",
	};

	if (!lv)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
				    "%s is a hidden part of a logical volume; name the volume",
				    path);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(lv->segtype, parts[i]))
			return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
					    REPLICA_PARAM_SOURCE,
					    "%s is a volume of type %s, of which LVM makes no snapshots",
					    path, lv->segtype);
	if (lv->merging && strcmp(lv->segtype, "thin"))
		return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_PARAM_SOURCE,
				    "%s is being restored from a snapshot, or will be when it is activated next, and LVM makes no other before the end of it",
				    path);
	if (*lv->origin && strcmp(lv->segtype, "thin"))
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
				    "%s is a snapshot itself, and LVM makes a snapshot of a snapshot in a thin pool only; its source is %s/%s",
				    path, lv->vg, lv->origin);
	return REPLICA_SUCCESS;
}

/* It lies where its source does; no other place can be chosen. */
int replica_lvsnap_judge_target(struct replica_ctx *ctx, const struct replica_create_args *args,
				const struct replica_lv *lv)
{
	bool thin = !strcmp(lv->segtype, "thin");
	struct replica_pool own = { .unit = 0 };
	char *name;
	bool fits;

	if (args->target_storage_volume)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_TARGET,
				    "%.200s is given as the store of a snapshot of the logical volume %s/%s, and LVM makes the store itself, in volume group %s: give no target",
				    args->target_storage_volume, lv->vg, lv->name, lv->vg);
	if (thin && (args->store_bytes || args->store_percent))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_STORE,
				    "a store size is for the snapshot of a thick volume; that of %s/%s takes its room from thin pool %s/%s as it needs it",
				    lv->vg, lv->name, lv->vg, lv->pool);
	if (!args->target_storage_pool)
		return REPLICA_SUCCESS;
	snprintf(own.vg, sizeof(own.vg), "%s", lv->vg);
	snprintf(own.thin, sizeof(own.thin), "%s", thin ? lv->pool : "");
	name = replica_pool_name(&own);
	if (!name)
		return replica_fail_memory(ctx);
	fits = replica_pool_is(args->target_storage_pool, lv->vg) ||
	       replica_pool_is(args->target_storage_pool, name);
	free(name);
	if (fits)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_POOL,
			    "pool %.200s is given for a snapshot of %s/%s, and LVM makes it where its source is: %s%s%s is expected, or no pool",
			    args->target_storage_pool, lv->vg, lv->name, own.vg,
			    thin ? "/" : "", own.thin);
}

static int check_source(struct making *m)
{
	struct replica_check *c = &m->check;
	int ret;

	if (!replica_check_open(c, m->args->source, REPLICA_PARAM_SOURCE, &c->source))
		return replica_check_result(c);
	ret = replica_lvm_by_dm_uuid(m->ctx, c->source.dm_uuid, &m->origin);
	if (!ret)
		ret = replica_lvsnap_judge(m->ctx, c->source.path, m->origin);
	if (!ret)
		ret = replica_lvsnap_judge_target(m->ctx, m->args, m->origin);
	if (ret)
		return ret;
	m->thin = !strcmp(m->origin->segtype, "thin");
	if (c->source.suspended)
		replica_finding_add(c, REPLICA_CHECK_SUSPENDED, REPLICA_PARAM_SOURCE,
				    "mapped device %s is suspended", c->source.path);
	return REPLICA_SUCCESS;
}

/* ------------------------------------------------------------------------ */
/* Name */

static int add_name_bad(struct making *m, const char *why)
{
	replica_finding_add(&m->check, REPLICA_CHECK_NAME_BAD, REPLICA_PARAM_NAME,
			    "\"%.140s\" cannot be the name of a logical volume: %s", m->lv, why);
	return REPLICA_SUCCESS;
}

/* That it would be read as another volume's is not said by LVM. */
static int check_given(struct making *m)
{
	const char *vg = m->origin->vg;
	char allowed[sizeof(m->lv) + 8];
	struct replica_lv *other;
	int ret;

	m->check.name = m->args->element_name;
	replica_check_name(&m->check);
	if (replica_name_fault(m->args->element_name))
		return REPLICA_SUCCESS;		/* it was said */
	if (!replica_lvm_name_ok(m->lv))
		return add_name_bad(m, "only letters, digits and +_.- are allowed");
	replica_pool_volume_stem(m->lv, allowed, sizeof(allowed));
	if (strcmp(allowed, m->lv))
		return add_name_bad(m, "LVM has names like that for volumes of its own");
	ret = replica_lvm_lv(m->ctx, vg, m->lv, &other);
	if (!ret && other)
		replica_finding_add(&m->check, REPLICA_CHECK_NAME_TAKEN, REPLICA_PARAM_NAME,
				    "there is already a volume %s/%s", vg, m->lv);
	replica_lv_free(other);
	return ret;
}

static int choose_name(struct making *m)
{
	char stem[DM_REPLICA_NAME_LEN];
	int ret;

	if (m->args->element_name) {
		snprintf(m->lv, sizeof(m->lv), "%s", m->args->element_name);
		ret = check_given(m);
	} else {
		replica_pool_volume_stem(m->origin->name, stem, sizeof(stem));
		ret = replica_cut_free_name(m->ctx, m->origin->vg, stem, ROLE, m->lv,
					    sizeof(m->lv));
	}
	if (!ret && !replica_lvm_dm_name(m->origin->vg, m->lv, m->name))
		add_name_bad(m, "with its volume group it is too long");
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Room */

/* For who asks before; nobody does when it is only asked whether there can be one. */
static int plan(struct making *m)
{
	if (!m->result)
		return REPLICA_SUCCESS;
	m->result->plan = replica_pool_plan_new(&m->pool, m->check.source.size, m->bytes, 0);
	return m->result->plan ? REPLICA_SUCCESS : replica_fail_memory(m->ctx);
}

/* What a thin one will need is not known, and its pool is asked for nothing. */
static int measure(struct making *m)
{
	const struct replica_blockdev *source = &m->check.source;
	int ret;

	if (m->thin) {
		snprintf(m->pool.vg, sizeof(m->pool.vg), "%s", m->origin->vg);
		snprintf(m->pool.thin, sizeof(m->pool.thin), "%s", m->origin->pool);
		return REPLICA_SUCCESS;
	}
	ret = replica_pool_open(m->ctx, m->origin->vg, &m->pool);
	if (!ret)
		ret = replica_snap_store_bytes(m->ctx, m->args, source, &m->bytes);
	if (!ret)
		ret = plan(m);
	if (!ret)
		ret = replica_cut_room(m->ctx, &m->pool, m->bytes, 0);
	if (ret)
		return ret;
	m->bytes = replica_pool_round(m->bytes, m->pool.unit);
	m->chunk = (uint64_t)replica_snap_chunk(source->block_size, m->bytes) << SECTOR_SHIFT;
	return REPLICA_SUCCESS;
}

static int prepare(struct making *m)
{
	int ret = check_source(m);

	if (!ret)
		ret = choose_name(m);
	if (!ret)
		ret = replica_check_result(&m->check);
	return ret ? ret : measure(m);
}

/* ------------------------------------------------------------------------ */
/* Making */

/*
 * LVM that was ended in the middle may leave the source suspended; the error stays.  A table that
 * somebody has made ready for it is LVM's, or is not for us to drop.
 */
static void wake_source(struct making *m)
{
	const char *name = m->check.source.dm_name;
	struct replica_lines source;

	if (!replica_lines_read(m->ctx, name, 0, &source) && source.suspended) {
		if (source.inactive)
			replica_error_details(m->ctx,
					      "\"%s\" is suspended and has a second table ready, so it is left as it is; 'dmsetup table --inactive %s' shows that, 'dmsetup resume %s' takes it",
					      name, name, name);
		else
			replica_snap_wake(m->ctx, name, &source);
	}
	replica_lines_clear(&source);
}

static void undo(struct making *m, int ret)
{
	if (ret == REPLICA_TIMEOUT)
		wake_source(m);
	replica_cut_undo_half(m->ctx, m->origin->vg, m->once);
	replica_lvsnap_forget(m->ctx);
}

static int fill_table(struct making *m, const struct replica_snap *snap)
{
	struct replica_create_result *r = m->result;
	const struct replica_line *line = &snap->self->line[0];

	if (asprintf(&r->table, "0 %" PRIu64 " %s %s", line->length, line->type,
		     line->params) < 0)
		r->table = NULL;
	r->uuid = strdup(snap->self->uuid);
	return r->table && r->uuid ? REPLICA_SUCCESS : replica_fail_memory(m->ctx);
}

/* The target is the store, as of any other snapshot. */
static int fill_target(struct making *m)
{
	struct replica_create_result *r = m->result;
	const char *path = r->info->replica_path ? r->info->replica_path : r->device;
	struct replica_blockdev target;

	r->target_storage_volume = strdup(path);
	if (!r->target_storage_volume)
		return replica_fail_memory(m->ctx);
	if (replica_sysfs_open(m->ctx, path, &target))
		return REPLICA_SUCCESS;
	return replica_peer_fill(m->ctx, &target, r->uuid, &r->peer) ?
	       replica_fail_memory(m->ctx) : REPLICA_SUCCESS;
}

/* One that is not active, as LVM may be told not to, is no snapshot that anybody could use. */
static int read_back(struct making *m)
{
	struct replica_snap snap;
	int ret;

	replica_lvsnap_forget(m->ctx);
	ret = replica_snap_find(m->ctx, m->name, &snap);
	if (ret == REPLICA_NOT_FOUND)
		ret = replica_fail(m->ctx, REPLICA_FAILED, 0, REPLICA_PARAM_POOL,
				   "LVM made snapshot %s/%s, and it is not there, or not active",
				   m->origin->vg, m->lv);
	if (!ret)
		ret = fill_table(m, &snap);
	if (!ret)
		ret = replica_snap_info_new(&snap, &m->result->info);
	replica_snap_clear(&snap);
	return ret ? ret : fill_target(m);
}

static int make(struct making *m)
{
	const struct replica_lvm_snap new = {
		.vg = m->origin->vg,
		.origin = m->origin->name,
		.name = m->lv,
		.size = m->bytes,
		.chunk = m->chunk,
		.tags = { REPLICA_POOL_TAG_SNAPSHOT, m->once, m->tags[0], m->tags[1], m->tags[2] },
	};
	int ret;

	replica_cut_once_tag(m->once);
	ret = replica_lvm_snapshot(m->ctx, &new);
	if (!ret)
		ret = read_back(m);
	if (!ret)
		return ret;
	undo(m, ret);
	replica_info_free(m->result->info);
	m->result->info = NULL;
	free(m->result->target_storage_volume);
	m->result->target_storage_volume = NULL;
	return ret;
}

/* Not while another call restores from a snapshot, which goes by its name. */
static int make_locked(struct making *m)
{
	int lock, ret = replica_lock_lvm(m->ctx, &lock);

	if (ret)
		return ret;
	ret = make(m);
	replica_unlock(&lock);
	return ret;
}

static int tell(struct making *m)
{
	struct replica_create_result *r = m->result;

	r->element_name = strdup(m->name);
	r->target_storage_pool = replica_pool_name(&m->pool);
	if (asprintf(&r->device, "/dev/mapper/%s", m->name) < 0)
		r->device = NULL;
	return r->element_name && r->target_storage_pool && r->device ? REPLICA_SUCCESS :
	       replica_fail_memory(m->ctx);
}

static int create(struct making *m)
{
	int ret = prepare(m);

	if (!ret)
		ret = tell(m);
	return ret || m->args->dry_run ? ret : make_locked(m);
}

/* The findings are the caller's in any case. */
static int run(struct making *m, int (*step)(struct making *m), struct replica_finding **findings)
{
	int ret = step(m);

	*findings = m->check.findings;
	replica_lv_free(m->origin);
	free(m);
	return ret;
}

static struct making *making_new(struct replica_ctx *ctx, const struct replica_create_args *args)
{
	struct making *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ctx = ctx;
	m->args = args;
	m->check.ctx = ctx;
	m->check.force = args->force;
	return m;
}

int replica_lvsnap_check(struct replica_ctx *ctx, const struct replica_create_args *args,
			 struct replica_finding **findings)
{
	struct making *m = making_new(ctx, args);

	return m ? run(m, prepare, findings) : replica_fail_memory(ctx);
}

int replica_lvsnap_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			  const char *const tags[3], struct replica_create_result *result)
{
	struct making *m = making_new(ctx, args);

	if (!m)
		return replica_fail_memory(ctx);
	m->result = result;
	m->tags = tags;
	return run(m, create, &result->findings);
}
