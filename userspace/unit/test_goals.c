// SPDX-License-Identifier: LGPL-2.1-or-later
/* Goals of the one who makes a replica: what meets them, and what contradicts them. */
#include <errno.h>

#include "create-goals.h"
#include "fake.h"
#include "ktap.h"

static struct replica_ctx *ctx;
static struct replica_create_args args;

static void reset_args(void)
{
	memset(&args, 0, sizeof(args));
	args.size = sizeof(args);
	args.source = "/dev/sda";
	args.sync_type = REPLICA_SYNC_TYPE_MIRROR;
	args.target_storage_volume = "/dev/sdb";
}

static void expect(int ret, const char *parameter)
{
	struct replica_create_result *result = (void *)1;
	const struct replica_error *err;

	CHECK_INT(replica_create_replica(ctx, &args, &result), ret);
	CHECK(!result);
	err = replica_last_error(ctx);
	if (!CHECK(err))
		return;
	CHECK_INT(replica_error_status_code(err), ret);
	CHECK_STR(replica_error_operation(err), "CreateReplica");
	CHECK_STR(replica_error_parameter_info(err), parameter);
	CHECK(strlen(replica_error_description(err)) > 10);
}

/* The table that a dry run ends with has those words. */
static void table_has(const char *mode, const char *feature)
{
	struct replica_create_result *result = NULL;

	args.dry_run = true;
	args.element_name = "new";
	args.source = "/dev/sdx";
	args.target_storage_volume = "/dev/sdy";
	CHECK_INT(replica_create_replica(ctx, &args, &result), 0);
	if (CHECK(result && result->table)) {
		CHECK_HAS(result->table, mode);
		CHECK_HAS(result->table, feature);
	}
	replica_create_result_free(result);
}

/* Goals that a mirror on a given volume meets, and those that it does not. */
static void goals(void)
{
	enum { NO = REPLICA_NOT_SUPPORTED, BAD = REPLICA_INVALID_PARAMETER };
	static const struct {
		const char *text;
		int ret;
		const char *parameter;
		bool skip;
	} cases[] = {
		{ "TargetElementSupplier=2", BAD, "TargetElementSupplier", false },
		{ "ThinProvisioningPolicy=2", BAD, "ThinProvisioningPolicy", false },
		{ "ThinProvisioningPolicy=6", BAD, "ThinProvisioningPolicy", false },
		{ "DesiredCopyMethodology=1", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=4", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=5", BAD, "DesiredCopyMethodology", true },
		{ "DesiredCopyMethodology=6", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=7", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=9", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=10", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=11", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=8,delta_ms=0", BAD, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=3,delta_ms=30s", BAD, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=4,delta_ms=30s", BAD, "DesiredCopyMethodology", true },
		{ "DesiredCopyMethodology=5,delta_ms=30s", BAD, "DesiredCopyMethodology", false },
		{ "delta_ms=30s,rpo=29s", BAD, "DeltaUpdateInterval", false },
		{ "delta_ms=30s,rpo=34s,overflow=fail", BAD, "DeltaUpdateInterval", false },
		{ "DesiredCopyMethodology=32768", NO, "DesiredCopyMethodology", false },
		{ "DesiredCopyMethodology=3", BAD, "DesiredCopyMethodology", true },
		{ "ReadOnly=3", NO, "ReadOnly", false },
		{ "ReadOnly=4", NO, "ReadOnly", false },
		{ "WaitForCopyState=8", NO, "WaitForCopyState", false },
		{ "WaitForCopyState=5", BAD, "WaitForCopyState", false },
	};
	static const char *const good =
		"TargetElementSupplier=5,ThinProvisioningPolicy=7,DesiredCopyMethodology=3,"
		"WaitForCopyState=4";
	struct replica_settings s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ktap_case = cases[i].text;
		memset(&s, 0, sizeof(s));
		CHECK_INT(replica_settings_parse(ctx, cases[i].text, &s), 0);
		reset_args();
		args.replication_settings = &s;
		args.skip_initial_copy = cases[i].skip;
		expect(cases[i].ret, cases[i].parameter);
	}
	memset(&s, 0, sizeof(s));
	CHECK_INT(replica_settings_parse(ctx, good, &s), 0);
	reset_args();
	args.replication_settings = &s;
	args.wait_for_copy_state = DM_REPLICA_STATE_UNSYNCHRONIZED;	/* and 4 */
	expect(REPLICA_INVALID_PARAMETER, "WaitForCopyState");
	args.wait_for_copy_state = 0;
	table_has(" sync 0", "");
	s.methodology = REPLICA_METHODOLOGY_DIFFERENTIAL;
	table_has(" sync 2 sync compare", "");
	s.methodology = REPLICA_METHODOLOGY_INCREMENTAL;
	args.skip_initial_copy = true;
	table_has("sync skip", "");
}

/* A clone is copied in full. */
static void clones(void)
{
	struct replica_settings s = {
		.present = REPLICA_SETTING_METHODOLOGY,
		.methodology = REPLICA_METHODOLOGY_DIFFERENTIAL,
	};

	reset_args();
	args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	args.replication_settings = &s;
	expect(REPLICA_NOT_SUPPORTED, "DesiredCopyMethodology");
	s.methodology = REPLICA_METHODOLOGY_FULL;
	CHECK_INT(replica_goals_check(ctx, &args), REPLICA_SUCCESS);
}

/* Delta updates choose their mode, and are told to the kernel by one name. */
static void delta_updates(void)
{
	struct replica_settings s = { .present = 0 };

	reset_args();
	args.replication_settings = &s;
	CHECK_INT(replica_settings_parse(ctx, "DesiredCopyMethodology=8", &s), 0);
	table_has(" async 2 delta_ms 30000", "");
	CHECK_INT(replica_settings_parse(ctx, "ReadOnly=2", &s), 0);
	table_has(" async 4 delta_ms 30000 read_only source", "");
	s.present &= ~REPLICA_SETTING_READ_ONLY;
	CHECK_INT(replica_settings_parse(ctx, "DeltaUpdateInterval=00000000000100.000000:000",
					 &s), 0);
	table_has(" async 2 delta_ms 60000", "");
	args.mode = DM_REPLICA_MODE_SYNC;
	expect(REPLICA_INVALID_PARAMETER, "DeltaUpdateInterval");
	args.mode = DM_REPLICA_MODE_ADAPTIVE;
	expect(REPLICA_INVALID_PARAMETER, "DeltaUpdateInterval");
	args.mode = DM_REPLICA_MODE_ASYNC;
	args.rpo_ms = 59999;			/* could never be kept */
	expect(REPLICA_INVALID_PARAMETER, "DeltaUpdateInterval");
	args.rpo_ms = 60000;
	table_has(" async 4 rpo 60000 delta_ms 60000", "");
	CHECK_INT(replica_settings_parse(ctx, "overflow=fail", &s), 0);
	expect(REPLICA_INVALID_PARAMETER, "DeltaUpdateInterval");
	args.rpo_ms = 70000;
	table_has(" rpo 70000 overflow fail", " delta_ms 60000");
	s.present &= ~REPLICA_SETTING_OVERFLOW;
	args.mode = 0;
	args.rpo_ms = 0;
	args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	expect(REPLICA_INVALID_PARAMETER, "DesiredCopyMethodology");
	s.present &= ~REPLICA_SETTING_METHODOLOGY;
	expect(REPLICA_INVALID_PARAMETER, "DeltaUpdateInterval");
}

/* Who supplies the target, and how: each value, of a volume that is given, and of a pool. */
static void suppliers(void)
{
	enum { OK = REPLICA_SUCCESS, BAD = REPLICA_INVALID_PARAMETER };
	static const struct {
		const char *text;
		int volume;
		int pool;
	} cases[] = {
		{ "TargetElementSupplier=1", OK, BAD }, { "TargetElementSupplier=2", BAD, OK },
		{ "TargetElementSupplier=3", OK, OK }, { "TargetElementSupplier=4", OK, OK },
		{ "TargetElementSupplier=5", OK, BAD }, { "ThinProvisioningPolicy=2", BAD, OK },
		{ "ThinProvisioningPolicy=3", BAD, OK }, { "ThinProvisioningPolicy=4", BAD, OK },
		{ "ThinProvisioningPolicy=5", BAD, OK }, { "ThinProvisioningPolicy=6", BAD, OK },
		{ "ThinProvisioningPolicy=7", OK, OK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct replica_settings s = { .present = 0 };

		ktap_case = cases[i].text;
		CHECK_INT(replica_settings_parse(ctx, cases[i].text, &s), 0);
		reset_args();
		args.replication_settings = &s;
		CHECK_INT(replica_goals_check(ctx, &args), cases[i].volume);
		args.target_storage_volume = NULL;
		args.target_storage_pool = "vg";
		CHECK_INT(replica_goals_check(ctx, &args), cases[i].pool);
	}
	ktap_case = NULL;
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(goals), T(clones), T(delta_updates), T(suppliers),
	};
	int r;

	ctx = fake_ctx();
	fake_disk("sda", "8:0", 1 << 20);
	/* Numbers that no replica of this system has. */
	fake_disk("sdx", "4000:770", 1 << 20);
	fake_disk("sdy", "4000:771", 1 << 20);
	r = ktap_run(tests, KTAP_COUNT(tests));
	fake_free(ctx);
	return r;
}
