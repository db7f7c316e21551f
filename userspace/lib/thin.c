// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Volumes of a dm-thin pool, as LVM has its own: each step leaves an entry in the directory
 * for whatever there is, so that who is killed leaves nothing that cannot be found.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "ondisk.h"
#include "pool.h"
#include "protect.h"
#include "snapshot.h"

static struct replica_thin_volume *find_uuid(struct replica_thin_work *work, const char *uuid)
{
	struct replica_thin_dir *dir = work->dir;

	for (size_t i = 0; dir && i < dir->count; i++)
		if (!strcmp(dir->volume[i].uuid, uuid))
			return &dir->volume[i];
	return NULL;
}

static struct replica_thin_map map_of(const struct replica_thin_volume *v)
{
	return (struct replica_thin_map){
		.name = v->name, .uuid = v->uuid, .id = v->id, .sectors = v->sectors,
	};
}

static int map_volume(struct replica_thin_work *work, const struct replica_thin_volume *v)
{
	const struct replica_thin_map map = map_of(v);

	return replica_thin_map_make(work, &map);
}

static int unmap_volume(struct replica_thin_work *work, const struct replica_thin_volume *v)
{
	const struct replica_thin_map map = map_of(v);

	return replica_thin_map_gone(work, &map);
}

/* Without udev it is the program that makes the node, and it may have been killed. */
static enum replica_thin_at at_of(struct replica_thin_work *work,
				  const struct replica_thin_volume *v, int *open_count)
{
	const struct replica_thin_map map = map_of(v);
	enum replica_thin_at at = replica_thin_map_at(work, &map, open_count);
	char path[160];
	dev_t devno;

	snprintf(path, sizeof(path), "/dev/mapper/%s", v->name);
	return at == REPLICA_THIN_HERE && work->ctx->host->devno(work->ctx, path, &devno) ?
	       REPLICA_THIN_NOWHERE : at;
}

static bool is_up(enum replica_thin_at at)
{
	return at == REPLICA_THIN_HERE || at == REPLICA_THIN_LENT;
}

static int forget(struct replica_thin_work *work, struct replica_thin_volume *v)
{
	replica_thin_drop(work->dir, v);
	return replica_thin_save(work);
}

/* Whose number was free when the entry was written, and has data from the beginning. */
static bool is_snapshot(const struct replica_thin_volume *v)
{
	static const char prefix[] = REPLICA_THIN_UUID_PREFIX REPLICA_THIN_PROTECT_MARK;

	return !strncmp(v->uuid, prefix, strlen(prefix));
}

/* The number may have been somebody else's first; what cannot be known is left as it is. */
static int take_made(struct replica_thin_work *work, struct replica_thin_volume **v)
{
	struct replica_thin_volume *volume = *v;
	uint64_t mapped = 0;
	int r = is_snapshot(volume) ? 0 : replica_thin_mapped(volume->name, &mapped), ret;

	if (r)
		return replica_fail_errno(work->ctx, r, REPLICA_PARAM_POOL,
					  "whether volume %" PRIu32 " of %s has data is not known",
					  volume->id, work->pool.path);
	if (mapped) {
		*v = NULL;
		ret = unmap_volume(work, volume);
		return ret ? ret : forget(work, volume);
	}
	volume->made = true;
	return replica_thin_save(work);
}

/*
 * Gives a volume that has none its mapped device.  *v is NULL if there is no such volume:
 * whoever was to make it, or removed it, was killed.  Who was to make it has not written to
 * it: one with data is somebody else's, who had the number first.
 */
static int bring_up(struct replica_thin_work *work, struct replica_thin_volume **v)
{
	int open_count, ret = REPLICA_SUCCESS;
	struct replica_thin_volume *volume = *v;

	if (!is_up(at_of(work, volume, &open_count)))
		ret = map_volume(work, volume);
	if (ret == REPLICA_NOT_FOUND) {
		replica_error_clear(work->ctx);
		*v = NULL;
		return forget(work, volume);
	}
	return ret || volume->made ? ret : take_made(work, v);
}

/* ------------------------------------------------------------------------ */
/* Looking */

static int new_lv(struct replica_thin_work *work, const struct replica_thin_volume *v,
		  struct replica_lv **out)
{
	struct replica_lv *lv = calloc(1, sizeof(*lv));
	enum replica_thin_at at;
	int open_count;

	*out = lv;
	if (!lv)
		return -ENOMEM;
	lv->name = strdup(v->name);
	lv->vg = strdup(work->pool.path);
	lv->uuid = strdup(v->uuid);
	lv->segtype = strdup(REPLICA_THIN_TARGET);
	lv->pool = strdup("");
	lv->origin = strdup("");
	lv->tags = strdup(v->tags);
	if (asprintf(&lv->path, "/dev/mapper/%s", v->name) < 0)
		lv->path = NULL;
	lv->shown = lv->path ? strdup(lv->path) : NULL;
	lv->size = v->sectors << SECTOR_SHIFT;
	lv->extent_size = work->pool.block;
	lv->thin_id = v->id;
	at = at_of(work, v, &open_count);
	lv->active = v->made && is_up(at);
	lv->lent = at == REPLICA_THIN_LENT;
	lv->open = open_count;
	return lv->name && lv->vg && lv->uuid && lv->segtype && lv->pool && lv->origin &&
	       lv->tags && lv->path && lv->shown ? 0 : -ENOMEM;
}

static int list_all(struct replica_thin_work *work, struct replica_lv **list)
{
	struct replica_lv **end = list;

	for (size_t i = 0; work->dir && i < work->dir->count; i++) {
		int r = new_lv(work, &work->dir->volume[i], end);

		if (r)
			return replica_fail_memory(work->ctx);
		end = &(*end)->next;
	}
	return REPLICA_SUCCESS;
}

int replica_thin_list(struct replica_ctx *ctx, const char *pool, struct replica_lv **list)
{
	struct replica_thin_work work;
	int ret = replica_thin_begin(ctx, pool, false, &work);

	*list = NULL;
	if (ret)
		return ret;
	ret = replica_thin_end(&work, list_all(&work, list));
	if (ret) {
		replica_lv_free(*list);
		*list = NULL;
	}
	return ret;
}

static dev_t number_of(struct replica_ctx *ctx, const char *dm_uuid)
{
	struct replica_maps maps;
	dev_t devno = 0;

	if (replica_maps_read(ctx, &maps))
		return 0;
	for (size_t i = 0; !devno && i < maps.count; i++)
		if (!strcmp(maps.map[i].uuid, dm_uuid))
			devno = maps.map[i].dev;
	replica_maps_clear(&maps);
	return devno;
}

/* That it is none of ours would be wrong: it would be kept, and its tags too. */
static int fail_follow(struct replica_ctx *ctx, const char *dm_uuid)
{
	return replica_fail(ctx, REPLICA_FAILED, EPROTO, REPLICA_PARAM_POOL,
			    "the mapped device with the uuid %s is there, and which pool it is a volume of cannot be told by its table, nor by what lies under it",
			    dm_uuid);
}

int replica_thin_by_dm_uuid(struct replica_ctx *ctx, const char *dm_uuid,
			    struct replica_lv **lv)
{
	struct replica_thin_work work;
	const struct replica_thin_volume *v;
	dev_t devno = number_of(ctx, dm_uuid);
	char pool[144];
	uint32_t id;
	int ret;

	*lv = NULL;
	if (!devno)
		return REPLICA_SUCCESS;
	if (!replica_thin_of_volume(ctx, devno, pool, &id))
		return fail_follow(ctx, dm_uuid);
	ret = replica_thin_begin(ctx, pool, false, &work);
	if (ret)
		return ret;
	v = find_uuid(&work, dm_uuid);
	if (v && new_lv(&work, v, lv)) {
		replica_lv_free(*lv);
		*lv = NULL;
		ret = replica_fail_memory(ctx);
	}
	return replica_thin_end(&work, ret);
}

/* Who makes a volume larger loads a longer table. */
static int note_size(struct replica_thin_work *work, const char *dm_uuid)
{
	struct replica_thin_volume *v = find_uuid(work, dm_uuid);
	struct replica_lines lines;
	uint64_t sectors = 0;

	if (!v)
		return REPLICA_SUCCESS;
	if (!replica_lines_read(work->ctx, v->name, 0, &lines) && !strcmp(lines.uuid, v->uuid))
		sectors = replica_lines_sectors(&lines);
	replica_lines_clear(&lines);
	if (sectors <= v->sectors)
		return REPLICA_SUCCESS;
	v->sectors = sectors;
	return replica_thin_save(work);
}

int replica_thin_note_size(struct replica_ctx *ctx, const char *number)
{
	char pool[144], name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN];
	struct replica_thin_work work;
	uint32_t id;
	dev_t devno;
	int ret;

	if (!number || replica_parse_devno(number, &devno) ||
	    !replica_thin_of_volume(ctx, devno, pool, &id) ||
	    !replica_sysfs_dm(ctx, devno, name, uuid))
		return REPLICA_SUCCESS;
	ret = replica_thin_begin(ctx, pool, false, &work);
	return ret ? ret : replica_thin_end(&work, note_size(&work, uuid));
}

/* ------------------------------------------------------------------------ */
/* Making */

bool replica_thin_has_id(const struct replica_thin_dir *dir,
			 const struct replica_thin_volume *self, uint32_t id)
{
	for (size_t i = 0; i < dir->count; i++)
		if (&dir->volume[i] != self && dir->volume[i].id == id)
			return true;
	return false;
}

static int fail_ids(struct replica_thin_work *work)
{
	return replica_fail(work->ctx, REPLICA_NO_RESOURCES, EEXIST, REPLICA_PARAM_POOL,
			    "pool %s has no number free for a volume: of those behind %u, %d that were tried are somebody else's",
			    work->pool.path, REPLICA_THIN_FIRST, REPLICA_THIN_TRIES);
}

/* The number stands in the directory before there is a volume of it. */
static int make_thin(struct replica_thin_work *work, struct replica_thin_volume *v)
{
	int tries = 0, ret, r;

	v->id = REPLICA_THIN_FIRST;
	do {
		do
			v->id++;
		while (replica_thin_has_id(work->dir, v, v->id));
		ret = replica_thin_save(work);
		if (ret)
			return ret;
		r = replica_thin_message(&work->pool, "create_thin", v->id);
	} while (r == -EEXIST && ++tries < REPLICA_THIN_TRIES);
	if (r == -EEXIST)
		return fail_ids(work);
	if (r)
		return replica_fail_errno(work->ctx, r, REPLICA_PARAM_POOL,
					  "pool %s does not make volume %" PRIu32,
					  work->pool.path, v->id);
	v->made = true;
	return replica_thin_save(work);
}

/* Of one that has no mapped device now, so that nobody else has seen the name. */
static int fail_name(struct replica_thin_work *work, const char *name)
{
	return replica_fail(work->ctx, REPLICA_FAILED, EEXIST, REPLICA_PARAM_POOL,
			    "pool %s has a volume \"%s\" already", work->pool.path, name);
}

int replica_thin_add(struct replica_thin_work *work, const struct replica_lvm_new *lv,
		     const char *uuid, struct replica_thin_volume **out)
{
	struct replica_thin_volume *v;

	if (work->dir->count == REPLICA_THIN_MAX)
		return replica_fail(work->ctx, REPLICA_NO_RESOURCES, ENOSPC, REPLICA_PARAM_POOL,
				    "%d volumes have been cut from pool %s, and more cannot be remembered",
				    REPLICA_THIN_MAX, work->pool.path);
	for (size_t i = 0; i < work->dir->count; i++)
		if (!strcmp(work->dir->volume[i].name, lv->name))
			return fail_name(work, lv->name);
	v = &work->dir->volume[work->dir->count++];
	memset(v, 0, sizeof(*v));
	v->sectors = lv->size >> SECTOR_SHIFT;
	snprintf(v->name, sizeof(v->name), "%s", lv->name);
	snprintf(v->uuid, sizeof(v->uuid), "%s%s", REPLICA_THIN_UUID_PREFIX, uuid);
	replica_thin_tag_text(v->tags, sizeof(v->tags), "--addtag", lv->tags,
			      ARRAY_SIZE(lv->tags));
	*out = v;
	return REPLICA_SUCCESS;
}

/* The error stays. */
static void undo(struct replica_thin_work *work, struct replica_thin_volume *v)
{
	struct replica_error err = work->ctx->err;

	if (!v->made || !replica_thin_message(&work->pool, "delete", v->id))
		forget(work, v);
	work->ctx->err = err;
}

int replica_thin_create(struct replica_ctx *ctx, const struct replica_lvm_new *lv)
{
	struct replica_thin_volume *v = NULL;
	struct replica_thin_work work;
	char uuid[REPLICA_UUID_TEXT];
	uint8_t bytes[16];
	int ret = replica_thin_begin(ctx, lv->vg, true, &work);

	if (ret)
		return ret;
	replica_uuid_random(bytes);
	replica_uuid_text(bytes, uuid);
	ret = replica_thin_add(&work, lv, uuid, &v);
	if (!ret)
		ret = make_thin(&work, v);
	if (!ret)
		ret = map_volume(&work, v);
	if (ret && v)
		undo(&work, v);
	return replica_thin_end(&work, ret);
}

/* ------------------------------------------------------------------------ */
/* Changing */

static int fail_delete(struct replica_thin_work *work, const struct replica_thin_volume *v, int err)
{
	return replica_fail_errno(work->ctx, err, REPLICA_PARAM_POOL,
				  "pool %s does not remove volume %" PRIu32, work->pool.path,
				  v->id);
}

static int remove_volume(struct replica_thin_work *work, struct replica_thin_volume *v)
{
	int ret = REPLICA_SUCCESS, r;

	/* Whether a snapshot is ours need not be asked, nor is one that may be torn to be seen. */
	if (!v->made && !is_snapshot(v))
		ret = bring_up(work, &v);
	if (ret || !v)
		return ret;
	ret = unmap_volume(work, v);
	if (ret)
		return ret;
	r = replica_thin_message(&work->pool, "delete", v->id);
	return r && r != -ENODATA ? fail_delete(work, v, r) : forget(work, v);
}

/* *v: the entry of the volume, or NULL if there is none any more. */
static int begin_on(struct replica_ctx *ctx, const struct replica_lv *lv,
		    struct replica_thin_work *work, struct replica_thin_volume **v)
{
	int ret = replica_thin_begin(ctx, lv->vg, false, work);

	*v = ret ? NULL : find_uuid(work, lv->uuid);
	return ret;
}

int replica_thin_remove(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag)
{
	struct replica_thin_work work;
	struct replica_thin_volume *v;
	int ret = begin_on(ctx, lv, &work, &v);

	if (ret)
		return ret;
	if (v) {
		const struct replica_lv now = { .tags = v->tags };

		if (replica_lv_has_tag(&now, tag))
			ret = remove_volume(&work, v);
	}
	return replica_thin_end(&work, ret);
}

static int change_tags(struct replica_thin_work *work, struct replica_thin_volume *v,
		       const char *change, const char *const *tags, size_t count)
{
	if (!replica_thin_tag_text(v->tags, sizeof(v->tags), change, tags, count))
		return replica_fail(work->ctx, REPLICA_NO_RESOURCES, ENOSPC, REPLICA_PARAM_POOL,
				    "volume %s of pool %s has no room for another tag", v->name,
				    work->pool.path);
	/* Without a tag it is not ours, and nobody's business here. */
	return v->tags[0] ? replica_thin_save(work) : forget(work, v);
}

int replica_thin_tag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		     const char *const *tags, size_t count)
{
	struct replica_thin_work work;
	struct replica_thin_volume *v;
	int ret = begin_on(ctx, lv, &work, &v);

	if (ret)
		return ret;
	if (v)
		ret = change_tags(&work, v, change, tags, count);
	else
		ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, REPLICA_PARAM_POOL,
				   "pool %s has no volume %s any more", lv->vg, lv->name);
	return replica_thin_end(&work, ret);
}

int replica_thin_activate(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	struct replica_thin_work work;
	struct replica_thin_volume *v;
	int ret = begin_on(ctx, lv, &work, &v);

	if (ret)
		return ret;
	if (v)
		ret = bring_up(&work, &v);
	return replica_thin_end(&work, ret);
}
