// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the name of a pool means, how much room it has, and whose turn it is. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/dm-replica-ondisk.h>

#include "lock.h"
#include "pool.h"

uint64_t replica_pool_round(uint64_t bytes, uint64_t unit)
{
	if (!unit || bytes > UINT64_MAX - (unit - 1))
		return 0;
	bytes += unit - 1;
	return bytes - bytes % unit;
}

/* The label is the last whole block, and must begin where the mirrored sectors end. */
uint64_t replica_pool_target_bytes(uint64_t source)
{
	uint64_t bytes = replica_pool_round(source, DM_REPLICA_BLOCK_SIZE);

	return bytes ? bytes + DM_REPLICA_BLOCK_SIZE : 0;
}

void replica_pool_stem(const char *name, char *stem, size_t size)
{
	size_t i;

	for (i = 0; name[i] && i + 1 < size; i++)
		stem[i] = isalnum((unsigned char)name[i]) || strchr("+_.-", name[i]) ?
			  name[i] : '_';
	stem[i] = '\0';
}

void replica_pool_name_tag(const char *name, char tag[REPLICA_POOL_NAME_TAG])
{
	char stem[REPLICA_POOL_STEM];

	replica_pool_stem(name, stem, sizeof(stem));
	snprintf(tag, REPLICA_POOL_NAME_TAG, "%s%s", REPLICA_POOL_TAG_NAME, stem);
}

/* LVM has its own volumes of these names, and takes none of others. */
void replica_pool_volume_stem(const char *stem, char *name, size_t size)
{
	static const char *const begin[] = { "snapshot", "pvmove" };
	static const char *const within[] = {
		"_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_imeta", "_iorig", "_mimage",
		"_mlog", "_pmspare", "_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata",
		"_vorigin", "_wcorig",
	};
	bool reserved = false;
	char *at;

	for (size_t i = 0; i < ARRAY_SIZE(begin); i++)
		reserved |= !strncmp(stem, begin[i], strlen(begin[i]));
	/* Nor one that begins with a dash. */
	for (size_t i = 0; i < ARRAY_SIZE(within); i++)
		reserved |= !strncmp(stem, within[i], strlen(within[i]));
	snprintf(name, size, "%s%s", reserved ? "replica-" : "", stem);
	for (size_t i = 0; i < ARRAY_SIZE(within); i++)
		while ((at = strstr(name, within[i])))
			*at = '-';
}

/* ------------------------------------------------------------------------ */
/* Names */

bool replica_pool_is(const char *text, const char *name)
{
	return !strcmp(strncmp(text, "/dev/", 5) ? text : text + 5, name);
}

/* "VG" and "VG/THINPOOL", both also behind "/dev/", as LVM takes them. */
static bool split(const char *text, struct replica_pool *pool)
{
	const char *slash;
	size_t len;

	if (!strncmp(text, "/dev/", 5))
		text += 5;
	slash = strchr(text, '/');
	len = slash ? (size_t)(slash - text) : strlen(text);
	if (len >= sizeof(pool->vg) || (slash && strlen(slash + 1) >= sizeof(pool->thin)))
		return false;
	snprintf(pool->vg, sizeof(pool->vg), "%.*s", (int)len, text);
	snprintf(pool->thin, sizeof(pool->thin), "%s", slash ? slash + 1 : "");
	return replica_lvm_name_ok(pool->vg) &&
	       (!slash || replica_lvm_name_ok(pool->thin));
}

static int not_found(struct replica_ctx *ctx, const struct replica_pool *pool)
{
	if (pool->thin[0])
		return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, REPLICA_PARAM_POOL,
				    "there is no LVM thin pool %s/%s", pool->vg, pool->thin);
	return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, REPLICA_PARAM_POOL,
			    "there is no LVM volume group \"%s\"", pool->vg);
}

static int open_vg(struct replica_ctx *ctx, struct replica_pool *pool)
{
	struct replica_vg *vg;
	int ret = replica_lvm_vg(ctx, pool->vg, &vg);

	if (ret)
		return ret;
	if (!vg)
		return not_found(ctx, pool);
	pool->unit = vg->extent_size;
	pool->free = vg->free;
	replica_vg_free(vg);
	return REPLICA_SUCCESS;
}

/* All that is copied has to be there, so what is promised to others does not count. */
static uint64_t thin_free(const struct replica_lv *lv)
{
	uint64_t part = lv->size / 10000;

	return lv->size - part * lv->data_used - lv->size % 10000 * lv->data_used / 10000;
}

int replica_pool_take_thin(struct replica_ctx *ctx, const struct replica_lv *lv,
			   struct replica_pool *pool)
{
	pool->unit = lv->extent_size;
	if (strcmp(lv->segtype, "thin-pool"))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_POOL,
				    "%s/%s is a volume of type %s, not a thin pool", lv->vg,
				    lv->name, lv->segtype);
	/* What is not known must not be taken for an empty pool. */
	if (!lv->data_known && !lv->active)
		return replica_fail(ctx, REPLICA_FAILED, ENODATA, REPLICA_PARAM_POOL,
				    "thin pool %s/%s is not active, and so does not tell how much room it has; 'lvchange --activate y %s/%s' activates it",
				    lv->vg, lv->name, lv->vg, lv->name);
	if (!lv->data_known)
		return replica_fail(ctx, REPLICA_FAILED, ENODATA, REPLICA_PARAM_POOL,
				    "thin pool %s/%s does not tell how much room it has; 'lvs %s/%s' may say what is wrong with it",
				    lv->vg, lv->name, lv->vg, lv->name);
	pool->free = thin_free(lv);
	return REPLICA_SUCCESS;
}

static int open_thin(struct replica_ctx *ctx, struct replica_pool *pool)
{
	struct replica_lv *lv;
	int ret = replica_lvm_lv(ctx, pool->vg, pool->thin, &lv);

	if (ret)
		return ret;
	ret = lv ? replica_pool_take_thin(ctx, lv, pool) : not_found(ctx, pool);
	replica_lv_free(lv);
	return ret;
}

bool replica_pool_is_thin(const struct replica_pool *pool)
{
	return pool->dm_thin || pool->thin[0];
}

/* The directory may have to be made, too; no more than what can be written now counts. */
void replica_pool_take_dm(const struct replica_thin_pool *dm, struct replica_pool *pool)
{
	const struct replica_thin_status *s = &dm->status;
	uint64_t blocks = s->full ? 0 : s->total - s->used;
	uint64_t own = replica_pool_round(2 * REPLICA_THIN_COPY_BYTES, dm->block) / dm->block;

	snprintf(pool->vg, sizeof(pool->vg), "%s", dm->path);
	pool->dm_thin = true;
	pool->stale = dm->stale;
	pool->unit = dm->block;
	pool->free = (blocks > own ? blocks - own : 0) * dm->block;
	pool->meta_free = (s->meta_total - s->meta_used) * 4096;
}

static int open_dm(struct replica_ctx *ctx, const char *path, struct replica_pool *pool)
{
	struct replica_thin_pool dm;
	int ret = replica_thin_open(ctx, path, &dm);

	if (!ret)
		replica_pool_take_dm(&dm, pool);
	return ret;
}

int replica_pool_open(struct replica_ctx *ctx, const char *text, struct replica_pool *pool)
{
	memset(pool, 0, sizeof(*pool));
	if (!strncmp(text, "/dev/mapper/", 12))
		return open_dm(ctx, text, pool);
	if (!split(text, pool))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_POOL,
				    "\"%.200s\" cannot be the name of a pool: VG or VG/THINPOOL of LVM is expected, or the path of a thin-pool of device-mapper",
				    text);
	return pool->thin[0] ? open_thin(ctx, pool) : open_vg(ctx, pool);
}

char *replica_pool_name(const struct replica_pool *pool)
{
	char *name;

	if (asprintf(&name, "%s%s%s", pool->vg, pool->thin[0] ? "/" : "", pool->thin) < 0)
		return NULL;
	return name;
}

/* ------------------------------------------------------------------------ */
/* Lock */

int replica_pool_lock(struct replica_ctx *ctx, bool alone, int *fd)
{
	const struct replica_lock lock = {
		.path = "/run/dm-replica-pool.lock",
		.parameter = REPLICA_PARAM_POOL,
		.what = "pools",
		.alone = alone,
	};

	return replica_lock(ctx, &lock, fd);
}

void replica_pool_unlock(int *fd)
{
	replica_unlock(fd);
}
