// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cuts the volumes of a replica from a pool.  LVM makes a volume with its tags in one
 * step, and the directory of a pool of dm-thin has them before there is a volume, so that a
 * process that is killed leaves nothing that cannot be told as ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "pool.h"

/* Superblocks, labels and partition tables stand within so much of either end. */
#define END_BYTES	(1U << 20)

void replica_cut_clear(struct replica_cut *cut)
{
	replica_lv_free(cut->target);
	replica_lv_free(cut->origin);
	replica_lv_free(cut->meta);
	replica_pool_unlock(&cut->lock);
	cut->target = NULL;
	cut->origin = NULL;
	cut->meta = NULL;
}

/* What LVM manages it also extends. */
static int check_metadata(struct replica_ctx *ctx, const struct replica_pool *pool,
			  uint64_t bytes)
{
	uint64_t need;

	if (!pool->dm_thin)
		return REPLICA_SUCCESS;
	need = replica_thin_meta_need(bytes / pool->unit);
	if (need <= pool->meta_free)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_NO_RESOURCES, ENOSPC, REPLICA_PARAM_POOL,
			    "pool %s has %" PRIu64 " bytes of metadata free, and %" PRIu64
			    " are needed",
			    pool->vg, pool->meta_free, need);
}

int replica_cut_room(struct replica_ctx *ctx, const struct replica_pool *pool,
		     uint64_t bytes, uint64_t meta_bytes)
{
	uint64_t target = replica_pool_round(bytes, pool->unit);
	uint64_t meta = meta_bytes ? replica_pool_round(meta_bytes, pool->unit) : 0;

	if (!target || (meta_bytes && !meta) || meta > UINT64_MAX - target)
		return replica_fail(ctx, REPLICA_NO_RESOURCES, ENOSPC, REPLICA_PARAM_POOL,
				    "no pool has room for so large a source");
	if (target + meta <= pool->free)
		return check_metadata(ctx, pool, target + meta);
	return replica_fail(ctx, REPLICA_NO_RESOURCES, ENOSPC, REPLICA_PARAM_POOL,
			    "pool %s%s%s has %" PRIu64 " bytes free, and %" PRIu64 " are needed",
			    pool->vg, pool->thin[0] ? "/" : "", pool->thin, pool->free,
			    target + meta);
}

/* ------------------------------------------------------------------------ */
/* Undoing */

/* The error that there is stays, and says what could not be removed. */
static void give_back(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag)
{
	struct replica_error err = ctx->err;
	int ret = replica_volume_remove(ctx, lv, tag);
	char why[256];

	snprintf(why, sizeof(why), "%.200s",
		 ctx->err.message[0] ? ctx->err.message : ctx->err.description);
	ctx->err = err;
	if (ret)
		replica_error_details(ctx, "%s%svolume %s is left behind: %s", err.details,
				      err.details[0] ? "; " : "", lv->shown, why);
}

void replica_cut_undo(struct replica_ctx *ctx, struct replica_cut *cut)
{
	if (cut->meta)
		give_back(ctx, cut->meta, REPLICA_POOL_TAG);
	if (cut->target)
		give_back(ctx, cut->target, REPLICA_POOL_TAG);
	replica_cut_clear(cut);
}

/* What a command that failed may have made nevertheless. */
void replica_cut_undo_half(struct replica_ctx *ctx, const char *vg, const char *tag)
{
	struct replica_error err = ctx->err;
	struct replica_lv *list;
	int ret = replica_volume_list(ctx, vg, &list);

	if (ret)
		list = NULL;
	ctx->err = err;
	if (ret)
		replica_error_details(ctx,
				      "%s%swhat was made in %s, if anything, is left behind with the tag %s",
				      err.details, err.details[0] ? "; " : "", vg, tag);
	for (const struct replica_lv *lv = list; lv; lv = lv->next)
		if (replica_lv_has_tag(lv, tag))
			give_back(ctx, lv, tag);
	replica_lv_free(list);
}

/* ------------------------------------------------------------------------ */
/* Making */

/* Volumes without a volume group share their names with all mapped devices. */
static bool taken(struct replica_ctx *ctx, const char *vg, const struct replica_lv *list,
		  const char *name)
{
	while (list && strcmp(list->name, name))
		list = list->next;
	return list || (replica_thin_is(vg) && ctx->host->dm_exists(ctx, name) > 0);
}

int replica_cut_free_name(struct replica_ctx *ctx, const char *vg, const char *stem,
			  const char *role, char *name, size_t size)
{
	struct replica_lv *list;
	int ret = replica_volume_list(ctx, vg, &list);

	if (ret)
		return ret;
	snprintf(name, size, "%s-%s", stem, role);
	for (int n = 2; taken(ctx, vg, list, name) && n < 1000; n++)
		snprintf(name, size, "%s-%s-%d", stem, role, n);
	if (taken(ctx, vg, list, name))
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EEXIST, REPLICA_PARAM_POOL,
				   "%s has no name left for a volume of %s", vg, stem);
	replica_lv_free(list);
	return ret;
}

static int zero_range(int fd, uint64_t offset, size_t len)
{
	void *zeroes = calloc(1, len);
	size_t done = 0;
	ssize_t n = 0;

	if (!zeroes)
		return -ENOMEM;
	while (done < len && n >= 0) {
		n = pwrite(fd, zeroes, len - done, offset + done);
		if (n > 0)
			done += n;
		else if (n < 0 && errno == EINTR)
			n = 0;
		else
			n = n ? -errno : -EIO;
	}
	free(zeroes);
	return n < 0 ? (int)n : 0;
}

/*
 * What lay there before must not be taken for a label, a log or a partition table.  LVM
 * wipes what it knows of them, and only at the beginning for certain.
 */
static int zero_ends(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	size_t len = lv->size < END_BYTES ? lv->size : END_BYTES;
	int fd = ctx->host->open(ctx, lv->path, O_RDWR | O_EXCL | O_CLOEXEC), r;

	if (fd < 0)
		return replica_fail_errno(ctx, fd, REPLICA_PARAM_POOL,
					  "the new volume %s cannot be opened", lv->path);
	r = zero_range(fd, 0, len);
	if (!r)
		r = zero_range(fd, lv->size - len, len);
	if (!r && fdatasync(fd))
		r = -errno;
	close(fd);
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_PARAM_POOL,
					  "the new volume %s cannot be written", lv->path);
	return REPLICA_SUCCESS;
}

/* From then on what is on it counts.  The list of tags in lv is the one from before. */
static int wipe(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	static const char *const tags[] = { REPLICA_POOL_TAG_RETURN };
	int ret = zero_ends(ctx, lv);

	return ret ? ret : replica_volume_tag(ctx, lv, "--deltag", tags, ARRAY_SIZE(tags));
}

static int read_back(struct replica_ctx *ctx, const struct replica_lvm_new *new,
		     struct replica_lv **lv)
{
	int ret = replica_volume_get(ctx, new->vg, new->name, lv);

	if (ret)
		return ret;
	if (*lv && replica_lv_has_tag(*lv, new->tags[2]) && (*lv)->size >= new->size)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_FAILED, 0, REPLICA_PARAM_POOL,
			    "volume %s/%s was made, and it is not there", new->vg, new->name);
}

/* A tag that no other call has finds what this one made, also of a command that failed. */
void replica_cut_once_tag(char tag[REPLICA_CUT_TAG])
{
	uint64_t number = replica_now_ms();

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number ^= (uint64_t)getpid() << 48;	/* cannot be for so few bytes */
	snprintf(tag, REPLICA_CUT_TAG, "%scut-%016" PRIx64, REPLICA_POOL_TAG_NAME, number);
}

/* What a volume is for: the end of its name, and a tag of its own. */
struct role {
	const char *name;
	const char *tag;		/* NULL: none */
};

static const struct role role_replica = { .name = "replica" };
static const struct role role_meta = { .name = "meta" };
static const struct role role_store = { .name = "store", .tag = REPLICA_POOL_TAG_STORE };

static int make_volume(struct replica_ctx *ctx, const struct replica_pool *pool,
		       const char *stem, const struct role *role, uint64_t bytes,
		       struct replica_lv **lv)
{
	char first[REPLICA_POOL_STEM + 8], name[REPLICA_POOL_STEM + 24], of[REPLICA_POOL_STEM + 16];
	char once[REPLICA_CUT_TAG];
	/* A new thin volume holds zeroes, if its pool sees to that. */
	bool stale = !replica_pool_is_thin(pool) || pool->stale;
	const struct replica_lvm_new new = {
		.vg = pool->vg,
		.pool = pool->thin[0] ? pool->thin : NULL,
		.name = name,
		.size = replica_pool_round(bytes, pool->unit),
		.tags = { REPLICA_POOL_TAG, of, once, stale ? REPLICA_POOL_TAG_RETURN : role->tag,
			  stale ? role->tag : NULL },
	};
	int ret;

	replica_pool_volume_stem(stem, first, sizeof(first));
	ret = replica_cut_free_name(ctx, pool->vg, first, role->name, name, sizeof(name));
	if (ret)
		return ret;
	snprintf(of, sizeof(of), "%s%s", REPLICA_POOL_TAG_NAME, stem);
	replica_cut_once_tag(once);
	ret = replica_volume_create(ctx, &new);
	if (!ret)
		ret = read_back(ctx, &new, lv);
	if (!ret && stale)
		ret = wipe(ctx, *lv);
	if (!ret)
		return REPLICA_SUCCESS;
	replica_cut_undo_half(ctx, pool->vg, once);
	replica_lv_free(*lv);
	*lv = NULL;
	return ret;
}

int replica_cut_make(struct replica_ctx *ctx, struct replica_cut *cut, const char *name,
		     uint64_t bytes, uint64_t meta_bytes)
{
	char stem[REPLICA_POOL_STEM];
	int ret;

	replica_pool_stem(name, stem, sizeof(stem));
	ret = make_volume(ctx, &cut->pool, stem, &role_replica, bytes, &cut->target);
	if (!ret && meta_bytes)
		ret = make_volume(ctx, &cut->pool, stem, &role_meta, meta_bytes, &cut->meta);
	if (ret)
		replica_cut_undo(ctx, cut);
	return ret;
}

int replica_cut_make_store(struct replica_ctx *ctx, struct replica_cut *cut, const char *name,
			   uint64_t bytes)
{
	char stem[REPLICA_POOL_STEM];
	int ret;

	replica_pool_stem(name, stem, sizeof(stem));
	ret = make_volume(ctx, &cut->pool, stem, &role_store, bytes, &cut->target);
	if (ret)
		replica_cut_undo(ctx, cut);
	return ret;
}
