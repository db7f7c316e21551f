// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Volumes of a dm-thin pool are made and removed by a process that is killed before each of its
 * calls to the kernel, and the one that tidies up after it, too: what is left is found, all
 * of it goes, and nothing of others; and what else can lie about, as the mapped devices of a
 * copy of the pool, does no harm.  The kernel is one of our own, in shared memory.
 */
#include "fake.h"
#include "ktap.h"
#include "thin-kernel.h"

#include "../lib/thin-map.c"
#include "../lib/thin-work.c"
#include "../lib/thin.c"

#include "thin-killed.h"

static int remove_all(void)
{
	return tidy() < 0 ? REPLICA_FAILED : REPLICA_SUCCESS;
}

static int create_two(void)
{
	int ret = create("x-replica");

	return ret ? ret : create("x-meta");
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

/* The only volume of the pool; NULL: there is none, or more. */
static struct replica_lv *only_one(void)
{
	struct replica_lv *list;

	if (!CHECK_INT(test_list(ctx, POOL, &list), 0) || !CHECK(list && !list->next)) {
		replica_lv_free(list);
		return NULL;
	}
	return list;
}

/* A volume whose mapped device is the source of a snapshot is left as it is. */
static void lent(void)
{
	struct replica_lv *lv;
	int i;

	begin_pool(0);
	CHECK_INT(create_one(), 0);
	i = find_map("x-replica");
	kernel->map[i + 1] = kernel->map[i];
	strcpy(kernel->map[i + 1].name, "snap-base");
	strcpy(kernel->map[i + 1].uuid, "REPLICA-BASE-x");
	kernel->map[i].below = i + 2;
	kernel->map[i].live = SLOTS;
	lv = only_one();
	if (lv) {
		CHECK(lv->active && lv->lent);
		CHECK_INT(test_activate(ctx, lv), 0);
		CHECK_INT(test_remove(ctx, lv, REPLICA_POOL_TAG), REPLICA_FAILED);
		CHECK_HAS(replica_error_description(replica_last_error(ctx)),
			  "is the source of a snapshot");
		CHECK_STR(kernel->map[i].name, "x-replica");
		CHECK(kernel->volume[1].there);
		kernel->map[i] = kernel->map[i + 1];
		strcpy(kernel->map[i].name, lv->name);
		strcpy(kernel->map[i].uuid, lv->uuid);
		memset(&kernel->map[i + 1], 0, sizeof(kernel->map[0]));
		replica_lv_free(lv);
	}
	CHECK_INT(tidy(), 1);
	all_gone(0);
	end_pool();
}

/* A copy of the pool has the same names and uuids; the devices may be those of the other. */
static void copied(void)
{
	struct replica_lv *lv;
	int i;

	begin_pool(0);
	CHECK_INT(create_one(), 0);
	i = find_map("x-replica");
	kernel->map[i].other = 7;
	lv = only_one();
	if (lv) {
		CHECK(!lv->active);
		CHECK_INT(test_activate(ctx, lv), REPLICA_FAILED);
		CHECK_HAS(replica_error_description(replica_last_error(ctx)),
			  "is the pool a copy of another one");
		CHECK_INT(test_remove(ctx, lv, REPLICA_POOL_TAG), REPLICA_FAILED);
		CHECK_STR(kernel->map[i].name, "x-replica");
		CHECK(kernel->volume[1].there);
		replica_lv_free(lv);
	}
	kernel->map[i].other = 0;
	kernel->map[i].live++;			/* and by the number alone */
	lv = only_one();
	if (lv)
		CHECK(!lv->active);
	replica_lv_free(lv);
	kernel->map[i].live--;
	CHECK_INT(tidy(), 1);
	all_gone(0);
	end_pool();
}

/* A pool that does not zero its blocks may bring back an old directory: it is not believed. */
static void stale(void)
{
	bool goes_on = true;

	for (int n = 1; goes_on && !ktap_failed; n++) {
		begin_pool(1 << 1);
		CHECK_INT(create_two(), 0);
		CHECK_INT(replica_read_at(kernel->fd, kernel->old, sizeof(kernel->old), 0), 0);
		CHECK_INT(tidy(), 2);
		kernel->volume[1].there = false;
		kernel->stale = true;
		goes_on = killed(create_one, n);
		CHECK(tidy() >= 0);
		all_gone(0);
		end_pool();
	}
}

/* Whose a volume is that was about to be made is not guessed. */
static void not_told(void)
{
	int n, told = 0;
	bool goes_on = true;

	for (n = 1; goes_on && !ktap_failed; n++) {
		begin_pool(0);
		CHECK_INT(create("w-replica"), 0);
		goes_on = killed(create_one, n);
		kernel->mute = true;
		if (tidy() < 0) {
			told++;
			CHECK_HAS(replica_error_description(replica_last_error(ctx)),
				  "is not known");
		}
		kernel->mute = false;
		CHECK(tidy() >= 0);
		all_gone(0);
		end_pool();
	}
	CHECK(told > 0);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(makes_and_removes), T(killed_making), T(killed_removing), T(killed_twice),
		T(kept), T(foreign), T(lent), T(copied), T(stale), T(not_told),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
