/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel with one dm-thin pool, in memory that processes share, and the names by which the
 * library's files call it: to be included before them, once.
 */
#ifndef _UNIT_THIN_KERNEL_H
#define _UNIT_THIN_KERNEL_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dm.h"
#include "dm-lines.h"
#include "lock.h"
#include "ondisk.h"
#include "pool.h"
#include "snapshot.h"

#define FIRST		REPLICA_THIN_FIRST
#define SLOTS		8
#define KILLED		9

static struct kernel {
	struct {
		bool there;
		bool written;
	} volume[SLOTS];		/* of the numbers from FIRST on */
	struct {
		char name[128];
		char uuid[DM_REPLICA_UUID_LEN];
		uint32_t loaded;	/* number; 0: no table */
		uint32_t live;
		uint64_t sectors;
		bool suspended;
		unsigned int other;	/* minor of the pool, if it is not ours */
		int below;		/* slot of what it is the source of snapshots of, from 1 */
	} map[SLOTS];			/* name "": free */
	int calls_left;			/* 0: nobody is killed */
	int fd;				/* what is on the directory */
	bool stale;			/* new blocks hold what is in old */
	bool mute;			/* does not tell what a volume was given */
	char old[2 * REPLICA_THIN_COPY_BYTES];
} *kernel;

/* Before each call. */
static void step(void)
{
	if (kernel->calls_left && !--kernel->calls_left)
		_exit(KILLED);
}

static int find_map(const char *name)
{
	for (int i = 0; i < SLOTS; i++)
		if (!strcmp(kernel->map[i].name, name))
			return i;
	return -1;
}

static bool is_mapped(uint32_t id)
{
	for (int i = 0; i < SLOTS; i++)
		if (kernel->map[i].name[0] &&
		    (kernel->map[i].live == id || kernel->map[i].loaded == id))
			return true;
	return false;
}

/* The pool takes it of a volume that is there, and wants its device suspended. */
static int kernel_snapshot(uint32_t id, uint32_t origin)
{
	uint32_t slot = id - FIRST;

	for (int i = 0; i < SLOTS; i++)
		if (kernel->map[i].live == origin && !kernel->map[i].suspended)
			return -EINVAL;
	if (slot >= SLOTS || !kernel->volume[origin - FIRST].there)
		return -EINVAL;
	if (kernel->volume[slot].there)
		return -EEXIST;
	kernel->volume[slot].there = true;
	kernel->volume[slot].written = kernel->volume[origin - FIRST].written;
	return 0;
}

static int message(const struct replica_thin_pool *pool, const char *what, uint32_t id)
{
	bool make = !strcmp(what, "create_thin");
	uint32_t slot = id - FIRST, other;

	(void)pool;
	step();
	if (sscanf(what, "create_snap %u", &other) == 1)
		return kernel_snapshot(other, id);
	if (slot >= SLOTS)
		return -EINVAL;
	if (make && kernel->volume[slot].there)
		return -EEXIST;
	if (!make && !kernel->volume[slot].there)
		return -ENODATA;
	if (!make && is_mapped(id))
		return -EBUSY;
	kernel->volume[slot].there = make;
	kernel->volume[slot].written = false;
	return id == FIRST && ftruncate(kernel->fd, 0) + ftruncate(kernel->fd, 1 << 20) ? -EIO : 0;
}

static int make(struct replica_ctx *ctx, const char *name, const char *uuid)
{
	int i = find_map("");

	step();
	if (find_map(name) >= 0)
		return replica_fail_errno(ctx, EBUSY, NULL, "%s is there", name);
	snprintf(kernel->map[i].name, sizeof(kernel->map[i].name), "%s", name);
	snprintf(kernel->map[i].uuid, sizeof(kernel->map[i].uuid), "%s", uuid);
	kernel->map[i].loaded = 0;
	kernel->map[i].live = 0;
	return REPLICA_SUCCESS;
}

static int load(struct replica_ctx *ctx, const char *name, uint64_t sectors, const char *type,
		const char *params)
{
	int i = find_map(name);
	uint32_t id;

	(void)type;
	step();
	if (sscanf(params, "253:9 %u", &id) != 1 || id - FIRST >= SLOTS || i < 0)
		return replica_fail_errno(ctx, EINVAL, NULL, "%s", params);
	if (!kernel->volume[id - FIRST].there)
		return replica_fail_errno(ctx, ENODATA, NULL, "%s", params);
	kernel->map[i].loaded = id;
	kernel->map[i].sectors = sectors;
	return REPLICA_SUCCESS;
}

static int resume(struct replica_ctx *ctx, const char *name, int hidden, bool freeze)
{
	int i = find_map(name);

	(void)ctx;
	(void)hidden;
	(void)freeze;
	step();
	if (kernel->map[i].loaded)
		kernel->map[i].live = kernel->map[i].loaded;
	kernel->map[i].suspended = false;
	return REPLICA_SUCCESS;
}

static int __attribute__((unused)) suspend(struct replica_ctx *ctx, const char *name)
{
	int i = find_map(name);

	(void)ctx;
	step();
	kernel->map[i].suspended = true;
	return REPLICA_SUCCESS;
}

static int dm_remove(struct replica_ctx *ctx, const char *name)
{
	int i = find_map(name);

	step();
	if (i < 0)
		return replica_fail_errno(ctx, ENXIO, NULL, "%s", name);
	memset(&kernel->map[i], 0, sizeof(kernel->map[i]));
	return REPLICA_SUCCESS;
}

static bool are_of(struct replica_ctx *ctx, const char *name, const char *uuid)
{
	int i = find_map(name);

	(void)ctx;
	return i >= 0 && !strcmp(kernel->map[i].uuid, uuid);
}

static int kernel_mapped(const char *name, uint64_t *sectors)
{
	int i = find_map(name);

	if (i < 0 || kernel->mute)
		return -EIO;
	*sectors = kernel->volume[kernel->map[i].live - FIRST].written ? 128 : 0;
	return 0;
}

static int write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	step();
	if (!kernel->volume[0].written && kernel->stale)
		replica_write_at(fd, kernel->old, sizeof(kernel->old), 0);
	kernel->volume[0].written = true;
	return replica_write_at(fd, data, size, offset);
}

static int idle(struct replica_ctx *ctx, const char *name, const char *what)
{
	(void)ctx;
	(void)name;
	(void)what;
	return REPLICA_SUCCESS;
}

static int find_pool(struct replica_ctx *ctx, const char *path, struct replica_thin_pool *pool)
{
	(void)ctx;
	*pool = (struct replica_thin_pool){ .name = "p", .devno = "253:9", .block = 65536 };
	snprintf(pool->path, sizeof(pool->path), "%s", path);
	return REPLICA_SUCCESS;
}

static int no_lock(struct replica_ctx *ctx, const struct replica_lock *lock, int *fd)
{
	(void)ctx;
	(void)lock;
	*fd = -1;
	return REPLICA_SUCCESS;
}

static void no_unlock(int *fd)
{
	*fd = -1;
}

static int lines_read(struct replica_ctx *ctx, const char *name, dev_t dev,
		      struct replica_lines *lines)
{
	int i = name ? find_map(name) : (int)minor(dev);
	char params[32];

	(void)ctx;
	memset(lines, 0, sizeof(*lines));
	if (i < 0)
		return -ENXIO;
	snprintf(params, sizeof(params), kernel->map[i].below ? "253:%u" : "253:%u %u",
		 kernel->map[i].below ? kernel->map[i].below - 1U :
		 kernel->map[i].other ? kernel->map[i].other : 9, kernel->map[i].live);
	snprintf(lines->uuid, sizeof(lines->uuid), "%s", kernel->map[i].uuid);
	lines->suspended = kernel->map[i].suspended;
	if (!kernel->map[i].live)
		return 0;
	lines->line = calloc(1, sizeof(*lines->line));
	lines->count = 1;
	lines->line->length = kernel->map[i].sectors;
	lines->line->type = strdup(kernel->map[i].below ? "snapshot-origin" : "thin");
	lines->line->params = strdup(params);
	return 0;
}

static int host_devno(struct replica_ctx *ctx, const char *path, dev_t *devno)
{
	(void)ctx;
	*devno = 1;
	return find_map(path + strlen("/dev/mapper/")) < 0 ? -ENOENT : 0;
}

static int host_open(struct replica_ctx *ctx, const char *path, int flags)
{
	int i = find_map(path + strlen("/dev/mapper/"));

	(void)ctx;
	(void)flags;
	if (i < 0 || kernel->map[i].live != FIRST)
		return -ENOENT;
	return dup(kernel->fd);
}

static const struct replica_host_ops host = {
	.devno = host_devno,
	.open = host_open,
};

/* The files as they are, above that kernel: each function of theirs has a name of its own. */
static __typeof__(replica_thin_map_make) test_map_make __attribute__((unused));
static __typeof__(replica_thin_map_gone) test_map_gone __attribute__((unused));
static __typeof__(replica_thin_map_at) test_map_at __attribute__((unused));
static __typeof__(replica_thin_follow) test_follow __attribute__((unused));
static __typeof__(replica_thin_begin) test_begin __attribute__((unused));
static __typeof__(replica_thin_save) test_save __attribute__((unused));
static __typeof__(replica_thin_end) test_end __attribute__((unused));
static __typeof__(replica_thin_list) test_list __attribute__((unused));
static __typeof__(replica_thin_create) test_create __attribute__((unused));
static __typeof__(replica_thin_remove) test_remove __attribute__((unused));
static __typeof__(replica_thin_tag) test_tag __attribute__((unused));
static __typeof__(replica_thin_activate) test_activate __attribute__((unused));
static __typeof__(replica_thin_by_dm_uuid) test_by_dm_uuid __attribute__((unused));
static __typeof__(replica_thin_note_size) test_note_size __attribute__((unused));

#define replica_thin_message		message
#define replica_thin_open		find_pool
#define replica_thin_find		find_pool
#define replica_thin_mapped		kernel_mapped
#define replica_snap_make		make
#define replica_snap_load		load
#define replica_snap_resume		resume
#define replica_snap_suspend		suspend
#define replica_snap_idle		idle
#define replica_dm_remove		dm_remove
#define replica_lines_are_of		are_of
#define replica_lines_read		lines_read
#define replica_write_at		write_at
#define replica_lock(ctx, lock, fd)	no_lock(ctx, lock, fd)
#define replica_unlock			no_unlock
#define replica_thin_map_make		test_map_make
#define replica_thin_map_gone		test_map_gone
#define replica_thin_map_at		test_map_at
#define replica_thin_follow		test_follow
#define replica_thin_begin		test_begin
#define replica_thin_save		test_save
#define replica_thin_end		test_end
#define replica_thin_list		test_list
#define replica_thin_create		test_create
#define replica_thin_remove		test_remove
#define replica_thin_tag		test_tag
#define replica_thin_activate		test_activate
#define replica_thin_by_dm_uuid		test_by_dm_uuid
#define replica_thin_note_size		test_note_size
#define replica_thin_has_id		test_has_id
#define replica_thin_add		test_add

bool test_has_id(const struct replica_thin_dir *dir, const struct replica_thin_volume *self,
		 uint32_t id);
int test_add(struct replica_thin_work *work, const struct replica_lvm_new *lv, const char *uuid,
	     struct replica_thin_volume **out);

#endif /* _UNIT_THIN_KERNEL_H */
