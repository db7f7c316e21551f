// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A snapshot whose store is cut from a pool: how large it is, its way out and its way back.
 * Without the snapshot it is of no use, so it goes back at every end.  Who is killed before
 * that leaves a volume with our tags, which replica_return_left() finds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lock.h"
#include "pool.h"
#include "snapshot-create.h"

/* ------------------------------------------------------------------------ */
/* Size */

static uint64_t share_of(uint64_t bytes, unsigned int percent)
{
	return bytes / 100 * percent + bytes % 100 * percent / 100;
}

static int fail_size(struct replica_ctx *ctx, uint64_t bytes, const char *than, uint64_t limit,
		     const char *what)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, ERANGE, REPLICA_PARAM_STORE,
			    "the store would have %" PRIu64 " bytes, %s than the %" PRIu64 " %s",
			    bytes, than, limit, what);
}

int replica_snap_store_bytes(struct replica_ctx *ctx, const struct replica_create_args *args,
			     const struct replica_blockdev *source, uint64_t *bytes)
{
	bool chosen = args->store_bytes || args->store_percent;
	uint64_t least, most;

	*bytes = args->store_bytes ? args->store_bytes :
		 share_of(source->size, args->store_percent ? args->store_percent :
			  REPLICA_STORE_PERCENT);
	least = replica_snap_store_min(replica_snap_chunk(source->block_size, *bytes));
	most = share_of(source->size, REPLICA_STORE_PERCENT_MAX) + least;
	if (!chosen && *bytes < least)
		*bytes = least;
	if (*bytes < least)
		return fail_size(ctx, *bytes, "less", least, "of the smallest store");
	if (*bytes > most)
		return fail_size(ctx, *bytes, "more", most,
				 "with which it can never be full by what the source does");
	return REPLICA_SUCCESS;
}

/* ------------------------------------------------------------------------ */
/* Creation */

struct making {
	struct replica_ctx *ctx;
	struct replica_create_args args;	/* what is made of those given */
	struct replica_create_result *result;
	bool test;				/* as in replica_snap_create_as() */
	struct replica_snap_making snap;	/* for what can be checked without a store */
	struct replica_cut cut;
	uint64_t bytes;
};

static int check_source(struct making *m)
{
	/* Another call is not to be seen half way. */
	int lock, ret = replica_lock_tables(m->ctx, &lock);

	if (ret)
		return ret;
	ret = replica_snap_check_source(&m->snap);
	replica_unlock(&lock);
	return ret ? ret : replica_check_result(&m->snap.check);
}

static int measure(struct making *m)
{
	int ret = replica_snap_store_bytes(m->ctx, &m->args, &m->snap.check.source, &m->bytes);

	if (ret)
		return ret;
	m->result->plan = replica_pool_plan_new(&m->cut.pool, m->snap.check.source.size, m->bytes,
						0);
	if (!m->result->plan)
		return replica_fail_memory(m->ctx);
	return replica_cut_room(m->ctx, &m->cut.pool, m->bytes, 0);
}

static int prepare(struct making *m)
{
	int ret = check_source(m);

	if (!ret)
		ret = replica_pool_lock(m->ctx, false, &m->cut.lock);
	if (!ret)
		ret = replica_pool_open(m->ctx, m->args.target_storage_pool, &m->cut.pool);
	return ret ? ret : measure(m);
}

/* What there is to tell when there is no snapshot; true if there was memory for it. */
static bool tell(struct making *m)
{
	struct replica_create_result *r = m->result;

	r->findings = m->snap.check.findings;
	m->snap.check.findings = NULL;
	r->element_name = m->snap.name[0] ? strdup(m->snap.name) : NULL;
	r->target_storage_pool = m->cut.pool.vg[0] ? replica_pool_name(&m->cut.pool) : NULL;
	return (r->element_name || !m->snap.name[0]) &&
	       (r->target_storage_pool || !m->cut.pool.vg[0]);
}

/* The volume is gone. */
static void forget_store(struct replica_create_result *r)
{
	free(r->target_storage_volume);
	r->target_storage_volume = NULL;
}

static int make(struct making *m)
{
	int ret = replica_cut_make_store(m->ctx, &m->cut, m->snap.name, m->bytes);

	if (ret)
		return ret;
	m->result->target_storage_pool = replica_pool_name(&m->cut.pool);
	m->args.element_name = m->snap.name;
	m->args.target_storage_volume = m->cut.target->path;
	m->args.target_storage_pool = NULL;
	ret = m->result->target_storage_pool ?
	      replica_snap_create_as(m->ctx, &m->args, m->test, m->result) :
	      replica_fail_memory(m->ctx);
	if (m->result->info)
		return ret;		/* there is a snapshot, whatever else failed */
	forget_store(m->result);
	replica_cut_undo(m->ctx, &m->cut);
	return ret;
}

static int create(struct making *m)
{
	int ret = prepare(m);

	if (!ret && !m->args.dry_run)
		return make(m);
	return tell(m) ? ret : replica_fail_memory(m->ctx);
}

int replica_snap_pool_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			     bool test, struct replica_create_result *result)
{
	struct making *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return replica_fail_memory(ctx);
	m->ctx = ctx;
	m->args = *args;
	m->result = result;
	m->test = test;
	m->cut.lock = -1;
	m->snap = (struct replica_snap_making){
		.ctx = ctx, .args = args, .result = result,
		.check = { .ctx = ctx, .force = args->force },
	};
	ret = create(m);
	replica_finding_free(m->snap.check.findings);
	replica_lines_clear(&m->snap.old);
	replica_info_free(m->snap.replicas);
	replica_cut_clear(&m->cut);
	free(m);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* The way back */

static int remove_store(struct replica_ctx *ctx, const struct replica_lv *lv,
			struct replica_pool_volume **list)
{
	int ret = replica_pool_alone(ctx, lv);

	if (!ret)
		ret = replica_volume_remove(ctx, lv, REPLICA_POOL_TAG_STORE);
	if (list && !replica_pool_volume_add(list, lv, ret ? "it cannot be removed" : NULL) &&
	    !ret)
		ret = replica_fail_memory(ctx);
	return ret;
}

/*
 * What is wrong is told as what it means for the snapshot, which is over: the status of the
 * cause could be taken for that of the snapshot.  lv is NULL if LVM did not tell.
 */
static int fail_give_back(struct replica_ctx *ctx, const char *name, const struct replica_lv *lv)
{
	struct replica_error err = ctx->err;

	if (lv)
		replica_fail(ctx, REPLICA_FAILED, err.sm_code, REPLICA_PARAM_POOL,
			     "snapshot \"%s\" has ended, but its store is not given back to its pool: %s",
			     name, err.description);
	else
		replica_fail(ctx, REPLICA_FAILED, err.sm_code, REPLICA_PARAM_POOL,
			     "snapshot \"%s\" has ended, but whether its store was cut from a pool, and has to go back, is not known: %s",
			     name, err.description);
	replica_error_message(ctx, err.message);
	if (lv)
		replica_error_details(ctx,
				      "when that is mended, 'replicactl return-to-pool --left %s%s%s' removes it",
				      lv->vg, lv->pool[0] ? "/" : "", lv->pool);
	return REPLICA_FAILED;
}

/* Where it cannot be known it is. */
static bool is_there(struct replica_ctx *ctx, const char *dm_uuid)
{
	struct replica_maps maps;
	bool there = replica_maps_read(ctx, &maps);

	for (size_t i = 0; !there && i < maps.count; i++)
		there = !strcmp(maps.map[i].uuid, dm_uuid);
	replica_maps_clear(&maps);
	return there;
}

int replica_snap_give_back(struct replica_ctx *ctx, const char *name, const char *dm_uuid,
			   struct replica_pool_volume **list)
{
	struct replica_lv *lv = NULL;
	int lock = -1, ret;

	if (!replica_volume_is_uuid(dm_uuid))
		return REPLICA_SUCCESS;
	/* Who looks for what is left may be about to remove it. */
	ret = replica_pool_lock(ctx, false, &lock);
	if (!ret)
		ret = replica_pool_find(ctx, dm_uuid, REPLICA_POOL_TAG_STORE, &lv);
	if (ret == REPLICA_NOT_FOUND && !is_there(ctx, dm_uuid)) {
		replica_error_clear(ctx);	/* who looked for what is left was first */
		ret = REPLICA_SUCCESS;
	}
	if (!ret && lv)
		ret = remove_store(ctx, lv, list);
	if (ret)
		ret = fail_give_back(ctx, name, lv);
	replica_lv_free(lv);
	replica_pool_unlock(&lock);
	return ret;
}

/* *lv is NULL if the store of the snapshot was not cut from a pool. */
static int find_store(const struct replica_snap *snap, struct replica_lv **lv)
{
	char name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN];

	*lv = NULL;
	if (!snap->store || !replica_sysfs_dm(snap->ctx, snap->store, name, uuid))
		return REPLICA_SUCCESS;
	return replica_pool_find(snap->ctx, uuid, REPLICA_POOL_TAG_STORE, lv);
}

bool replica_snap_from_pool(const struct replica_snap *snap)
{
	struct replica_lv *lv;
	bool is;

	if (snap->lv)
		return true;		/* where its source is, and nowhere else */
	is = !find_store(snap, &lv) && lv;

	replica_lv_free(lv);
	replica_error_clear(snap->ctx);
	return is;
}

int replica_snap_mark_rest(struct replica_ctx *ctx, const char *name)
{
	static const char *const tags[] = { REPLICA_POOL_TAG_REST };
	struct replica_lv *lv = NULL;
	struct replica_snap snap;
	int ret = replica_snap_find(ctx, name, &snap);

	if (!ret && replica_snap_store_needed(&snap))
		ret = find_store(&snap, &lv);
	if (!ret && lv && !replica_lv_has_tag(lv, REPLICA_POOL_TAG_REST))
		ret = replica_volume_tag(ctx, lv, "--addtag", tags, 1);
	replica_lv_free(lv);
	replica_snap_clear(&snap);
	return ret;
}

static int check_return(const struct replica_snap *snap)
{
	const char *name = snap->self->name;
	struct replica_lv *lv;
	int ret;

	if (!snap->store)
		return replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
				    "the store of snapshot \"%s\" is not known: its creation or its end was cut short; remove tidies up, and return-to-pool --left finds the store",
				    name);
	ret = find_store(snap, &lv);
	if (!ret && !lv)
		ret = replica_fail(snap->ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				   "the store of snapshot \"%s\" was not cut from a pool: it is no volume with the tag %s",
				   name, REPLICA_POOL_TAG_STORE);
	if (!ret && replica_snap_store_needed(snap))
		ret = replica_fail(snap->ctx, REPLICA_FAILED, 0, "Name",
				   "the store of snapshot \"%s\" holds what is not restored yet, and cannot go back to its pool",
				   name);
	replica_lv_free(lv);
	return ret;
}

int replica_snap_return(struct replica_ctx *ctx, const char *name,
			struct replica_pool_volume **list)
{
	struct replica_snap snap;
	int ret = replica_snap_find(ctx, name, &snap);

	if (!ret && !snap.lv)
		ret = check_return(&snap);
	replica_snap_clear(&snap);
	return ret ? ret : replica_snap_end(ctx, name, false, list);
}
