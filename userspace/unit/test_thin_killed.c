// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Volumes of a dm-thin pool are made and removed by a process that is killed before each of its
 * calls to the kernel, and the one that tidies up after it, too: what is left is found, all
 * of it goes, and nothing of others.  The kernel is one of our own, in shared memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dm.h"
#include "dm-lines.h"
#include "fake.h"
#include "ktap.h"
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
		char uuid[130];
		uint32_t loaded;	/* number; 0: no table */
		uint32_t live;
		uint64_t sectors;
	} map[SLOTS];			/* name "": free */
	int calls_left;			/* 0: nobody is killed */
	int fd;				/* what is on the directory */
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

static int message(const struct replica_thin_pool *pool, const char *what, uint32_t id)
{
	bool make = !strcmp(what, "create_thin");
	uint32_t slot = id - FIRST;

	(void)pool;
	step();
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
	kernel->map[i].live = kernel->map[i].loaded;
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

static bool map_empty(const char *name)
{
	int i = find_map(name);

	return i >= 0 && !kernel->volume[kernel->map[i].live - FIRST].written;
}

static int write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	step();
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
	int i = find_map(name);

	(void)ctx;
	(void)dev;
	memset(lines, 0, sizeof(*lines));
	if (i < 0)
		return -ENXIO;
	snprintf(lines->uuid, sizeof(lines->uuid), "%s", kernel->map[i].uuid);
	if (!kernel->map[i].live)
		return 0;
	lines->line = calloc(1, sizeof(*lines->line));
	lines->count = 1;
	lines->line->length = kernel->map[i].sectors;
	lines->line->type = strdup("thin");
	lines->line->params = strdup("");
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
#define OURS(name)	static __typeof__(replica_thin_##name) test_##name __attribute__((unused))

OURS(map_make);
OURS(map_gone);
OURS(map_is);
OURS(begin);
OURS(save);
OURS(end);
OURS(list);
OURS(create);
OURS(remove);
OURS(tag);
OURS(activate);
OURS(by_dm_uuid);
OURS(note_size);

#define replica_thin_message		message
#define replica_thin_open		find_pool
#define replica_thin_find		find_pool
#define replica_thin_map_empty		map_empty
#define replica_snap_make		make
#define replica_snap_load		load
#define replica_snap_resume		resume
#define replica_snap_idle		idle
#define replica_dm_remove		dm_remove
#define replica_lines_are_of		are_of
#define replica_lines_read		lines_read
#define replica_write_at		write_at
#define replica_lock(ctx, lock, fd)	no_lock(ctx, lock, fd)
#define replica_unlock			no_unlock
#define replica_thin_map_make		test_map_make
#define replica_thin_map_gone		test_map_gone
#define replica_thin_map_is		test_map_is
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

#include "../lib/thin-map.c"
#include "../lib/thin-work.c"
#include "../lib/thin.c"

#define POOL	"/dev/mapper/p"

/* ------------------------------------------------------------------------ */

static struct replica_ctx *ctx;

static int create(const char *name)
{
	const struct replica_lvm_new new = {
		.vg = POOL, .name = name, .size = 1 << 20,
		.tags = { REPLICA_POOL_TAG, "dm-replica.x" },
	};

	return test_create(ctx, &new);
}

/* What 'return-to-pool --left' does; the number of volumes that it has removed. */
static int tidy(void)
{
	struct replica_lv *list;
	int count = 0;

	if (test_list(ctx, POOL, &list))
		return -1;
	for (struct replica_lv *lv = list; lv; lv = lv->next)
		if (!lv->active && test_activate(ctx, lv))
			count = -1;
	replica_lv_free(list);
	if (count || test_list(ctx, POOL, &list))
		return -1;
	for (struct replica_lv *lv = list; lv; lv = lv->next, count++)
		if (!lv->active || test_remove(ctx, lv, REPLICA_POOL_TAG))
			return -1;
	replica_lv_free(list);
	return count;
}

static int remove_all(void)
{
	return tidy() < 0 ? REPLICA_FAILED : REPLICA_SUCCESS;
}

static int create_one(void)
{
	return create("x-replica");
}

static int create_two(void)
{
	int ret = create("x-replica");

	return ret ? ret : create("x-meta");
}

/* In a process that is killed before its Nth call; true if it was. */
static bool killed(int (*work)(void), int n)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		kernel->calls_left = n;
		_exit(work() ? 1 : 0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	kernel->calls_left = 0;
	CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
	return WEXITSTATUS(status) == KILLED;
}

/* Somebody else's are there, and nothing of ours. */
static void all_gone(unsigned int theirs)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		CHECK_INT(kernel->volume[i].there, theirs >> i & 1);
		CHECK_STR(kernel->map[i].name, "");
	}
}

static void begin_pool(unsigned int theirs)
{
	kernel = mmap(NULL, sizeof(*kernel), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (kernel == MAP_FAILED)
		abort();
	ctx = fake_ctx();
	ctx->host = &host;
	kernel->fd = memfd_create("directory", MFD_CLOEXEC);
	for (unsigned int i = 0; i < SLOTS; i++)
		if (theirs >> i & 1)
			kernel->volume[i].there = kernel->volume[i].written = true;
}

static void end_pool(void)
{
	close(kernel->fd);
	munmap(kernel, sizeof(*kernel));
	fake_free(ctx);
}

static void makes_and_removes(void)
{
	struct replica_lv *list;

	begin_pool(1 << 2);
	CHECK_INT(create_two(), 0);
	if (CHECK_INT(test_list(ctx, POOL, &list), 0) && CHECK(list && list->next)) {
		CHECK_INT(list->thin_id, FIRST + 1);
		CHECK_INT(list->next->thin_id, FIRST + 3);	/* 2 is somebody else's */
		CHECK_STR(list->path, "/dev/mapper/x-replica");
		CHECK_INT(list->size, 1 << 20);
		CHECK(list->active && list->next->active);
		replica_lv_free(list);
	}
	CHECK_INT(tidy(), 2);
	all_gone(1 << 2);
	end_pool();
}

/* One that is killed, and nobody else: all goes, and without a trace. */
static void kill_each(int (*before)(void), int (*work)(void), unsigned int theirs)
{
	int n;

	for (n = 1; n < 1000; n++) {
		begin_pool(theirs);
		CHECK_INT(before ? before() : 0, 0);
		if (!killed(work, n)) {
			CHECK(tidy() >= 0);
			all_gone(theirs);
			end_pool();
			break;
		}
		CHECK(tidy() >= 0);
		all_gone(theirs);
		end_pool();
		if (ktap_failed)
			break;
	}
	printf("# killed %d times\n", n - 1);
	CHECK(n > 8 && n < 1000);
}

static void killed_making(void)
{
	kill_each(NULL, create_two, 0);
	kill_each(NULL, create_two, 1 << 1 | 1 << 2);
}

static void killed_removing(void)
{
	kill_each(create_two, remove_all, 0);
}

/* And who tidies up is killed, too. */
static void killed_twice(void)
{
	int n, m, count = 0;
	bool goes_on = true;

	for (n = 1; goes_on && !ktap_failed; n++) {
		bool again = true;

		for (m = 1; again && !ktap_failed; m++) {
			begin_pool(1 << 2);
			goes_on = killed(create_one, n);
			again = killed(remove_all, m);
			CHECK(tidy() >= 0);
			all_gone(1 << 2);
			end_pool();
			count++;
		}
	}
	printf("# killed %d times\n", count);
	CHECK(count > 100);
}

/* A volume that is kept is nobody's business any more, and its number is not given out. */
static void kept(void)
{
	const char *const all[] = { REPLICA_POOL_TAG, "dm-replica.x" };
	struct replica_lv *list;

	begin_pool(0);
	CHECK_INT(create_one(), 0);
	if (CHECK_INT(test_list(ctx, POOL, &list), 0) && CHECK(list)) {
		CHECK_INT(test_tag(ctx, list, "--addtag", (const char *[]){ "more" }, 1), 0);
		CHECK_INT(test_tag(ctx, list, "--deltag", all, 2), 0);
		CHECK_INT(test_tag(ctx, list, "--deltag", (const char *[]){ "more" }, 1), 0);
		CHECK_INT(test_tag(ctx, list, "--addtag", all, 1), REPLICA_NOT_FOUND);
		replica_lv_free(list);
	}
	CHECK_INT(tidy(), 0);
	CHECK(kernel->volume[1].there && !kernel->volume[0].there);
	CHECK_INT(create("y-replica"), 0);
	CHECK(kernel->volume[2].there);
	CHECK_INT(tidy(), 1);
	CHECK(kernel->volume[1].there && !kernel->volume[0].there && !kernel->volume[2].there);
	end_pool();
}

/* The number of the directory is somebody else's. */
static void foreign(void)
{
	begin_pool(1);
	if (ftruncate(kernel->fd, 1 << 20))
		abort();
	CHECK_INT(create_one(), REPLICA_FAILED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "is somebody else's");
	CHECK_INT(tidy(), -1);
	all_gone(1);
	end_pool();
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(makes_and_removes), T(killed_making), T(killed_removing), T(killed_twice),
		T(kept), T(foreign),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
