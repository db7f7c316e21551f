// SPDX-License-Identifier: LGPL-2.1-or-later
/* The snapshot that protects a replica: made, and removed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <replica/snapshot.h>

#include "belong.h"
#include "genl.h"
#include "info.h"
#include "protect.h"
#include "registry.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"

/* Besides what is dirty, for what is written meanwhile where it was not. */
#define STORE_SPARE	(16ULL << 20)

/* So large that it can never be full; else twice what is to be copied, and a little. */
uint64_t replica_protect_store(uint64_t size, uint64_t dirty, uint64_t free)
{
	uint64_t full = size / 100 * REPLICA_STORE_PERCENT_MAX +
			size % 100 * REPLICA_STORE_PERCENT_MAX / 100;
	uint64_t least = STORE_SPARE + size / 100 + 2 * (dirty < size ? dirty : size);

	return full <= free || least >= full ? full : least;
}

int replica_protect_judge(struct replica_ctx *ctx, const char *path, const char *dm_uuid)
{
	if (replica_volume_is_uuid(dm_uuid))
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "protect",
			    "no snapshot of %s can be made before a resync: it is no logical volume, and was not cut from a pool of dm-thin; create the replica with --pool, or use protect=none",
			    path);
}

static bool is_thin(const char *dm_uuid)
{
	return strncmp(dm_uuid, "LVM-", 4);
}

/* ------------------------------------------------------------------------ */

struct making {
	struct replica_ctx *ctx;
	const struct replica_info *info;
	const struct replica_blockdev *leg;
	const struct replica_protect_args *args;	/* may be NULL */
	struct replica_protect_copy *copy;
	uint64_t at;
	char at_tag[sizeof(REPLICA_POOL_TAG_AT) + 20];	/* "" for none */
	char uuid[REPLICA_UUID_TEXT];	/* of the replica */
	char of_tag[REPLICA_PROTECT_TAG];
	char dm[DM_REPLICA_NAME_LEN];
	char lv[DM_REPLICA_NAME_LEN];
};

/* Since the last consistent moment nothing has come to it. */
static void note_moment(struct making *m)
{
	uint64_t now = replica_time_ms();

	if (m->info->has_consistent_age && m->info->consistent_age_ms < now)
		m->at = now - m->info->consistent_age_ms;
	if (m->at)
		snprintf(m->at_tag, sizeof(m->at_tag), "%s%" PRIu64, REPLICA_POOL_TAG_AT, m->at);
}

/* Of two replicas that had a name one after the other each has its own snapshot. */
static int note_uuid(struct making *m)
{
	replica_protect_uuid(m->ctx, m->info, m->uuid);
	snprintf(m->of_tag, sizeof(m->of_tag), REPLICA_POOL_TAG_OF "%s", m->uuid);
	if (m->uuid[0])
		return REPLICA_SUCCESS;
	return replica_fail(m->ctx, REPLICA_FAILED, EPROTO, "Name",
			    "the uuid of replica \"%s\", by which its snapshot is to be told, is neither that of its mapped device nor to be read from its log",
			    m->info->name);
}

/* ------------------------------------------------------------------------ */
/* Is it a copy of a replica that was whole? */

bool replica_protect_waits(struct replica_ctx *ctx, const struct replica_info *info)
{
	struct replica_error err = ctx->err;
	struct replica_info *now = NULL;
	struct replica_genl *g;
	bool waits = !replica_genl_get(ctx, &g) &&
		     !replica_info_read(ctx, g, info->name, &now) && now->waits_protected &&
		     now->job && now->job->id == info->job->id;

	replica_info_free(now);
	ctx->err = err;
	return waits;
}

/*
 * Asked behind the snapshot, not before: as long as one job waits nothing is written to the
 * replica, and when it waits no more somebody may have forced it before there was a snapshot.
 */
static int check_waits(void *data)
{
	struct making *m = data;

	if (replica_protect_waits(m->ctx, m->info))
		return REPLICA_SUCCESS;
	return replica_fail(m->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, "Name",
			    "the resync of \"%s\" did not wait until there was the snapshot, which may be torn",
			    m->info->name);
}

/* One of dm-thin has it since it has an entry. */
static int seal(struct making *m)
{
	static const char *const whole[] = { REPLICA_POOL_TAG_WHOLE };
	struct replica_lv *lv = NULL;
	int ret;

	if (m->copy->whole)
		return REPLICA_SUCCESS;
	ret = check_waits(m);
	if (!ret)
		ret = replica_lvm_by_dm_uuid(m->ctx, m->copy->uuid, &lv);
	if (!ret && !lv)
		ret = replica_fail(m->ctx, REPLICA_FAILED, 0, REPLICA_PARAM_POOL,
				   "LVM does not tell of the snapshot %s", m->copy->name);
	if (!ret)
		ret = replica_volume_tag(m->ctx, lv, "--addtag", whole, ARRAY_SIZE(whole));
	replica_lvsnap_forget(m->ctx);
	replica_lv_free(lv);
	m->copy->whole = !ret;
	return ret;
}

/* udev hides what has the label of a replica; it is behind all that is mirrored. */
static int take_label(struct making *m)
{
	struct dm_replica_label label;
	struct replica_blockdev dev;
	char path[DM_REPLICA_NAME_LEN + 16];
	int r;

	snprintf(path, sizeof(path), "/dev/mapper/%s", m->copy->name);
	r = replica_sysfs_open(m->ctx, path, &dev);
	if (!r && strcmp(dev.dm_uuid, m->copy->uuid))
		r = -ESTALE;
	if (!r && replica_label_sector(dev.size >> SECTOR_SHIFT, m->info->size >> SECTOR_SHIFT) &&
	    !replica_label_read(m->ctx, path, &label)) {
		r = replica_label_erase(m->ctx, path, label.uuid);
		if (!r)
			replica_sysfs_changed(m->ctx, dev.devno);
	}
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(m->ctx, r, REPLICA_PARAM_TARGET,
				  "the label of the replica cannot be taken off its snapshot %s",
				  path);
}

static int check_made(struct making *m)
{
	int ret = replica_protect_find(m->ctx, m->info, m->leg, m->copy);

	if (!ret && !m->copy->there)
		ret = replica_fail(m->ctx, REPLICA_FAILED, 0, REPLICA_PARAM_POOL,
				   "a snapshot of the replica of \"%s\" was made, and it is not there",
				   m->info->name);
	if (!ret)
		ret = take_label(m);
	return ret ? ret : seal(m);
}

/*
 * LVM that was killed leaves the store of a thick one, a volume with the tag and without a
 * source; and one that is not active is seen by nobody.  A thin one whose source is gone has all
 * that was on it; and what is of another replica that had the name may be its last copy.
 */
bool replica_protect_is_left(const struct replica_lv *lv, const char *leg, const char *uuid)
{
	if (!replica_protect_is_of(lv, uuid, 0) || lv->merging)
		return false;
	return *lv->origin ? !strcmp(lv->origin, leg) : strcmp(lv->segtype, REPLICA_THIN_TARGET);
}

static int tidy_left(struct making *m, const struct replica_lv *leg)
{
	struct replica_lv *left;
	int ret = replica_lvm_lv(m->ctx, leg->vg, m->lv, &left);

	if (!ret && left && replica_protect_is_left(left, leg->name, m->uuid))
		ret = replica_lvm_remove(m->ctx, left, REPLICA_POOL_TAG_PROTECT);
	replica_lv_free(left);
	replica_lvsnap_forget(m->ctx);
	return ret;
}

/* *bytes: 0 for one that takes its room from a thin pool as it needs it. */
static int prepare_lvm(struct making *m, uint64_t *bytes)
{
	struct replica_pool pool;
	struct replica_lv *lv;
	int ret = replica_lvm_by_dm_uuid(m->ctx, m->leg->dm_uuid, &lv);

	*bytes = 0;
	if (!ret)
		ret = replica_lvsnap_judge(m->ctx, m->leg->path, lv);
	if (!ret)
		ret = tidy_left(m, lv);
	if (!ret && strcmp(lv->segtype, REPLICA_THIN_TARGET) &&
	    !(m->args && (m->args->store_bytes || m->args->store_percent))) {
		ret = replica_pool_open(m->ctx, lv->vg, &pool);
		if (!ret)
			*bytes = replica_protect_store(m->leg->size, m->info->dirty_bytes,
						       pool.free);
	}
	replica_lv_free(lv);
	return ret;
}

static int make_lvm(struct making *m)
{
	const char *const tags[3] = {
		REPLICA_POOL_TAG_PROTECT, m->of_tag, m->at_tag[0] ? m->at_tag : NULL,
	};
	struct replica_create_args args = {
		.size = sizeof(args),
		.sync_type = REPLICA_SYNC_TYPE_SNAPSHOT,
		.source = m->leg->path,
		.element_name = m->lv,
		.store_bytes = m->args ? m->args->store_bytes : 0,
		.store_percent = m->args ? m->args->store_percent : 0,
	};
	struct replica_create_result *result;
	uint64_t bytes;
	int ret = prepare_lvm(m, &bytes);

	if (ret)
		return ret;
	if (bytes)
		args.store_bytes = bytes;
	result = calloc(1, sizeof(*result));
	if (!result)
		return replica_fail_memory(m->ctx);
	ret = replica_lvsnap_create(m->ctx, &args, tags, result);
	replica_create_result_free(result);
	return ret;
}

static int make_thin(struct making *m)
{
	char pool[144], leg_tag[REPLICA_PROTECT_TAG];
	const struct replica_lvm_new new = {
		.vg = pool,
		.name = m->dm,
		.size = m->leg->size,
		.tags = { REPLICA_POOL_TAG_PROTECT, m->of_tag, leg_tag,
			  m->at_tag[0] ? m->at_tag : NULL },
	};
	const struct replica_thin_order order = {
		.leg = m->leg, .lv = &new, .at = m->at, .of = m->uuid,
		.good = REPLICA_POOL_TAG_WHOLE, .check = check_waits, .data = m,
	};
	uint32_t id;

	if (!replica_thin_of_volume(m->ctx, m->leg->devno, pool, &id))
		return replica_fail(m->ctx, REPLICA_FAILED, EPROTO, REPLICA_PARAM_POOL,
				    "which pool \"%s\" is a volume of cannot be told by its table, nor by what lies under it",
				    m->leg->dm_name);
	snprintf(leg_tag, sizeof(leg_tag), REPLICA_POOL_TAG_LEG "%" PRIu32, id);
	return replica_thin_snapshot(m->ctx, &order);
}

/* What was made is of no use without the rest; the error stays. */
static void undo(struct making *m)
{
	struct replica_error err = m->ctx->err;
	int ret = replica_protect_drop(m->ctx, m->copy);

	m->ctx->err = err;
	if (ret)
		replica_error_details(m->ctx, "snapshot %s is left behind", m->copy->name);
	replica_protect_clear(m->copy);
}

int replica_protect_make(struct replica_ctx *ctx, const struct replica_info *info,
			 const struct replica_blockdev *leg,
			 const struct replica_protect_args *args,
			 struct replica_protect_copy *copy)
{
	struct making m = { .ctx = ctx, .info = info, .leg = leg, .args = args, .copy = copy };
	int ret = replica_protect_judge(ctx, leg->path, leg->dm_uuid);

	memset(copy, 0, sizeof(*copy));
	if (!ret)
		ret = note_uuid(&m);
	if (ret)
		return ret;
	note_moment(&m);
	replica_protect_names(info->name, m.dm, m.lv);
	ret = is_thin(leg->dm_uuid) ? make_thin(&m) : make_lvm(&m);
	/* udev that is late is no failure of what is there. */
	if (!ret || ret == REPLICA_TIMEOUT)
		ret = check_made(&m);
	if (ret && copy->there)
		undo(&m);
	return ret;
}

/* ------------------------------------------------------------------------ */

int replica_protect_drop(struct replica_ctx *ctx, const struct replica_protect_copy *copy)
{
	if (!copy->there)
		return REPLICA_SUCCESS;
	if (copy->lv)
		return replica_volume_remove(ctx, copy->lv, REPLICA_POOL_TAG_PROTECT);
	if (!replica_lines_are_of(ctx, copy->name, copy->uuid))
		return REPLICA_SUCCESS;
	return replica_snap_end(ctx, copy->name, false, NULL);
}
