// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a replica may grow: every refusal, with what was found and expected. */
#include <errno.h>
#include <stdlib.h>

#include "fake.h"
#include "ktap.h"
#include "resize-plan.h"

#define MIB	(1024 * 1024ULL)

static struct replica_ctx *ctx;
static struct replica_check check;
static struct replica_info info;
static struct replica_resize_plan plan;

/* A replica of 64 MiB in two legs of 100 and 96 MiB. */
static void machine(void)
{
	ctx = replica_ctx_new();
	replica_error_begin(ctx, "Test");
	check = (struct replica_check){ .ctx = ctx };
	strcpy(check.source.path, "/dev/sda");
	strcpy(check.target.path, "/dev/sdb");
	strcpy(check.meta.path, "/dev/sdc");
	check.source.devno = 1;
	check.target.devno = 2;
	check.source.size = 100 * MIB;
	check.target.size = 96 * MIB;
	check.source.block_size = 512;
	check.target.block_size = 512;
	info = (struct replica_info){ .name = (char *)"vol", .size = 64 * MIB, .region_size = MIB };
	memset(&plan, 0, sizeof(plan));
	plan.check = &check;
	plan.info = &info;
}

/* With a log of regions of 4 KiB, in a meta device of so many bytes. */
static void with_meta(uint64_t bytes)
{
	info.region_size = 4096;
	check.meta.devno = 3;
	check.meta.size = bytes;
	replica_geometry_make(&plan.log, info.size >> 9, 8, 512);
}

static int decide(uint64_t wanted)
{
	replica_finding_free(check.findings);
	check.findings = NULL;
	plan.wanted = wanted;
	plan.limit = NULL;
	plan.meta_bytes = 0;
	replica_resize_decide(&plan);
	return replica_check_result(&check);
}

static void done(void)
{
	replica_finding_free(check.findings);
	replica_ctx_free(ctx);
}

static void first_is(unsigned int code, const char *parameter, const char *sentence,
		     const char *found, const char *expected)
{
	const struct replica_finding *f = check.findings;

	if (!CHECK(f))
		return;
	CHECK_INT(f->code, code);
	CHECK_STR(f->parameter, parameter);
	CHECK_STR(f->sentence, sentence);
	CHECK_STR(f->found, found);
	CHECK_STR(f->expected, expected);
	CHECK(!f->next);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), parameter);
}

static void grows(void)
{
	machine();
	CHECK_INT(decide(0), REPLICA_SUCCESS);
	CHECK_INT(plan.bytes, 96 * MIB);
	CHECK(plan.limit == &check.target);
	CHECK_INT(plan.meta_bytes, 0);
	CHECK_INT(decide(80 * MIB), REPLICA_SUCCESS);
	CHECK_INT(plan.bytes, 80 * MIB);
	CHECK(!plan.limit);
	check.target.size = 100 * MIB;
	CHECK_INT(decide(0), REPLICA_SUCCESS);
	CHECK_INT(plan.bytes, 100 * MIB);
	CHECK(!plan.limit);
	done();
}

/* The size that it has is no failure, also while something is suspended. */
static void nothing_to_do(void)
{
	machine();
	info.dm_suspended = true;
	CHECK_INT(decide(64 * MIB), REPLICA_SUCCESS);
	CHECK(!check.findings);
	check.target.size = 64 * MIB;
	CHECK_INT(decide(0), REPLICA_SUCCESS);
	CHECK_INT(plan.bytes, info.size);
	CHECK(plan.limit == &check.target);
	CHECK(!check.findings);
	done();
}

static void never_smaller(void)
{
	machine();
	CHECK_INT(decide(32 * MIB), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_SHRINK, "Size",
		 "replica \"vol\" has 67108864 bytes and cannot shrink to 33554432", "33554432",
		 "more than 67108864");
	done();
}

static void legs(void)
{
	machine();
	CHECK_INT(decide(98 * MIB), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_TOO_SMALL, "TargetStorageVolume",
		 "/dev/sdb has 100663296 bytes, less than the new size of 102760448", "100663296",
		 "at least 102760448");
	CHECK_INT(decide(128 * MIB), REPLICA_INVALID_PARAMETER);
	CHECK(replica_finding_has(&check, REPLICA_CHECK_TOO_SMALL, "Source"));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_TOO_SMALL, "TargetStorageVolume"));
	check.source.size = 63 * MIB;			/* it was cut below us */
	CHECK_INT(decide(0), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_TOO_SMALL, "Source",
		 "/dev/sda has 66060288 bytes, less than the 67108864 that are mirrored",
		 "66060288", "at least 67108864");
	done();
}

static void logical_blocks(void)
{
	machine();
	check.target.block_size = 4096;
	CHECK_INT(decide(64 * MIB + 512), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_ALIGNMENT, "Size",
		 "a size of 67109376 bytes is no multiple of the logical blocks of /dev/sdb, which have 4096",
		 "67109376", "a multiple of 4096");
	CHECK_INT(decide(64 * MIB + 4096), REPLICA_SUCCESS);
	check.target.size = 96 * MIB + 512;
	CHECK_INT(decide(0), REPLICA_SUCCESS);		/* chosen as it can be */
	CHECK_INT(plan.bytes, 96 * MIB);
	check.target.block_size = 0;			/* not known */
	check.source.block_size = 0;
	CHECK_INT(decide(64 * MIB + 1), REPLICA_INVALID_PARAMETER);
	done();
}

static void suspended(void)
{
	machine();
	info.dm_suspended = true;
	CHECK_INT(decide(0), REPLICA_FAILED);
	first_is(REPLICA_CHECK_SUSPENDED, "ElementName",
		 "the mapped device of replica \"vol\" is suspended", "suspended", "active");
	CHECK_INT(replica_error_sm_code(replica_last_error(ctx)), REPLICA_SM_IN_USE);
	info.dm_suspended = false;
	check.source.suspended = true;
	CHECK_INT(decide(0), REPLICA_FAILED);
	first_is(REPLICA_CHECK_SUSPENDED, "Source", "mapped device /dev/sda is suspended",
		 "suspended", "active");
	done();
}

/* 2^14 regions at first; the bitmap of more needs more blocks. */
static void meta_device(void)
{
	uint64_t now, then;

	machine();
	check.source.size = 1024 * MIB;
	check.target.size = 1024 * MIB;
	with_meta(MIB);
	now = plan.log.blocks * 4096;
	CHECK_INT(decide(0), REPLICA_SUCCESS);
	then = plan.meta_bytes;
	CHECK(then > now);
	CHECK_INT(then, replica_meta_bytes(1024 * MIB, 4096, 512));
	check.meta.size = then - 512;
	CHECK_INT(decide(0), REPLICA_INVALID_PARAMETER);
	CHECK_INT(check.findings->code, REPLICA_CHECK_TOO_SMALL);
	CHECK_STR(check.findings->parameter, "MetaDevice");
	CHECK_HAS(check.findings->sentence, "/dev/sdc has ");
	CHECK_HAS(check.findings->sentence, "are needed for the log of the new size");
	CHECK_HAS(check.findings->expected, "at least ");
	check.meta.size = then;
	CHECK_INT(decide(0), REPLICA_SUCCESS);
	check.meta.size = now;
	CHECK_INT(decide(64 * MIB + 4096), REPLICA_SUCCESS);	/* the same blocks */
	CHECK_INT(plan.meta_bytes, now);
	done();
}

static void regions(void)
{
	const uint64_t most = DM_REPLICA_REGIONS_MAX * 4096ULL;

	machine();
	info.region_size = 4096;
	check.source.size = most + 4096;
	check.target.size = most + 4096;
	CHECK_INT(decide(most), REPLICA_SUCCESS);
	CHECK_INT(decide(0), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_TOO_SMALL, "region_size",
		 "region_size is too small: 68719480832 bytes would be more than 16777216 regions of 4096",
		 "4096", "at least 8192");
	with_meta(64 * MIB);
	CHECK_INT(decide(0), REPLICA_INVALID_PARAMETER);
	CHECK(check.findings && !check.findings->next);
	done();
}

/* Worst first, all of them. */
static void all_at_once(void)
{
	machine();
	with_meta(4096);
	info.dm_suspended = true;
	check.meta.suspended = true;
	CHECK(decide((1ULL << 40) + 1));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_SUSPENDED, "ElementName"));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_SUSPENDED, "MetaDevice"));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_ALIGNMENT, "Size"));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_TOO_SMALL, "Source"));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_TOO_SMALL, "TargetStorageVolume"));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_TOO_SMALL, "region_size"));
	done();
}

static void wrong_calls(void)
{
	struct replica_resize_args args = { .size = 4, .name = "vol" };
	struct replica_resize_result *result = NULL;
	struct replica_ctx *plain = replica_ctx_new();

	CHECK_INT(replica_resize(plain, &args, &result), REPLICA_INVALID_PARAMETER);
	CHECK_STR(replica_error_parameter_info(replica_last_error(plain)), "size");
	replica_resize_result_free(result);
	args.size = sizeof(args);
	args.name = "";
	CHECK_INT(replica_resize(plain, &args, &result), REPLICA_INVALID_PARAMETER);
	replica_resize_result_free(result);
	replica_resize_result_free(NULL);
	replica_ctx_free(plain);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(grows), T(nothing_to_do), T(never_smaller), T(legs), T(logical_blocks),
		T(suspended), T(meta_device), T(regions), T(all_at_once), T(wrong_calls),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
