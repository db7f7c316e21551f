// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CreateReplica with a pool in the place of a target: all that can be checked without
 * one comes first, then the volumes are cut, then the replica is made of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "dm-lines.h"
#include "pool.h"

static bool wants_meta(const struct replica_create_args *a)
{
	return a->meta && !strcmp(a->meta, REPLICA_META_FROM_POOL);
}

int replica_pool_check_args(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	bool cuts = a->target_storage_pool && !a->target_storage_volume;

	if (wants_meta(a) && !cuts)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_META,
				    "a meta device from the pool needs a target from the pool");
	if (cuts && a->skip_initial_copy)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "SkipInitialCopy",
				    "a new volume from pool %.200s does not equal the source",
				    a->target_storage_pool);
	return REPLICA_SUCCESS;
}

struct making {
	struct replica_ctx *ctx;
	struct replica_create_args args;	/* what is made of those given */
	struct replica_check check;
	struct replica_cut cut;
	uint64_t bytes;
	uint64_t meta_bytes;			/* 0: not from the pool */
	struct replica_pool_plan *plan;
	char name[DM_REPLICA_NAME_LEN];
};

/* The preflight without a target; its findings go into the result when it refuses. */
static int check_source(struct making *m)
{
	struct replica_create_args args = m->args;
	struct replica_info *replicas = NULL;
	int ret;

	m->check = (struct replica_check){
		.ctx = m->ctx, .name = args.element_name, .force = args.force,
		.no_attach = args.no_attach,
	};
	if (wants_meta(&args))
		args.meta = NULL;
	ret = replica_check_args(&m->check, &args, &replicas);
	replica_info_free(replicas);
	return ret ? ret : replica_attach_check_args(&m->check, &args);
}

static int choose_name(struct making *m)
{
	const struct replica_blockdev *source = &m->check.source;
	int r;

	if (m->check.attach) {		/* its own name */
		snprintf(m->name, sizeof(m->name), "%s", source->dm_name);
		m->args.element_name = m->name;
	}
	if (m->args.element_name)
		return REPLICA_SUCCESS;
	r = replica_name_generate(m->ctx, source->dm_name[0] ? source->dm_name : source->kname,
				  m->name);
	if (r)
		return replica_fail_errno(m->ctx, r, REPLICA_PARAM_NAME,
					  "no name can be made for the replica");
	m->args.element_name = m->name;
	return REPLICA_SUCCESS;
}

static int measure(struct making *m)
{
	m->bytes = replica_pool_target_bytes(m->check.source.size);
	if (wants_meta(&m->args)) {
		m->meta_bytes = m->check.meta_bytes;
		if (!m->meta_bytes)
			return replica_fail(m->ctx, REPLICA_INVALID_PARAMETER, EINVAL,
					    "region_size",
					    "region_size is too small: the log of %s would have too many regions",
					    m->check.source.path);
	}
	m->plan = replica_pool_plan_new(&m->cut.pool, m->check.source.size, m->bytes,
					m->meta_bytes);
	if (!m->plan)
		return replica_fail_memory(m->ctx);
	return replica_cut_room(m->ctx, &m->cut.pool, m->bytes, m->meta_bytes);
}

static int source_is_thin(struct making *m, bool *thin)
{
	const struct replica_blockdev *source = &m->check.source;
	struct replica_lines lines;
	struct replica_lv *lv;
	int ret;

	if (strncmp(source->unique_id, "LVM-", 4)) {
		*thin = source->dm_name[0] &&
			!m->ctx->host->lines(m->ctx, source->dm_name, &lines) &&
			replica_lines_only(&lines, REPLICA_THIN_TARGET);
		if (source->dm_name[0])
			replica_lines_clear(&lines);
		return REPLICA_SUCCESS;
	}
	ret = replica_lvm_by_dm_uuid(m->ctx, source->unique_id, &lv);
	*thin = lv && !strcmp(lv->segtype, "thin");
	replica_lv_free(lv);
	return ret;
}

/* 2 and 4 want a thin target, 3 a full one, 5 one like the source; 6 and 7 any. */
static int check_policy(struct making *m)
{
	const struct replica_settings *s = m->args.replication_settings;
	uint32_t policy = s && s->present & REPLICA_SETTING_THIN_POLICY ? s->thin_policy : 7;
	bool thin = replica_pool_is_thin(&m->cut.pool), wanted = policy == 2 || policy == 4;
	int ret = policy == 5 ? source_is_thin(m, &wanted) : REPLICA_SUCCESS;

	if (ret || policy >= 6 || wanted == thin)
		return ret;
	return replica_fail(m->ctx, REPLICA_INVALID_PARAMETER, EINVAL, "ThinProvisioningPolicy",
			    "ThinProvisioningPolicy %u asks for a %s target, and pool %.200s makes %s ones",
			    policy, thin ? "full" : "thin", m->args.target_storage_pool,
			    thin ? "thin" : "full");
}

static int prepare(struct making *m)
{
	int ret = check_source(m);

	if (!ret)
		ret = choose_name(m);
	if (!ret)
		ret = replica_pool_lock(m->ctx, false, &m->cut.lock);
	if (!ret)
		ret = replica_pool_open(m->ctx, m->args.target_storage_pool, &m->cut.pool);
	if (!ret)
		ret = check_policy(m);
	return ret ? ret : measure(m);
}

/* What there is to tell when there is no replica. */
static int bare_result(struct making *m, struct replica_create_result **result)
{
	struct replica_create_result *r = calloc(1, sizeof(*r));

	if (!r)
		return replica_fail_memory(m->ctx);
	r->findings = m->check.findings;
	m->check.findings = NULL;
	r->plan = m->plan;
	m->plan = NULL;
	r->element_name = m->args.element_name ? strdup(m->args.element_name) : NULL;
	*result = r;
	return REPLICA_SUCCESS;
}

/* The volumes that it names are gone. */
static void forget_volumes(struct replica_create_result *r, bool meta)
{
	if (!r)
		return;
	free(r->target_storage_volume);
	r->target_storage_volume = NULL;
	if (meta) {
		free(r->meta);
		r->meta = NULL;
	}
}

static int make(struct making *m, replica_create_fn run,
		struct replica_create_result **result)
{
	bool meta = m->meta_bytes;
	int ret = replica_cut_make(m->ctx, &m->cut, m->args.element_name, m->bytes,
				   m->meta_bytes);

	if (ret)
		return ret;
	m->args.target_storage_volume = m->cut.target->path;
	m->args.target_storage_pool = NULL;
	if (m->cut.meta)
		m->args.meta = m->cut.meta->path;
	ret = run(m->ctx, &m->args, &m->cut, result);
	if (*result && (*result)->info)
		return ret;		/* there is a replica, whatever else failed */
	forget_volumes(*result, meta);
	replica_cut_undo(m->ctx, &m->cut);
	return ret;
}

int replica_pool_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			replica_create_fn run, struct replica_create_result **result)
{
	struct making *m = calloc(1, sizeof(*m));
	int ret, bare = REPLICA_SUCCESS;

	if (!m)
		return replica_fail_memory(ctx);
	m->ctx = ctx;
	m->args = *args;
	m->cut.lock = -1;
	ret = prepare(m);
	if (ret || args->dry_run)
		bare = bare_result(m, result);
	else
		ret = make(m, run, result);
	replica_finding_free(m->check.findings);
	replica_pool_plan_free(m->plan);
	replica_cut_clear(&m->cut);
	free(m);
	return bare ? bare : ret;
}
