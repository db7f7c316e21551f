// SPDX-License-Identifier: LGPL-2.1-or-later
/* The volumes of a replica that were cut from a pool, at the end of the replica. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "pool.h"
#include "sysfs.h"

EXPORT void replica_pool_volume_free(struct replica_pool_volume *list)
{
	struct replica_pool_volume *next;

	for (; list; list = next) {
		next = list->next;
		free(list->name);
		free(list->reason);
		free(list);
	}
}

bool replica_pool_volume_add(struct replica_pool_volume **list, const struct replica_lv *lv,
			     const char *reason)
{
	struct replica_pool_volume *v = calloc(1, sizeof(*v));

	if (!v)
		return false;
	v->name = strdup(lv->shown);
	v->size = lv->size;
	v->thin_id = lv->thin_id;
	v->removed = !reason;
	v->reason = reason ? strdup(reason) : NULL;
	if (!v->name || (reason && !v->reason)) {
		replica_pool_volume_free(v);
		return false;
	}
	while (*list)
		list = &(*list)->next;
	*list = v;
	return true;
}

/* ------------------------------------------------------------------------ */
/* Finding them */

/* A machine without LVM has none. */
int replica_pool_find(struct replica_ctx *ctx, const char *dm_uuid, const char *tag,
		      struct replica_lv **lv)
{
	int ret = replica_volume_by_dm_uuid(ctx, dm_uuid, lv);

	if (ret == REPLICA_NOT_SUPPORTED) {
		replica_error_clear(ctx);
		return REPLICA_SUCCESS;
	}
	if (*lv && !replica_lv_has_tag(*lv, tag)) {
		replica_lv_free(*lv);
		*lv = NULL;
	}
	return ret;
}

static bool open_number(struct replica_ctx *ctx, const char *devno, struct replica_blockdev *dev)
{
	char path[PATH_MAX];
	dev_t number;

	if (replica_parse_devno(devno, &number))
		return false;
	replica_sysfs_path(ctx, number, path, sizeof(path));
	return !replica_sysfs_open(ctx, path, dev) && dev->devno == number;
}

/* The volume with that device number if it is ours. */
static int find_leg(struct replica_ctx *ctx, const char *devno, struct replica_lv **lv)
{
	struct replica_blockdev dev;

	return open_number(ctx, devno, &dev) ?
	       replica_pool_find(ctx, dev.unique_id, REPLICA_POOL_TAG, lv) : REPLICA_SUCCESS;
}

bool replica_pool_looks_cut(const char *dm_name, const char *dm_uuid)
{
	return strstr(dm_name, "-replica") || strncmp(dm_uuid, "LVM-", 4);
}

/*
 * It was a target if it has the tag of this replica; another tag may be what a replica has
 * left that is gone.  A source that LVM does not tell of is a source as any other.
 */
static int find_origin(struct replica_ctx *ctx, const char *devno, const char *name,
		       struct replica_lv **lv)
{
	char tag[REPLICA_POOL_NAME_TAG];
	struct replica_blockdev dev;
	int ret;

	if (!open_number(ctx, devno, &dev))
		return REPLICA_SUCCESS;
	replica_pool_name_tag(name, tag);
	ret = replica_pool_find(ctx, dev.unique_id, tag, lv);
	if (!ret || replica_pool_looks_cut(dev.dm_name, dev.dm_uuid))
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

/* The words of the table; false: there is none of ours. */
struct leg_numbers {
	char origin[32];
	char target[32];
	char meta[32];
};

static int read_numbers(struct replica_ctx *ctx, const char *name, struct leg_numbers *n,
			bool *found)
{
	struct replica_dm_table table;
	int ret = replica_dm_table(ctx, name, &table);

	*found = !ret && sscanf(table.params, "%31s %31s %31s", n->origin, n->target,
				n->meta) == 3;
	return ret;
}

int replica_pool_legs(struct replica_ctx *ctx, const char *name, struct replica_cut *legs)
{
	struct leg_numbers n;
	bool found;
	int ret = read_numbers(ctx, name, &n, &found);

	*legs = (struct replica_cut){ .lock = -1 };
	if (!found)
		return ret;
	ret = find_leg(ctx, n.target, &legs->target);
	if (!ret)
		ret = find_leg(ctx, n.meta, &legs->meta);
	return ret ? ret : find_origin(ctx, n.origin, name, &legs->origin);
}

int replica_pool_origin(struct replica_ctx *ctx, const char *name, struct replica_cut *legs)
{
	struct leg_numbers n;
	bool found;
	int ret = read_numbers(ctx, name, &n, &found);

	*legs = (struct replica_cut){ .lock = -1 };
	return found ? find_origin(ctx, n.origin, name, &legs->origin) : ret;
}

/* ------------------------------------------------------------------------ */
/* May they go? */

/* A thick snapshot goes with its origin, a thin one stays.  but: those with that tag, or NULL. */
static bool has_snapshot(const struct replica_lv *list, const struct replica_lv *lv,
			 const char *but)
{
	for (; list; list = list->next)
		if (!strcmp(list->origin, lv->name) && strcmp(list->segtype, "thin") &&
		    !(but && replica_lv_has_tag(list, but)))
			return true;
	return false;
}

bool replica_lv_has_snapshot(const struct replica_lv *list, const struct replica_lv *lv)
{
	return has_snapshot(list, lv, NULL);
}

static int check_snapshots(struct replica_ctx *ctx, const char *name,
			   const struct replica_lv *lv, bool protected)
{
	struct replica_lv *list;
	int ret;

	if (lv->lent)
		return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				    "the target of replica \"%s\", volume %s, is the source of a snapshot or of another replica, which has to end first",
				    name, lv->shown);
	ret = replica_volume_list(ctx, lv->vg, &list);
	if (!ret && has_snapshot(list, lv, protected ? REPLICA_POOL_TAG_PROTECT : NULL))
		ret = replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				   "the target of replica \"%s\", volume %s, has snapshots",
				   name, lv->shown);
	replica_lv_free(list);
	return ret;
}

static int check_holders(struct replica_ctx *ctx, const char *name,
			 const struct replica_lv *lv)
{
	struct replica_blockdev dev;
	struct replica_devs holders;
	char path[PATH_MAX], own[DM_REPLICA_NAME_LEN + 16];

	if (replica_sysfs_open(ctx, lv->path, &dev))
		return REPLICA_SUCCESS;
	snprintf(own, sizeof(own), "/dev/mapper/%s", name);
	replica_sysfs_holders(ctx, dev.devno, &holders);
	for (size_t i = 0; i < holders.count; i++) {
		replica_sysfs_path(ctx, holders.dev[i], path, sizeof(path));
		if (strcmp(path, own))
			return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
					    "the target of replica \"%s\", volume %s, is in use by %s too",
					    name, lv->shown, path);
	}
	return REPLICA_SUCCESS;
}

int replica_pool_was_cut(struct replica_ctx *ctx, const char *name,
			 const struct replica_cut *legs)
{
	if (legs->origin)
		return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
				    "the roles of replica \"%s\" are reversed: volume %s, which was cut from a pool, is its origin now, and what is in use is on it; reverse them again first",
				    name, legs->origin->shown);
	if (!legs->target)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
				    "the target of replica \"%s\" was not cut from a pool: it is no volume with the tag %s",
				    name, REPLICA_POOL_TAG);
	return REPLICA_SUCCESS;
}

int replica_pool_returnable(struct replica_ctx *ctx, const char *name,
			    const struct replica_cut *legs, bool protected)
{
	int ret = replica_pool_was_cut(ctx, name, legs);

	if (!ret)
		ret = check_holders(ctx, name, legs->target);
	return ret ? ret : check_snapshots(ctx, name, legs->target, protected);
}

/* ------------------------------------------------------------------------ */
/* Going and staying */

/* All tags of ours that a volume has. */
static size_t our_tags(char *copy, const char *tags[], size_t max)
{
	size_t n = 0;
	char *word;

	while (n < max && (word = strsep(&copy, ",")))
		if (!strcmp(word, REPLICA_POOL_TAG) || !strcmp(word, REPLICA_POOL_TAG_RETURN) ||
		    !strcmp(word, REPLICA_POOL_TAG_STORE) ||
		    !strcmp(word, REPLICA_POOL_TAG_REST) ||
		    !strncmp(word, REPLICA_POOL_TAG_NAME, strlen(REPLICA_POOL_TAG_NAME)))
			tags[n++] = word;
	return n;
}

static int tag_kept(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change)
{
	static const char *const kept[] = { REPLICA_POOL_TAG_KEPT };

	return replica_volume_tag(ctx, lv, change, kept, ARRAY_SIZE(kept));
}

/*
 * One of dm-thin without a tag has no entry in its directory, and nobody would find it after a
 * boot: as long as its replica is there it has another one instead.
 */
static int change_tags(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		       const char *const *tags, size_t count)
{
	bool adds = !strcmp(change, "--addtag");
	int ret = REPLICA_SUCCESS;

	if (!lv->thin_id)
		return replica_volume_tag(ctx, lv, change, tags, count);
	if (!adds)
		ret = tag_kept(ctx, lv, "--addtag");
	if (!ret)
		ret = replica_volume_tag(ctx, lv, change, tags, count);
	if (!ret && adds)
		ret = tag_kept(ctx, lv, "--deltag");
	return ret;
}

/* Those that it had when it was looked for. */
static int retag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change)
{
	const char *tags[8];
	char *copy;
	size_t n;
	int ret = REPLICA_SUCCESS;

	if (!lv)
		return ret;
	copy = strdup(lv->tags);
	if (!copy)
		return replica_fail_memory(ctx);
	n = our_tags(copy, tags, ARRAY_SIZE(tags));
	if (n)
		ret = change_tags(ctx, lv, change, tags, n);
	free(copy);
	return ret;
}

int replica_pool_keep(struct replica_ctx *ctx, const struct replica_cut *legs)
{
	int ret = retag(ctx, legs->target, "--deltag");

	return ret ? ret : retag(ctx, legs->origin, "--deltag");
}

void replica_pool_unkeep(struct replica_ctx *ctx, const struct replica_cut *legs)
{
	const struct replica_lv *const both[] = { legs->target, legs->origin };
	struct replica_error err = ctx->err;
	const struct replica_lv *bare = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++)
		if (retag(ctx, both[i], "--addtag"))
			bare = both[i];
	ctx->err = err;
	if (bare)
		replica_error_details(ctx,
				      "volume %s has lost the tag %s, and stays when the replica ends",
				      bare->shown, REPLICA_POOL_TAG);
}

void replica_pool_kept(struct replica_ctx *ctx, const struct replica_cut *legs)
{
	const struct replica_lv *const both[] = { legs->target, legs->origin };
	struct replica_error err = ctx->err;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++)
		if (both[i] && both[i]->thin_id)
			tag_kept(ctx, both[i], "--deltag");
	ctx->err = err;
}

int replica_pool_doom(struct replica_ctx *ctx, const struct replica_cut *legs)
{
	static const char *const tags[] = { REPLICA_POOL_TAG_RETURN };
	int ret = replica_volume_tag(ctx, legs->target, "--addtag", tags, 1);

	if (!ret && legs->meta)
		ret = replica_volume_tag(ctx, legs->meta, "--addtag", tags, 1);
	return ret;
}

/* Else a later end that keeps the target could leave a volume that is marked. */
void replica_pool_spare(struct replica_ctx *ctx, const struct replica_cut *legs)
{
	static const char *const tags[] = { REPLICA_POOL_TAG_RETURN };
	const struct replica_lv *const both[] = { legs->target, legs->meta };
	struct replica_error err = ctx->err;
	int ret = REPLICA_SUCCESS;

	for (size_t i = 0; i < ARRAY_SIZE(both); i++)
		if (both[i] && replica_volume_tag(ctx, both[i], "--deltag", tags, 1))
			ret = REPLICA_FAILED;
	ctx->err = err;
	if (ret && legs->target->thin_id)
		replica_error_details(ctx,
				      "the volumes are still marked as to go: 'replicactl detach' takes the mark off");
	else if (ret)
		replica_error_details(ctx,
				      "the volumes are still marked as to go: 'lvchange --deltag %s' takes the mark off",
				      REPLICA_POOL_TAG_RETURN);
}

void replica_pool_note_target(struct replica_ctx *ctx, const char *name,
			      char dm_uuid[DM_REPLICA_UUID_LEN])
{
	struct replica_error err = ctx->err;
	struct replica_blockdev dev;
	struct leg_numbers n;
	bool found;

	dm_uuid[0] = '\0';
	if (!read_numbers(ctx, name, &n, &found) && found && open_number(ctx, n.target, &dev))
		snprintf(dm_uuid, DM_REPLICA_UUID_LEN, "%s", dev.dm_uuid);
	ctx->err = err;
}

void replica_pool_unmark(struct replica_ctx *ctx, const char *dm_uuid)
{
	static const char *const tags[] = { REPLICA_POOL_TAG_RETURN };
	struct replica_error err = ctx->err;
	struct replica_lv *lv = NULL;
	bool marked = !replica_pool_find(ctx, dm_uuid, REPLICA_POOL_TAG_RETURN, &lv) && lv;
	int ret = marked ? replica_volume_tag(ctx, lv, "--deltag", tags, 1) : REPLICA_SUCCESS;

	ctx->err = err;
	if (ret)
		replica_error_details(ctx, "volume %s is still marked as to go, by the tag %s",
				      lv->shown, REPLICA_POOL_TAG_RETURN);
	replica_lv_free(lv);
}

int replica_pool_alone(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	struct replica_lv *list;
	int ret = replica_volume_list(ctx, lv->vg, &list);

	if (!ret && replica_lv_has_snapshot(list, lv))
		ret = replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_PARAM_POOL,
				   "volume %s has snapshots", lv->shown);
	replica_lv_free(list);
	return ret;
}

/* It was without snapshots before the replica was brought to rest, which may have taken long. */
static int remove_one(struct replica_ctx *ctx, const struct replica_lv *lv,
		      struct replica_pool_volume **list)
{
	int ret = replica_pool_alone(ctx, lv);
	struct replica_error err;

	if (!ret)
		ret = replica_volume_remove(ctx, lv, REPLICA_POOL_TAG);
	err = ctx->err;
	if (!ret)
		return list && !replica_pool_volume_add(list, lv, NULL) ?
		       replica_fail_memory(ctx) : ret;
	if (list)
		replica_pool_volume_add(list, lv, "it cannot be removed");
	replica_fail(ctx, ret, err.sm_code, REPLICA_PARAM_POOL,
		     "the replica was detached, but volume %s cannot be removed", lv->shown);
	replica_error_message(ctx, err.message[0] ? err.message : err.description);
	return ret;
}

int replica_pool_give_back(struct replica_ctx *ctx, const struct replica_cut *legs,
			   bool target, struct replica_pool_volume **list)
{
	int ret = REPLICA_SUCCESS;

	if (target && legs->target)
		ret = remove_one(ctx, legs->target, list);
	if (!ret && legs->meta)
		ret = remove_one(ctx, legs->meta, list);
	return ret;
}
