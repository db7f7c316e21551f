// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A snapshot of a volume of a dm-thin pool is made by a process that is killed before each of its
 * calls to the kernel: nobody gets to see one that was not approved, and what is left goes.
 */
#include "fake.h"
#include "ktap.h"
#include "thin-kernel.h"

#include "../lib/thin-map.c"
#include "../lib/thin-work.c"
#include "../lib/thin.c"

/* What this file calls as others do. */
static int wakes(struct replica_ctx *c, const char *name, int hidden, bool freeze)
{
	return resume(c, name, hidden, freeze);
}

#undef replica_snap_resume
#define replica_snap_resume	wakes
#define resume			snapshot_resume
#define make			snapshot_make
#define map_of			snapshot_map_of
#define undo			snapshot_undo
#define fail_ids		snapshot_fail_ids
#include "../lib/protect.h"

static __typeof__(replica_thin_snapshot) test_snapshot;
static __typeof__(replica_thin_wake) test_wake __attribute__((unused));

#define replica_thin_snapshot	test_snapshot
#define replica_thin_wake	test_wake
#include "../lib/thin-snapshot.c"

#include "thin-killed.h"

#define REPLICA	"01234567-89ab-4cde-8123-456789abcdef"

static bool *approved;			/* in shared memory, as the kernel */
static bool refuses;

static bool is_shown(void)
{
	int i = find_map("x-protect");
	uint64_t at;

	return i >= 0 && kernel->map[i].live &&
	       CHECK(replica_protect_is_of_uuid(kernel->map[i].uuid, REPLICA, &at)) &&
	       CHECK_INT(at, 5);
}

static int approves(void *data)
{
	struct replica_ctx *c = data;

	CHECK(!is_shown());
	CHECK(!kernel->map[find_map("x-replica")].suspended);
	if (refuses)
		return replica_fail(c, REPLICA_CACHE_OUT_OF_DATE, ESTALE, NULL, "it is torn");
	*approved = true;
	return REPLICA_SUCCESS;
}

static int snapshot(void)
{
	struct replica_blockdev leg = { .dm_name = "x-replica" };
	const struct replica_lvm_new lv = {
		.vg = POOL, .name = "x-protect", .size = 1 << 20,
		.tags = { REPLICA_POOL_TAG_PROTECT, REPLICA_POOL_TAG_OF REPLICA },
	};
	const struct replica_thin_order order = {
		.leg = &leg, .lv = &lv, .at = 5, .of = REPLICA, .good = REPLICA_POOL_TAG_WHOLE,
		.check = approves, .data = ctx,
	};
	int i = find_map(leg.dm_name);

	strcpy(leg.dm_uuid, kernel->map[i].uuid);
	leg.suspended = kernel->map[i].suspended;
	return test_snapshot(ctx, &order);
}

static struct replica_lv *find_snapshot(struct replica_lv *list)
{
	while (list && strcmp(list->name, "x-protect"))
		list = list->next;
	return list;
}

/* What the next one finds, he removes.  True: there was one. */
static bool drop_snapshot(bool shown)
{
	struct replica_lv *list, *lv;

	if (!CHECK_INT(test_list(ctx, POOL, &list), 0))
		return false;
	lv = find_snapshot(list);
	if (lv) {
		CHECK_INT(lv->active, shown);
		CHECK(!shown || replica_lv_has_tag(lv, REPLICA_POOL_TAG_WHOLE));
		CHECK(!replica_lv_has_tag(lv, REPLICA_POOL_TAG_WHOLE) || *approved);
		CHECK_INT(test_remove(ctx, lv, REPLICA_POOL_TAG_PROTECT), 0);
	}
	replica_lv_free(list);
	return lv;
}

static int drop_hidden(void)
{
	drop_snapshot(false);
	return 0;
}

static void begin_snapshot(unsigned int theirs)
{
	begin_pool(theirs);
	approved = mmap(NULL, sizeof(*approved), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (approved == MAP_FAILED)
		abort();
	refuses = false;
	CHECK_INT(create_one(), 0);
}

static void end_snapshot(unsigned int theirs)
{
	CHECK_INT(tidy(), 1);
	all_gone(theirs);
	munmap(approved, sizeof(*approved));
	end_pool();
}

static void killed_snapshot(void)
{
	bool goes_on = true;
	int n, found = 0;

	for (n = 1; goes_on && !ktap_failed; n++) {
		begin_snapshot(1 << 2 | 1 << 3);
		goes_on = killed(snapshot, n);
		if (is_shown())
			CHECK(*approved);
		found += drop_snapshot(is_shown());
		*approved = false;
		CHECK_INT(snapshot(), 0);
		CHECK(is_shown() && *approved && drop_snapshot(true));
		end_snapshot(1 << 2 | 1 << 3);
	}
	printf("# killed %d times, found %d\n", n - 2, found);
	CHECK(n > 15 && found > 3);
}

/* It is not known to be whole: nothing is left of it, and the error says why. */
static void refused_snapshot(void)
{
	begin_snapshot(0);
	refuses = true;
	CHECK_INT(snapshot(), REPLICA_CACHE_OUT_OF_DATE);
	CHECK_STR(replica_error_description(replica_last_error(ctx)), "it is torn");
	CHECK(!is_shown() && !drop_snapshot(false));
	CHECK(!kernel->volume[2].there);
	end_snapshot(0);
}

/* Who was killed before that has left an entry and a volume, which nobody gets to see. */
static void torn_snapshot(void)
{
	bool goes_on = true, seen = false;

	for (int n = 1; goes_on && !ktap_failed; n++) {
		bool twice = true;

		for (int m = 1; twice && !ktap_failed; m++) {
			begin_snapshot(0);
			goes_on = killed(snapshot, n);
			seen |= kernel->volume[2].there && !is_shown();
			twice = !is_shown() && killed(drop_hidden, m);
			CHECK(!is_shown() || *approved);
			CHECK(!is_shown() || !twice);
			drop_snapshot(is_shown());
			/* The next one finds what was used to look for a number, too. */
			CHECK_INT(snapshot(), 0);
			CHECK(drop_snapshot(true));
			end_snapshot(0);
		}
	}
	CHECK(seen);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(killed_snapshot), T(refused_snapshot), T(torn_snapshot),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
