// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a snapshot can be made: parameters, source, store and names. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "genl.h"
#include "peer.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"
#include "table.h"
#include "token.h"

/* Chunks grow with the store, so that its index fits into memory. */
#define CHUNK_MIN	8u		/* sectors */
#define CHUNK_MAX	1024u
#define CHUNKS_MAX	(1u << 20)
/* Header, index, and room for a few chunks. */
#define STORE_MIN_CHUNKS	16

/* ------------------------------------------------------------------------ */
/* Parameters */

static int fail_param(struct replica_ctx *ctx, int ret, int err, const char *param,
		      const char *sentence)
{
	return replica_fail(ctx, ret, err, param, "%s", sentence);
}

static int check_settings(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	if (a->replication_settings && a->replication_settings->present)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "ReplicationSettings",
				  "a snapshot, or a token, has no replication settings: they are for mirrors");
	if (a->recovery_point_objective || a->rpo_ms)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "RecoveryPointObjective",
				  "a snapshot, or a token, has no recovery point objective: it is one point in time");
	if (a->meta)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_META,
				  "a snapshot, or a token, has no log, and so no meta device");
	if (a->skip_initial_copy)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "SkipInitialCopy",
				  "a snapshot, or a token, has no initial copy that could be skipped");
	if (a->wait_for_copy_state && a->wait_for_copy_state != DM_REPLICA_STATE_SYNCHRONIZED)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "WaitForCopyState",
				  "a snapshot, or a token, is Synchronized from the first moment");
	return REPLICA_SUCCESS;
}

static int check_store_args(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	if (!a->store_bytes && !a->store_percent)
		return REPLICA_SUCCESS;
	if (a->target_storage_volume)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_STORE,
				    "a store size is for a store from a pool; %.200s has a size of its own",
				    a->target_storage_volume);
	if (a->store_bytes && a->store_percent)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_STORE,
				  "the store size is given in bytes and in percent");
	if (a->store_percent > REPLICA_STORE_PERCENT_MAX)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, ERANGE, REPLICA_PARAM_STORE,
				    "the store size is %u percent of the source, and must be 1 to %u: then it is never full",
				    a->store_percent, REPLICA_STORE_PERCENT_MAX);
	return REPLICA_SUCCESS;
}

static int check_mode(struct replica_ctx *ctx, uint32_t mode)
{
	if (!mode || mode == DM_REPLICA_MODE_SYNC)
		return REPLICA_SUCCESS;
	if (replica_enum_has(REPLICA_ENUM_MODE, mode))
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Mode",
				    "a snapshot, or a token, in mode %s is not supported: what is overwritten is saved first, which is mode sync",
				    replica_enum_name(REPLICA_ENUM_MODE, mode));
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "Mode",
			    "mode %u is a reserved value", mode);
}

int replica_snap_check_params(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	int ret;

	if (!a->source)
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_SOURCE,
				  "a source is missing");
	if (a->target_storage_system && !replica_peer_is_local(ctx, a->target_storage_system))
		return fail_param(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "TargetStorageSystem",
				  "replicas on another system are not supported");
	if (!a->target_storage_volume && !a->target_storage_pool &&
	    (replica_is_tokenized(a) || !replica_lvsnap_source(ctx, a)))
		return fail_param(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_TARGET,
				  "a volume that becomes the copy-on-write store is missing, or a pool to cut it from");
	if (a->username || a->password)
		return fail_param(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				  a->username ? "username" : "password",
				  "a local target takes no credentials");
	ret = check_mode(ctx, a->mode);
	if (!ret)
		ret = check_settings(ctx, a);
	return ret ? ret : check_store_args(ctx, a);
}

/* ------------------------------------------------------------------------ */
/* Source: only tables that may be live twice for a moment, as they keep no state */

static bool target_is_plain(const char *type)
{
	static const char *const plain[] = {
		"linear", "striped", "crypt", "delay", "flakey", "error", "zero", "thin",
		REPLICA_SNAP_ORIGIN_TARGET,
	};

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strcmp(type, plain[i]))
			return true;
	return false;
}

static bool attached_to(struct replica_snap_making *m)
{
	struct replica_attached attached;
	bool is;

	is = !replica_attached_look(&attached, m->ctx, m->old.name) && attached.attached;
	replica_attached_clear(&attached);
	return is;
}

static int fail_replica(struct replica_snap_making *m, const char *params)
{
	char leg[32], path[PATH_MAX] = "its origin";
	dev_t dev;

	if (attached_to(m))
		return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				    REPLICA_PARAM_SOURCE,
				    "%s is a mirror under the name of its source, and so is its hidden origin part of it; detach it, make the snapshot, and go on when that has ended",
				    m->check.source.path);
	if (sscanf(params, "%31s", leg) == 1 && !replica_parse_devno(leg, &dev))
		replica_sysfs_path(m->ctx, dev, path, sizeof(path));
	return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
			    "%s is a mirror, whose place in the kernel nothing else can take; make the snapshot of its origin %s, which is possible while it is used, if that is a mapped device",
			    m->check.source.path, path);
}

static int check_table(struct replica_snap_making *m)
{
	const char *path = m->check.source.path;

	/* A token; of a snapshot LVM itself is asked. */
	if (!strncmp(m->old.uuid, "LVM-", 4))
		return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
				    "%s is a logical volume, and LVM would put its own table back under a token; "
				    "use it through another: dmsetup create NAME --table \"0 %"
				    PRIu64 " linear %s 0\"", path, m->sectors, path);
	if (replica_snap_is_base(&m->old))
		return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
				    "%s is the hidden part of a snapshot; name the device that lies on it",
				    path);
	if (replica_attached_is_hidden(&m->old))
		return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
				    "%s is the hidden origin of a mirror that has the name of its source, and its table goes back there; detach the mirror first",
				    path);
	if (!m->old.count)
		return replica_fail(m->ctx, REPLICA_INVALID_PARAMETER, ENOMEDIUM,
				    REPLICA_PARAM_SOURCE, "%s has no table", path);
	for (size_t i = 0; i < m->old.count; i++) {
		const struct replica_line *line = &m->old.line[i];

		if (!strcmp(line->type, REPLICA_TARGET_NAME))
			return fail_replica(m, line->params);
		if (!target_is_plain(line->type))
			return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
					    REPLICA_PARAM_SOURCE,
					    "%s has the target \"%s\", which keeps a state of its own and cannot be put beneath a snapshot while it runs",
					    path, line->type);
	}
	if (m->old.inactive)
		return replica_fail(m->ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_PARAM_SOURCE,
				    "another program is about to change the table of %s; 'dmsetup clear %s' drops what it has loaded",
				    path, m->old.name);
	return REPLICA_SUCCESS;
}

static int check_source(struct replica_snap_making *m)
{
	const struct replica_blockdev *s = &m->check.source;
	int r;

	if (!s->dm_name[0])
		return replica_fail(m->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, REPLICA_PARAM_SOURCE,
				    "%s is no mapped device, and writes to any other cannot be intercepted; "
				    "use it through one: dmsetup create NAME --table \"0 %" PRIu64
				    " linear %s 0\"", s->path, s->size >> SECTOR_SHIFT, s->path);
	r = replica_lines_read(m->ctx, s->dm_name, 0, &m->old);
	if (r)
		return replica_fail_errno(m->ctx, r, REPLICA_PARAM_SOURCE,
					  "device-mapper does not tell about \"%s\"", s->dm_name);
	m->sectors = replica_lines_sectors(&m->old);
	if (s->suspended)
		replica_finding_add(&m->check, REPLICA_CHECK_SUSPENDED, REPLICA_PARAM_SOURCE,
				    "mapped device %s is suspended", s->path);
	replica_check_read_only(&m->check, s, REPLICA_PARAM_SOURCE);
	return check_table(m);
}

/* ------------------------------------------------------------------------ */
/* Store and names */

unsigned int replica_snap_chunk(unsigned int block, uint64_t store)
{
	unsigned int chunk = CHUNK_MIN;

	while (chunk < CHUNK_MAX && (chunk << SECTOR_SHIFT < block ||
				     store / ((uint64_t)chunk << SECTOR_SHIFT) > CHUNKS_MAX))
		chunk *= 2;
	return chunk;
}

uint64_t replica_snap_store_min(unsigned int chunk)
{
	return (uint64_t)STORE_MIN_CHUNKS * chunk << SECTOR_SHIFT;
}

static unsigned int choose_chunk(const struct replica_blockdev *source,
				 const struct replica_blockdev *store)
{
	return replica_snap_chunk(source->block_size > store->block_size ? source->block_size :
				  store->block_size, store->size);
}

static void check_store_size(struct replica_snap_making *m)
{
	const struct replica_blockdev *t = &m->check.target;
	uint64_t need = replica_snap_store_min(m->chunk);
	struct replica_finding *f;
	char found[32], expected[48];

	if (!t->size) {
		replica_finding_add(&m->check, REPLICA_CHECK_EMPTY, REPLICA_PARAM_TARGET,
				    "%s has no size", t->path);
		return;
	}
	if (t->size >= need)
		return;
	f = replica_finding_add(&m->check, REPLICA_CHECK_TOO_SMALL, REPLICA_PARAM_TARGET,
				"%s has %" PRIu64 " bytes, less than the %" PRIu64
				" of the smallest store",
				t->path, t->size, need);
	snprintf(found, sizeof(found), "%" PRIu64, t->size);
	snprintf(expected, sizeof(expected), "at least %" PRIu64, need);
	replica_finding_compare(&m->check, f, found, expected);
}

static void check_store(struct replica_snap_making *m)
{
	struct replica_check *c = &m->check;
	const struct replica_blockdev *t = &c->target;

	replica_check_same(c, &c->source, t, REPLICA_PARAM_TARGET);
	if (c->source.devno == t->devno)
		return;
	replica_check_overlap(c, &c->source, t, REPLICA_PARAM_TARGET);
	replica_check_read_only(c, t, REPLICA_PARAM_TARGET);
	m->chunk = choose_chunk(&c->source, t);
	check_store_size(m);
	replica_check_use(c, t, REPLICA_PARAM_TARGET);
	if (t->suspended)
		return;
	if (!replica_is_tokenized(m->args) || !replica_token_marked(m->ctx, t->path))
		replica_check_signature(c, t, REPLICA_PARAM_TARGET);
	replica_check_log(c, t, REPLICA_PARAM_TARGET);
}

static int choose_name(struct replica_snap_making *m)
{
	int r;

	if (m->args->element_name) {
		m->check.name = m->args->element_name;
		replica_check_name(&m->check);
		snprintf(m->name, sizeof(m->name), "%s", m->args->element_name);
	} else {
		r = replica_name_free(m->ctx, m->check.source.dm_name,
				      replica_is_tokenized(m->args) ? "token" : "snapshot",
				      m->name);
		if (r)
			return replica_fail_errno(m->ctx, r, REPLICA_PARAM_NAME,
						  "no name can be made for the snapshot");
	}
	if (snprintf(m->base, sizeof(m->base), "%s%s", m->name, REPLICA_BASE_SUFFIX) >=
	    (int)sizeof(m->base))
		replica_finding_add(&m->check, REPLICA_CHECK_NAME_BAD, REPLICA_PARAM_NAME,
				    "\"%.140s\" cannot be a name: it is longer than %zu characters",
				    m->name, sizeof(m->base) - sizeof(REPLICA_BASE_SUFFIX));
	else if (m->ctx->host->dm_exists(m->ctx, m->base) > 0)
		replica_finding_add(&m->check, REPLICA_CHECK_NAME_TAKEN, REPLICA_PARAM_NAME,
				    "there is already a mapped device \"%s\", which the snapshot needs too",
				    m->base);
	return REPLICA_SUCCESS;
}

/* Without a module there is no mirror that could have the store as a leg. */
static int read_replicas(struct replica_snap_making *m)
{
	if (!replica_genl_present(m->ctx))
		return REPLICA_SUCCESS;
	return replica_check_replicas(&m->check, &m->replicas);
}

int replica_snap_check_source(struct replica_snap_making *m)
{
	struct replica_check *c = &m->check;
	int ret = read_replicas(m);

	if (ret)
		return ret;
	if (!replica_check_open(c, m->args->source, REPLICA_PARAM_SOURCE, &c->source))
		return replica_check_result(c);
	ret = check_source(m);
	return ret ? ret : choose_name(m);
}

int replica_snap_check_devices(struct replica_snap_making *m)
{
	struct replica_check *c = &m->check;
	int ret = replica_snap_check_source(m);

	if (ret)
		return ret;
	if (!replica_check_open(c, m->args->target_storage_volume, REPLICA_PARAM_TARGET,
				&c->target))
		return replica_check_result(c);
	check_store(m);
	if (m->args->target_storage_pool)
		replica_finding_add(c, REPLICA_CHECK_POOL_IGNORED, "TargetStoragePool",
				    "the pool is ignored because a target volume is given");
	return replica_check_result(c);
}
