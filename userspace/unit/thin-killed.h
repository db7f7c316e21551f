/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool of the kernel in thin-kernel.h, and processes that are killed: behind thin.c, once. */
#ifndef _UNIT_THIN_KILLED_H
#define _UNIT_THIN_KILLED_H

#include <sys/mman.h>
#include <sys/wait.h>

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

static int create_one(void)
{
	return create("x-replica");
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
	for (unsigned int i = 0; i < SLOTS; i++) {
		kernel->volume[i].there = theirs >> i & 1;
		kernel->volume[i].written = theirs >> i & 1;
	}
}

static void end_pool(void)
{
	close(kernel->fd);
	munmap(kernel, sizeof(*kernel));
	fake_free(ctx);
}

#endif /* _UNIT_THIN_KILLED_H */
