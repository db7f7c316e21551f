// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Volumes that were cut from a pool and that nobody knows any more.  What a replica has
 * as a leg is known, and so is what a log names; a log that was never activated was made
 * by a creation that did not come to its end, and names nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <replica/meta.h>

#include "info.h"
#include "ondisk.h"
#include "pool.h"
#include "scan.h"
#include "signature.h"
#include "snapshot.h"
#include "sysfs.h"

#define KNOWN_MAX	4096

struct known {
	dev_t devno;
	char name[DM_REPLICA_NAME_LEN];		/* of the replica */
	bool live;
	bool log;				/* it is a log, */
	uint8_t uuid[16];			/* and that is its replica's */
};

struct left {
	struct replica_ctx *ctx;
	bool force;
	bool dry_run;
	bool kept;				/* also those that are about to be kept */
	struct replica_lv *volumes;
	struct known *known;
	size_t count;
	int ret;				/* of the first that failed */
	struct replica_error err;		/* likewise */
	struct replica_pool_volume **list;
};

/* ------------------------------------------------------------------------ */
/* What is known */

static int add_known(struct left *l, dev_t devno, const char *name, bool live)
{
	struct known *known;

	if (l->count == KNOWN_MAX)
		return replica_fail(l->ctx, REPLICA_NO_RESOURCES, E2BIG, REPLICA_PARAM_POOL,
				    "there are more than %d legs and logs", KNOWN_MAX);
	known = realloc(l->known, (l->count + 1) * sizeof(*known));
	if (!known)
		return replica_fail_memory(l->ctx);
	l->known = known;
	known += l->count++;
	known->devno = devno;
	known->live = live;
	known->log = false;
	snprintf(known->name, sizeof(known->name), "%s", name);
	return REPLICA_SUCCESS;
}

static int add_number(struct left *l, const char *text, const char *name)
{
	dev_t devno;

	return text && replica_parse_devno(text, &devno) == 0 ?
	       add_known(l, devno, name, true) : REPLICA_SUCCESS;
}

static int add_path(struct left *l, const char *path, const char *name)
{
	dev_t devno;

	return path && l->ctx->host->devno(l->ctx, path, &devno) == 0 ?
	       add_known(l, devno, name, false) : REPLICA_SUCCESS;
}

/* The paths in a log may be out of date, as of a volume group that has another name now. */
static int add_log(struct left *l, const struct dm_replica_superblock *sb, const char *name)
{
	int ret = add_known(l, 0, name, false);
	struct known *known;

	if (ret)
		return ret;
	known = &l->known[l->count - 1];
	known->log = true;
	memcpy(known->uuid, sb->uuid, sizeof(known->uuid));
	return REPLICA_SUCCESS;
}

static int know_replicas(struct left *l)
{
	struct replica_info *list;
	int ret = replica_scan_replicas(l->ctx, &list);

	for (const struct replica_info *i = list; i && !ret; i = i->next) {
		ret = add_number(l, i->origin, i->name);
		if (!ret)
			ret = add_number(l, i->replica, i->name);
		if (!ret)
			ret = add_number(l, i->meta, i->name);
	}
	replica_info_free(list);
	return ret;
}

/* Their stores. */
static int know_snapshots(struct left *l)
{
	struct replica_info *list;
	int ret = replica_snap_list(l->ctx, &list);

	for (const struct replica_info *i = list; i && !ret; i = i->next)
		ret = add_number(l, i->replica, i->name);
	replica_info_free(list);
	return ret;
}

static int know_named(struct left *l, const char *path, const struct replica_meta *meta)
{
	const struct dm_replica_superblock *sb = replica_meta_superblock(meta);
	const char *name = meta->fields.name ? meta->fields.name : "?";
	int ret;

	if (sb && !sb->activation)
		return REPLICA_SUCCESS;
	ret = add_path(l, path, name);		/* a damaged one too */
	if (!ret && sb)
		ret = add_log(l, sb, name);
	if (!ret && sb)
		ret = add_path(l, meta->fields.origin_path, name);
	if (!ret && sb)
		ret = add_path(l, meta->fields.replica_path, name);
	return ret;
}

static int know_log(struct left *l, const char *path)
{
	struct replica_meta meta;
	uint64_t size;
	int fd = replica_meta_open_file(l->ctx, path, false, false, &size), ret;

	if (fd < 0)
		return replica_fail_errno(l->ctx, fd, REPLICA_PARAM_POOL,
					  "the log on %s cannot be read", path);
	ret = replica_meta_read(&meta, fd, size) ? replica_fail_memory(l->ctx) :
						   know_named(l, path, &meta);
	if (!ret)
		replica_meta_clear(&meta);
	close(fd);
	return ret;
}

static int know_logs(struct left *l)
{
	struct replica_meta_entry *list;
	int ret = replica_scan_run(l->ctx, NULL, 0, true, &list);

	for (const struct replica_meta_entry *e = list; e && !ret; e = e->next)
		if (!e->active)
			ret = know_log(l, e->path);
	replica_meta_entry_free(list);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* One volume */

/* Return: 0, an errno, or -ENODATA when there is none. */
static int read_label(struct left *l, const struct replica_lv *lv, struct dm_replica_label *label)
{
	uint64_t size = lv->size - lv->size % sizeof(*label);
	int fd = l->ctx->host->open(l->ctx, lv->path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? fd : 0;

	if (!r && size)
		r = replica_read_at(fd, label, sizeof(*label), size - sizeof(*label));
	if (fd >= 0)
		close(fd);
	if (r)
		return r;
	return size && replica_label_judge(label) == REPLICA_BLOCK_GOOD ? 0 : -ENODATA;
}

/* What cannot be read is not thrown away. */
static bool has_label(struct left *l, const struct replica_lv *lv)
{
	struct dm_replica_label label;

	return read_label(l, lv, &label) != -ENODATA;
}

static const struct known *find_known(const struct left *l, dev_t devno)
{
	for (size_t i = 0; i < l->count; i++)
		if (!l->known[i].log && l->known[i].devno == devno)
			return &l->known[i];
	return NULL;
}

/* Whose label it has, of the replicas whose logs were found. */
static const struct known *find_log(struct left *l, const struct replica_lv *lv)
{
	struct dm_replica_label label;

	if (read_label(l, lv, &label))
		return NULL;
	for (size_t i = 0; i < l->count; i++)
		if (l->known[i].log && !memcmp(l->known[i].uuid, label.uuid, sizeof(label.uuid)))
			return &l->known[i];
	return NULL;
}

/* LVM removes them with their origin, and they may be all that somebody has. */
static bool has_snapshot(struct left *l, const struct replica_lv *lv)
{
	struct replica_lv *list;
	/* Where nothing is known nothing is thrown away. */
	bool has = replica_volume_list(l->ctx, lv->vg, &list) || replica_lv_has_snapshot(list, lv);

	replica_lv_free(list);
	replica_error_clear(l->ctx);
	return has;
}

/* Somebody may be using it, though our tag is on it: detach could not reach LVM. */
static bool has_content(struct left *l, const struct replica_lv *lv, char *why, size_t size)
{
	struct replica_signature sig = { .count = 0 };
	int r;

	snprintf(why, size, "it is a replica whose log is not found; force removes it");
	if (has_label(l, lv))
		return true;
	r = l->ctx->host->signature(l->ctx, lv->path, &sig);
	if (r)
		snprintf(why, size, "what is on it cannot be read; force removes it");
	else
		snprintf(why, size, "it carries data: %s; force removes it", sig.text);
	return r || sig.count;
}

/* Force is for what is stale, and that looks the same. */
static bool has_rest(struct left *l, const struct replica_lv *lv, char *why, size_t size)
{
	if (!replica_lv_has_tag(lv, REPLICA_POOL_TAG_REST) || !has_content(l, lv, why, size))
		return false;
	snprintf(why, size,
		 "it has what a restore has not copied; force removes it without the tag %s",
		 REPLICA_POOL_TAG_REST);
	return true;
}

/* True with the reason when the volume stays. */
static bool stays(struct left *l, const struct replica_lv *lv, char *why, size_t size)
{
	const struct known *known;
	dev_t devno;

	if (!lv->active || l->ctx->host->devno(l->ctx, lv->path, &devno)) {
		snprintf(why, size, "it is not active, so that logs on it are not seen");
		return true;
	}
	known = find_known(l, devno);
	if (known) {
		snprintf(why, size, known->live ? "it belongs to replica \"%s\"" :
			 "the log of replica \"%s\" names it", known->name);
		return true;
	}
	known = find_log(l, lv);
	if (known) {
		snprintf(why, size, "it has the label of replica \"%s\", whose log is there",
			 known->name);
		return true;
	}
	snprintf(why, size, "it is in use");
	if (lv->open)
		return true;
	snprintf(why, size, "it is the source of a snapshot or of a replica");
	if (lv->lent)
		return true;
	snprintf(why, size, "it has snapshots, which would go with it");
	if (has_snapshot(l, lv) || has_rest(l, lv, why, size))
		return true;
	return !l->force && !replica_lv_has_tag(lv, REPLICA_POOL_TAG_RETURN) &&
	       has_content(l, lv, why, size);
}

static void note_failure(struct left *l, int ret)
{
	if (!ret || l->ret)
		return;
	l->ret = ret;
	l->err = l->ctx->err;
}

static void judge(struct left *l, const struct replica_lv *lv)
{
	char why[sizeof(((struct replica_signature *)NULL)->text) + 64] = "it cannot be removed";
	bool kept = stays(l, lv, why, sizeof(why));
	int ret = REPLICA_SUCCESS;

	if (!kept && !l->dry_run)
		ret = replica_volume_remove(l->ctx, lv, REPLICA_POOL_TAG);
	if (ret)
		snprintf(why, sizeof(why), "it cannot be removed");
	note_failure(l, ret);
	if (!replica_pool_volume_add(l->list, lv, kept || ret ? why : NULL))
		note_failure(l, replica_fail_memory(l->ctx));
}

/* ------------------------------------------------------------------------ */
/* All of a pool */

static bool is_ours(const struct left *l, const struct replica_lv *lv,
		    const struct replica_pool *pool)
{
	return (replica_lv_has_tag(lv, REPLICA_POOL_TAG) ||
		(l->kept && replica_lv_has_tag(lv, REPLICA_POOL_TAG_KEPT))) &&
	       !strcmp(lv->pool, pool->thin);
}

static int list_ours(struct left *l, const struct replica_pool *pool)
{
	struct replica_lv **at = &l->volumes, *lv;
	int ret = replica_volume_list(l->ctx, pool->vg, &l->volumes);

	while ((lv = *at)) {
		if (is_ours(l, lv, pool)) {
			at = &lv->next;
			continue;
		}
		*at = lv->next;
		lv->next = NULL;
		replica_lv_free(lv);
	}
	return ret;
}

/*
 * Without it a log that stands on one of them could not be seen.  One that fails does not keep
 * the others down; its error is the one that is told.
 */
static int activate_ours(struct left *l, const struct replica_pool *pool)
{
	struct replica_error err = { .status_code = 0 };
	bool any = false;
	int ret = REPLICA_SUCCESS, r;

	for (const struct replica_lv *lv = l->volumes; lv; lv = lv->next) {
		if (lv->active)
			continue;
		any = true;
		r = replica_volume_activate(l->ctx, lv);
		if (r && !ret) {
			ret = r;
			err = l->ctx->err;
		}
	}
	if (ret)
		l->ctx->err = err;
	if (!any || ret)
		return ret;
	replica_lv_free(l->volumes);
	l->volumes = NULL;
	return list_ours(l, pool);
}

static int clean(struct left *l, const struct replica_pool *pool)
{
	int ret = list_ours(l, pool);

	if (!ret && !l->dry_run)
		ret = activate_ours(l, pool);
	if (!ret)
		ret = know_replicas(l);
	if (!ret)
		ret = know_snapshots(l);
	if (!ret)
		ret = know_logs(l);
	for (const struct replica_lv *lv = l->volumes; lv && !ret; lv = lv->next)
		judge(l, lv);
	if (!ret && l->ret) {
		ret = l->ret;
		l->ctx->err = l->err;
	}
	replica_lv_free(l->volumes);
	free(l->known);
	return ret;
}

EXPORT int replica_pool_activate(struct replica_ctx *ctx, const char *pool)
{
	struct left l = { .ctx = ctx, .kept = true };
	struct replica_pool which;
	int lock = -1, ret;

	replica_error_begin(ctx, "ActivateReplica");
	ret = replica_pool_open(ctx, pool, &which);
	if (!ret)
		ret = replica_pool_lock(ctx, true, &lock);
	if (!ret)
		ret = list_ours(&l, &which);
	if (!ret)
		ret = activate_ours(&l, &which);
	replica_lv_free(l.volumes);
	replica_pool_unlock(&lock);
	return ret;
}

EXPORT int replica_return_left(struct replica_ctx *ctx, const char *pool, bool force,
			       bool dry_run, struct replica_pool_volume **list)
{
	struct left l = { .ctx = ctx, .force = force, .dry_run = dry_run, .list = list };
	struct replica_pool which;
	int lock = -1, ret;

	*list = NULL;
	replica_error_begin(ctx, "SetReplicationRelationship:Return To ResourcePool");
	ret = replica_pool_open(ctx, pool, &which);
	if (!ret)
		ret = replica_pool_lock(ctx, true, &lock);
	if (!ret)
		ret = clean(&l, &which);
	replica_pool_unlock(&lock);
	return ret;
}
