// SPDX-License-Identifier: LGPL-2.1-or-later
/* The wait for a restore whose snapshot another command ends meanwhile. */
#include <errno.h>
#include <stdlib.h>

#include "fake.h"
#include "info.h"
#include "ktap.h"
#include "snapshot-lvm.h"

static bool is_ended, is_told;

static int snap_info(struct replica_ctx *ctx, const char *name, struct replica_info **info)
{
	*info = NULL;
	if (!is_told)
		return replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name",
				    "there is no snapshot \"%s\"", name);
	*info = calloc(1, sizeof(**info));
	return *info ? REPLICA_SUCCESS : replica_fail_memory(ctx);
}

static bool are_of(struct replica_ctx *ctx, const char *name, const char *uuid)
{
	(void)ctx;
	(void)name;
	(void)uuid;
	return !is_ended;
}

static int lock_tables(struct replica_ctx *ctx, int *fd)
{
	(void)ctx;
	*fd = -1;
	return REPLICA_SUCCESS;
}

extern __typeof__(replica_restore) test_restore;

#define replica_snap_info	snap_info
#define replica_lines_are_of	are_of
#define replica_lock_tables	lock_tables
#define replica_restore		test_restore

#include "../lib/snapshot-restore.c"

static int goes_on(const struct replica_info *info, void *data)
{
	(void)info;
	return *(int *)data;
}

static void ended_meanwhile(void)
{
	static const struct {
		bool told, gone;
		int stop, ret;
		const char *sentence;
	} cases[] = {
		{ .told = true, .ret = REPLICA_SUCCESS },
		{ .told = true, .stop = 1, .ret = REPLICA_FAILED,
		  .sentence = "ended by the caller; the restore goes on" },
		/* There was one, and who has ended it knows how far it was. */
		{ .gone = true, .ret = REPLICA_CACHE_OUT_OF_DATE,
		  .sentence = "\"s\" was ended by another command while" },
		/* It is there, and something else is wrong. */
		{ .ret = REPLICA_NOT_FOUND, .sentence = "there is no snapshot \"s\"" },
	};
	struct replica_lines self = { .name = "s", .uuid = "u" }, upper = { .name = "source" };
	struct replica_ctx *ctx = fake_ctx();
	const struct replica_snap snap = { .ctx = ctx, .self = &self, .upper = &upper };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int stop = cases[i].stop;

		is_ended = cases[i].gone;
		is_told = cases[i].told;
		CHECK_INT(show_progress(&snap, goes_on, &stop), cases[i].ret);
		if (cases[i].sentence)
			CHECK_HAS(replica_error_description(replica_last_error(ctx)),
				  cases[i].sentence);
		replica_error_clear(ctx);
	}
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = { T(ended_meanwhile) };

	return ktap_run(tests, KTAP_COUNT(tests));
}
