// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a verify is asked by, and what its ranges become. */
#include <errno.h>
#include <stdlib.h>

#include <linux/genetlink.h>
#include <netlink/attr.h>

#include "diff.h"
#include "info.h"
#include "ktap.h"
#include "messages.h"

static struct replica_diff_reader reader;

static void begin(void)
{
	memset(&reader, 0, sizeof(reader));
	reader.result = calloc(1, sizeof(*reader.result));
	if (!reader.result)
		abort();
	reader.tail = &reader.result->ranges;
}

static void end(void)
{
	replica_differences_free(reader.result);
	reader.result = NULL;
}

static int take(uint32_t job, uint64_t sector, uint64_t sectors)
{
	struct nl_msg *msg = diff_msg(job, sector, sectors);
	int r = replica_diff_take(nlmsg_hdr(msg), &reader);

	nlmsg_free(msg);
	return r;
}

static struct replica_job *new_job(uint32_t id, uint32_t type, uint64_t differs,
				   struct replica_job *next)
{
	struct replica_job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	job->id = id;
	job->type = type;
	job->state = DM_REPLICA_JOB_COMPLETED;
	job->differs = differs;
	job->next = next;
	return job;
}

static void ranges(void)
{
	struct replica_job *jobs = new_job(1, DM_REPLICA_JOB_INITIAL_COPY, 0,
					   new_job(3, DM_REPLICA_JOB_VERIFY, 9 << 9,
						   new_job(4, DM_REPLICA_JOB_RESYNC, 0, NULL)));
	const struct replica_diff *d;

	begin();
	CHECK_INT(take(3, 0, 8), 0);
	CHECK_INT(take(3, 1ULL << 40, 1), 0);
	replica_diff_conclude(&reader, &jobs);
	CHECK_INT(reader.result->job_id, 3);
	CHECK_INT(reader.result->differs, 9 << 9);
	CHECK(!reader.result->truncated);
	if (CHECK(reader.result->job))
		CHECK_INT(reader.result->job->id, 3);
	CHECK(jobs && jobs->next && !jobs->next->next);	/* the others stay */
	d = reader.result->ranges;
	CHECK_INT(d->offset, 0);
	CHECK_INT(d->length, 4096);
	CHECK_INT(d->next->offset, 1LL << 49);
	CHECK_INT(d->next->length, 512);
	CHECK(!d->next->next);
	replica_job_free(jobs);
	end();
}

/* More than is kept: the job knows how much there is. */
static void truncated(void)
{
	struct replica_job *jobs = new_job(3, DM_REPLICA_JOB_VERIFY, 10 << 9, NULL);

	begin();
	CHECK_INT(take(3, 8, 8), 0);
	replica_diff_conclude(&reader, &jobs);
	CHECK(reader.result->truncated);
	CHECK_INT(reader.result->differs, 10 << 9);
	CHECK(!jobs);
	end();
}

/* The job is forgotten: as much as can be said without. */
static void forgotten(void)
{
	struct replica_job *jobs = new_job(9, DM_REPLICA_JOB_VERIFY, 1 << 20, NULL);

	begin();
	for (unsigned int i = 0; i < DM_REPLICA_DIFFS_KEPT; i++)
		CHECK_INT(take(3, i * 16, 8), 0);
	replica_diff_conclude(&reader, &jobs);
	CHECK(!reader.result->job);
	CHECK_INT(reader.result->job_id, 3);
	CHECK_INT(reader.result->differs, DM_REPLICA_DIFFS_KEPT * 4096LL);
	CHECK(reader.result->truncated);
	CHECK(jobs);
	end();
	begin();
	CHECK_INT(take(3, 0, 8), 0);
	replica_diff_conclude(&reader, &jobs);
	CHECK(!reader.result->truncated);
	replica_job_free(jobs);
	end();
}

/* Nothing differs: the last verify is the one that is meant. */
static void equal(void)
{
	struct replica_job *jobs = new_job(2, DM_REPLICA_JOB_VERIFY, 4096,
					   new_job(5, DM_REPLICA_JOB_VERIFY, 0, NULL));
	struct replica_job *none = NULL;

	begin();
	replica_diff_conclude(&reader, &jobs);
	CHECK_INT(reader.result->job_id, 5);
	CHECK_INT(reader.result->differs, 0);
	CHECK(!reader.result->truncated && !reader.result->ranges);
	replica_job_free(jobs);
	end();
	begin();
	replica_diff_conclude(&reader, &none);
	CHECK_INT(reader.result->job_id, 0);
	CHECK(!reader.result->job);
	end();
}

/* Another verify has begun while the dump was read. */
static void two_jobs(void)
{
	begin();
	CHECK_INT(take(3, 0, 8), 0);
	CHECK_INT(take(4, 8, 8), -ESTALE);
	end();
}

static void strange_ranges(void)
{
	static const struct {
		uint64_t sector;
		uint64_t sectors;
	} cases[] = {
		{ 0, 0 }, { UINT64_MAX, 1 }, { 1ULL << 55, 1 }, { 0, UINT64_MAX },
		{ 1ULL << 54, 1ULL << 54 },
	};
	struct replica_diff_reply reply;
	struct nl_msg *msg;

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_INT(take(1, cases[i].sector, cases[i].sectors), -EPROTO);
	CHECK(!reader.result->ranges);
	end();
	msg = start_msg(DM_REPLICA_CMD_DIFF_GET);
	CHECK_INT(replica_msg_parse_diff(nlmsg_hdr(msg), &reply), -EPROTO);
	nla_put_u32(msg, DM_REPLICA_A_JOB_ID, 1);
	nla_put_u64(msg, DM_REPLICA_A_SECTOR, 1);
	CHECK_INT(replica_msg_parse_diff(nlmsg_hdr(msg), &reply), -EPROTO);
	nla_put_u32(msg, DM_REPLICA_A_SECTORS, 1);		/* too short */
	CHECK_INT(replica_msg_parse_diff(nlmsg_hdr(msg), &reply), -EPROTO);
	nlmsg_free(msg);
}

static void verify_reply(void)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_VERIFY);
	struct nlattr *nest;
	uint32_t id = 77;

	CHECK_INT(replica_msg_parse_verify(nlmsg_hdr(msg), &id), -EPROTO);
	CHECK_INT(id, 0);
	nest = nla_nest_start(msg, DM_REPLICA_A_JOB);
	nla_put_u32(msg, DM_REPLICA_J_ID, 12);
	nla_put_u16(msg, DM_REPLICA_J_TYPE, DM_REPLICA_JOB_VERIFY);
	nla_nest_end(msg, nest);
	CHECK_INT(replica_msg_parse_verify(nlmsg_hdr(msg), &id), 0);
	CHECK_INT(id, 12);
	nlmsg_free(msg);
}

static bool has(const struct nl_msg *msg, int type)
{
	return nlmsg_find_attr(nlmsg_hdr((struct nl_msg *)msg), GENL_HDRLEN, type);
}

/* Each flag is an attribute of its own. */
static void resync_request(void)
{
	for (unsigned int flags = 0; flags < 4; flags++) {
		struct nl_msg *msg = replica_msg_new(FAMILY, DM_REPLICA_CMD_OPERATE, 0, "vol");

		CHECK_INT(replica_msg_put_operation(msg, DM_REPLICA_OP_RESYNC, flags), 0);
		CHECK(has(msg, DM_REPLICA_A_OPERATION));
		CHECK_INT(has(msg, DM_REPLICA_A_FORCE), !!(flags & REPLICA_RESYNC_FORCE));
		CHECK_INT(has(msg, DM_REPLICA_A_COMPARE), !!(flags & REPLICA_RESYNC_COMPARE));
		nlmsg_free(msg);
	}
}

static void only_when_skewed(void)
{
	struct replica_ctx *ctx = replica_ctx_new();
	struct replica_info info = { .copy_state = DM_REPLICA_STATE_SKEWED };
	const struct replica_error *err;

	info.name = strdup("vol");
	info.reason = strdup("fractured by the administrator");
	replica_error_begin(ctx, "Test");
	CHECK_INT(replica_repair_fault(ctx, &info), REPLICA_SUCCESS);
	CHECK(!replica_last_error(ctx));
	for (unsigned int state = 2; state <= 12; state++) {
		info.copy_state = state;
		CHECK_INT(replica_repair_fault(ctx, &info), REPLICA_FAILED);
	}
	info.copy_state = DM_REPLICA_STATE_FRACTURED;
	CHECK_INT(replica_repair_fault(ctx, &info), REPLICA_FAILED);
	err = replica_last_error(ctx);
	CHECK_HAS(replica_error_description(err), "\"vol\" is Fractured, not Skewed");
	CHECK_HAS(replica_error_sm_details(err), "by the administrator");
	CHECK_INT(replica_error_sm_code(err), REPLICA_SM_IN_USE);
	free(info.name);
	free(info.reason);
	replica_ctx_free(ctx);
}

static void wrong_calls(void)
{
	struct replica_ctx *ctx = replica_ctx_new();
	struct replica_differences *d = (void *)ctx;
	struct replica_job *job = (void *)ctx;

	CHECK_INT(replica_wait_job(ctx, "vol", 0, 0, NULL, NULL, &job), REPLICA_INVALID_PARAMETER);
	CHECK(!job);
	CHECK_INT(replica_verify(ctx, "", NULL), REPLICA_INVALID_PARAMETER);
	CHECK_INT(replica_differences(ctx, "", &d), REPLICA_INVALID_PARAMETER);
	CHECK(!d);
	CHECK_INT(replica_repair(ctx, "", NULL, NULL), REPLICA_INVALID_PARAMETER);
	CHECK_INT(replica_resync(ctx, "", 0, NULL, NULL), REPLICA_INVALID_PARAMETER);
	replica_differences_free(NULL);
	replica_ctx_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(ranges), T(truncated), T(forgotten), T(equal), T(two_jobs),
		T(strange_ranges), T(verify_reply), T(resync_request), T(only_when_skewed),
		T(wrong_calls),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
