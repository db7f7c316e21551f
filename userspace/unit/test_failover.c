// SPDX-License-Identifier: LGPL-2.1-or-later
/* A failover that is tested: names, which replica can be copied, of which moment it is. */
#include <string.h>

#include "failover-test.h"
#include "fake.h"
#include "ktap.h"
#include "pool.h"

static void names(void)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN], longest[DM_REPLICA_NAME_LEN];

	replica_test_names("data", dm, lv);
	CHECK_STR(dm, "data-test");
	CHECK_STR(lv, "data-test");
	replica_test_names("a@b:c", dm, lv);
	CHECK_STR(dm, "a@b:c-test");
	CHECK_STR(lv, "a_b_c-test");
	replica_test_names("snapshot1", dm, lv);	/* LVM has such names for itself */
	CHECK_STR(lv, "replica-snapshot1-test");
	memset(longest, 'a', sizeof(longest));
	longest[DM_REPLICA_NAME_LEN - 1] = '\0';
	replica_test_names(longest, dm, lv);
	CHECK_INT(strlen(dm), DM_REPLICA_NAME_LEN - 1);
	CHECK_STR(dm + strlen(dm) - 5, "-test");
}

/* Judged with and without force. */
static void check_judge(uint32_t sync_type, uint32_t state, bool consistent, int plain, int forced)
{
	struct replica_info info = {
		.name = (char *)"data", .reason = (char *)"it was said why",
		.sync_type = sync_type, .copy_state = state, .consistent_now = consistent,
	};
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_test_judge(ctx, &info, true), forced);
	CHECK_INT(replica_test_judge(ctx, &info, false), plain);
	if (plain == REPLICA_FAILED) {
		CHECK_HAS(replica_error_description(replica_last_error(ctx)),
			  "not usable as it is now");
		CHECK_HAS(replica_error_sm_details(replica_last_error(ctx)), "it was said why");
	}
	fake_free(ctx);
}

static void judges(void)
{
	const uint32_t mirror = REPLICA_SYNC_TYPE_MIRROR;

	check_judge(mirror, DM_REPLICA_STATE_SYNCHRONIZED, true, 0, 0);
	check_judge(mirror, DM_REPLICA_STATE_SPLIT, true, 0, 0);
	check_judge(mirror, DM_REPLICA_STATE_UNSYNCHRONIZED, false, REPLICA_FAILED, 0);
	check_judge(mirror, DM_REPLICA_STATE_BROKEN, false, REPLICA_FAILED, 0);
	/* What the kernel says counts, and not the state by itself. */
	check_judge(mirror, DM_REPLICA_STATE_SYNCHRONIZED, false, REPLICA_FAILED, 0);
	check_judge(REPLICA_SYNC_TYPE_CLONE, DM_REPLICA_STATE_SYNCHRONIZED, true,
		    REPLICA_NOT_SUPPORTED, REPLICA_NOT_SUPPORTED);
}

static void legs(void)
{
	struct replica_blockdev leg = { .path = "/dev/sdc", .size = 1 << 20 };
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_test_judge_leg(ctx, "data", &leg), REPLICA_NOT_SUPPORTED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "/dev/sdc, is no mapped device");
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "dmsetup create NAME --table \"0 2048 linear /dev/sdc 0\"");
	strcpy(leg.dm_name, "vg-lv");
	CHECK_INT(replica_test_judge_leg(ctx, "data", &leg), 0);
	fake_free(ctx);
}

static void steady(void)
{
	struct replica_info before = {
		.copy_state = DM_REPLICA_STATE_SYNCHRONIZED, .consistent_now = true,
		.event_seq = 7, .when_synced = 1000,
	};
	struct replica_info after = before;

	CHECK(replica_test_steady(&before, &after));
	after.event_seq = 8;			/* it may have changed its mode */
	CHECK(replica_test_steady(&before, &after));
	after.when_synced = 1001;		/* it was something else in between */
	CHECK(!replica_test_steady(&before, &after));
	after = before;
	after.consistent_now = false;
	CHECK(!replica_test_steady(&before, &after));
	CHECK(!replica_test_steady(&after, &after));
	after = before;
	after.copy_state = DM_REPLICA_STATE_SPLIT;
	CHECK(!replica_test_steady(&before, &after));
	before = after;
	CHECK(replica_test_steady(&before, &after));
	after.event_seq = 8;			/* it may have been anything in between */
	CHECK(!replica_test_steady(&before, &after));
	before = after;
	before.replica = (char *)"7:1";
	after.replica = (char *)"7:1";
	CHECK(replica_test_steady(&before, &after));
	after.replica = (char *)"7:0";		/* it is the origin */
	CHECK(!replica_test_steady(&before, &after));
}

static void moments(void)
{
	struct replica_info info = {
		.copy_state = DM_REPLICA_STATE_SYNCHRONIZED, .consistent_now = true,
	};

	CHECK_INT(replica_test_moment(&info, 1000000), 1000000);
	info.lag_ms = 300;
	CHECK_INT(replica_test_moment(&info, 1000000), 999700);
	info.consistent_now = false;
	CHECK_INT(replica_test_moment(&info, 1000000), 0);
	info.consistent_now = true;
	info.copy_state = DM_REPLICA_STATE_SPLIT;	/* when that was is not told */
	CHECK_INT(replica_test_moment(&info, 1000000), 0);
}

static void wrong_size(void)
{
	const struct replica_test_args args = { .size = 1, .name = "data" };
	struct replica_ctx *ctx = fake_ctx();
	struct replica_test_result *result;

	CHECK_INT(replica_test_failover(ctx, &args, &result), REPLICA_INVALID_PARAMETER);
	CHECK(!result);
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(names), T(judges), T(legs), T(steady), T(moments), T(wrong_size),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
