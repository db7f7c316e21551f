// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Looks for meta devices.  Most block devices are none, and two blocks of them
 * tell; the log is read only where there is one.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fit.h"
#include "genl.h"
#include "info.h"
#include "ondisk.h"
#include "scan.h"
#include "sysfs.h"

EXPORT void replica_meta_entry_free(struct replica_meta_entry *list)
{
	struct replica_meta_entry *next;

	for (; list; list = next) {
		next = list->next;
		free(list->path);
		free(list->name);
		free(list->uuid);
		free(list->device);
		free(list);
	}
}

/* Without a module no replica is active. */
int replica_scan_replicas(struct replica_ctx *ctx, struct replica_info **list)
{
	struct replica_genl *g;
	int ret;

	*list = NULL;
	if (replica_genl_present(ctx) == 0)
		return REPLICA_SUCCESS;
	ret = replica_genl_get(ctx, &g);
	return ret ? ret : replica_info_list(ctx, g, list);
}

const struct replica_info *replica_scan_user(const struct replica_info *replicas, dev_t devno)
{
	dev_t meta;

	for (; replicas; replicas = replicas->next)
		if (replicas->meta && replica_parse_devno(replicas->meta, &meta) == 0 &&
		    meta == devno)
			return replicas;
	return NULL;
}

struct scan {
	struct replica_ctx *ctx;
	struct replica_info *replicas;
	struct replica_meta_entry *list;	/* ordered by path */
	bool any;			/* also those that are not to be believed */
	bool no_memory;
};

static void insert(struct scan *s, struct replica_meta_entry *e)
{
	struct replica_meta_entry **at = &s->list;

	while (*at && strcmp((*at)->path, e->path) < 0)
		at = &(*at)->next;
	e->next = *at;
	*at = e;
}

static int fill_log(struct replica_meta_entry *e, struct replica_meta *meta)
{
	const struct replica_meta_fields *f = replica_meta_fields(meta);

	e->verdict = meta->why;
	if (!f)
		return 0;
	e->name = strdup(f->name ? f->name : "");
	e->uuid = strdup(f->uuid);
	e->copy_state = f->copy_state;
	e->clean = f->clean && !f->lost && !meta->nr_damage;
	e->size = f->size;
	e->dirty_bytes = replica_meta_dirty_bytes(meta);
	return e->name && e->uuid ? 0 : -ENOMEM;
}

static int fill_user(struct replica_meta_entry *e, const struct replica_info *user)
{
	e->active = user;
	if (user && asprintf(&e->device, "/dev/mapper/%s", user->name) < 0)
		e->device = NULL;
	return !user || e->device ? 0 : -ENOMEM;
}

static void add_entry(struct scan *s, const char *path, dev_t devno, struct replica_meta *meta)
{
	struct replica_meta_entry *e = calloc(1, sizeof(*e));

	if (!e) {
		s->no_memory = true;
		return;
	}
	e->path = strdup(path);
	if (!e->path || fill_log(e, meta) ||
	    fill_user(e, replica_scan_user(s->replicas, devno))) {
		s->no_memory = true;
		replica_meta_entry_free(e);
		return;
	}
	if (!e->active)
		e->fit = replica_fit_look(s->ctx, meta);
	insert(s, e);
}

/* The second copy is looked at when the first one is not what it should be. */
static bool has_magic(int fd)
{
	static const uint64_t blocks[] = { DM_REPLICA_SB_BLOCK_0, DM_REPLICA_SB_BLOCK_1 };
	struct dm_replica_superblock sb;

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		if (!replica_read_at(fd, &sb, sizeof(sb), blocks[i] * sizeof(sb)) &&
		    !memcmp(sb.magic, DM_REPLICA_SB_MAGIC, DM_REPLICA_MAGIC_LEN))
			return true;
	return false;
}

/* 0 whether there is a log or not, -errno when the device cannot be opened. */
static int look(struct scan *s, const char *path, dev_t devno)
{
	struct replica_meta meta;
	uint64_t size;
	int fd = replica_meta_open_file(s->ctx, path, false, false, &size);

	if (fd < 0)
		return fd;
	if (has_magic(fd)) {
		if (replica_meta_read(&meta, fd, size)) {
			s->no_memory = true;
		} else {
			add_entry(s, path, devno, &meta);
			replica_meta_clear(&meta);
		}
	}
	close(fd);
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Which devices */

/*
 * Reading a mapped device that is suspended would wait, and one that is a replica
 * is no meta device.  What lies below another device, such as the paths of a
 * multipath device, is found as that.
 */
static bool worth_a_look(struct scan *s, const struct replica_blockdev *dev)
{
	struct replica_devs holders;

	if (!dev->size || dev->suspended)
		return false;
	for (const struct replica_info *i = s->replicas; i; i = i->next)
		if (makedev(i->major, i->minor) == dev->devno)
			return false;
	replica_sysfs_holders(s->ctx, dev->devno, &holders);
	return !holders.count || replica_scan_user(s->replicas, dev->devno);
}

static void scan_one(struct scan *s, dev_t devno)
{
	struct replica_blockdev dev;
	char path[PATH_MAX];

	/* Named by nobody, and written by others than the administrator. */
	if (!s->any && replica_sysfs_untrusted(s->ctx, devno) &&
	    !replica_scan_user(s->replicas, devno))
		return;
	replica_sysfs_path(s->ctx, devno, path, sizeof(path));
	if (path[0] == '/' && replica_sysfs_open(s->ctx, path, &dev) == 0 &&
	    dev.devno == devno && worth_a_look(s, &dev))
		look(s, path, devno);
}

static int scan_all(struct scan *s)
{
	char path[PATH_MAX];
	struct dirent *entry;
	dev_t devno;
	DIR *d;

	snprintf(path, sizeof(path), "%s/sys/dev/block", s->ctx->root);
	d = opendir(path);
	if (!d)
		return replica_fail_errno(s->ctx, errno, NULL,
					  "the block devices cannot be listed");
	while ((entry = readdir(d)))
		if (replica_parse_devno(entry->d_name, &devno) == 0)
			scan_one(s, devno);
	closedir(d);
	return REPLICA_SUCCESS;
}

static int scan_paths(struct scan *s, const char *const *paths, size_t count)
{
	dev_t devno;
	int r;

	for (size_t i = 0; i < count; i++) {
		r = s->ctx->host->devno(s->ctx, paths[i], &devno);
		if (!r)
			r = look(s, paths[i], devno);
		if (r)
			return replica_fail_errno(s->ctx, r, "MetaDevice",
						  "%s cannot be searched for a log", paths[i]);
	}
	return REPLICA_SUCCESS;
}

int replica_scan_run(struct replica_ctx *ctx, const char *const *paths, size_t count, bool any,
		     struct replica_meta_entry **list)
{
	struct scan s = { .ctx = ctx, .any = any };
	int ret = replica_scan_replicas(ctx, &s.replicas);

	*list = NULL;
	if (!ret)
		ret = count ? scan_paths(&s, paths, count) : scan_all(&s);
	if (!ret && s.no_memory)
		ret = replica_fail_memory(ctx);
	replica_info_free(s.replicas);
	if (ret)
		replica_meta_entry_free(s.list);
	else
		*list = s.list;
	return ret;
}

EXPORT int replica_meta_scan(struct replica_ctx *ctx, const char *const *paths,
			     size_t count, struct replica_meta_entry **list)
{
	replica_error_begin(ctx, "ScanMetaDevices");
	return replica_scan_run(ctx, paths, count, false, list);
}
