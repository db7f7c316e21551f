// SPDX-License-Identifier: LGPL-2.1-or-later
/* Verify: the order for one, and what the last one found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "genl.h"
#include "info.h"
#include "snapshot.h"

#define LIST_TRIES	10

int replica_repair_fault(struct replica_ctx *ctx, const struct replica_info *info)
{
	int ret;

	if (info->copy_state == DM_REPLICA_STATE_SKEWED)
		return REPLICA_SUCCESS;
	ret = replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "CopyState",
			   "replica \"%s\" is %s, not Skewed: there is nothing that a verify found different",
			   info->name,
			   replica_enum_name(REPLICA_ENUM_COPY_STATE, info->copy_state));
	if (info->reason)
		replica_error_details(ctx, "reason: %s", info->reason);
	return ret;
}

static int read_verify(const struct nlmsghdr *nlh, void *data)
{
	return replica_msg_parse_verify(nlh, data);
}

EXPORT int replica_verify(struct replica_ctx *ctx, const char *name, uint32_t *job_id)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	struct nl_msg *msg;
	uint32_t id = 0;
	int ret;

	replica_error_begin(ctx, "VerifyReplica");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = replica_snap_none(ctx, dm_name);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	if (ret)
		return ret;
	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_VERIFY, 0, dm_name);
	if (!msg)
		return replica_fail_memory(ctx);
	ret = replica_genl_request(ctx, g, msg, read_verify, &id);
	if (!ret && !id)
		ret = replica_fail(ctx, REPLICA_FAILED, EPROTO, NULL,
				   "the kernel answered without a job");
	if (!ret && job_id)
		*job_id = id;
	return ret ? ret : REPLICA_JOB_STARTED;
}

/* ------------------------------------------------------------------------ */
/* What was found */

EXPORT void replica_differences_free(struct replica_differences *differences)
{
	struct replica_diff *diff, *next;

	if (!differences)
		return;
	for (diff = differences->ranges; diff; diff = next) {
		next = diff->next;
		free(diff);
	}
	replica_job_free(differences->job);
	free(differences->name);
	free(differences);
}

int replica_diff_take(const struct nlmsghdr *nlh, void *data)
{
	struct replica_diff_reader *reader = data;
	struct replica_diff_reply reply;
	struct replica_diff *diff;
	int r = replica_msg_parse_diff(nlh, &reply);

	if (r)
		return r;
	if (reader->count && reply.job_id != reader->result->job_id)
		return -ESTALE;
	diff = calloc(1, sizeof(*diff));
	if (!diff)
		return -ENOMEM;
	diff->offset = reply.sector << SECTOR_SHIFT;
	diff->length = reply.sectors << SECTOR_SHIFT;
	reader->result->job_id = reply.job_id;
	reader->listed += diff->length;
	reader->count++;
	*reader->tail = diff;
	reader->tail = &diff->next;
	return 0;
}

/* The verify with that number, or the last one for 0; taken out of the list. */
static struct replica_job *take_verify(struct replica_job **jobs, uint32_t id)
{
	struct replica_job **found = NULL, *job;

	for (struct replica_job **at = jobs; *at; at = &(*at)->next)
		if ((*at)->type == DM_REPLICA_JOB_VERIFY && (!id || (*at)->id == id))
			found = at;
	if (!found)
		return NULL;
	job = *found;
	*found = job->next;
	job->next = NULL;
	return job;
}

void replica_diff_conclude(struct replica_diff_reader *reader, struct replica_job **jobs)
{
	struct replica_differences *result = reader->result;

	result->job = take_verify(jobs, result->job_id);
	if (result->job)
		result->job_id = result->job->id;
	result->differs = reader->listed;
	if (result->job && result->job->differs > reader->listed)
		result->differs = result->job->differs;
	result->truncated = result->differs > reader->listed ||
			    (!result->job && reader->count >= DM_REPLICA_DIFFS_KEPT);
}

static int fail_never(struct replica_ctx *ctx, const char *name)
{
	return replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, "Name",
			    "replica \"%s\" was not verified since its mapped device was made",
			    name);
}

/* Once; REPLICA_CACHE_OUT_OF_DATE when something changed meanwhile. */
static int read_ranges(struct replica_ctx *ctx, struct replica_genl *g,
		       struct replica_diff_reader *reader)
{
	const char *name = reader->result->name;
	struct replica_job *jobs = NULL;
	struct nl_msg *msg;
	int ret;

	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_DIFF_GET, NLM_F_DUMP, name);
	if (!msg)
		return replica_fail_memory(ctx);
	ret = replica_genl_request(ctx, g, msg, replica_diff_take, reader);
	if (ret == REPLICA_NOT_FOUND && ctx->err.sm_code == ENOENT)
		return fail_never(ctx, name);
	if (!ret)
		ret = replica_jobs_read(ctx, name, 0, &jobs);
	if (!ret)
		replica_diff_conclude(reader, &jobs);
	replica_job_free(jobs);
	return ret;
}

static int read_differences(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			    struct replica_differences **differences)
{
	struct replica_diff_reader reader = {
		.result = calloc(1, sizeof(struct replica_differences)),
	};
	int ret;

	if (!reader.result)
		return replica_fail_memory(ctx);
	reader.tail = &reader.result->ranges;
	reader.result->name = strdup(name);
	ret = reader.result->name ? read_ranges(ctx, g, &reader) : replica_fail_memory(ctx);
	if (ret)
		replica_differences_free(reader.result);
	else
		*differences = reader.result;
	return ret;
}

EXPORT int replica_differences(struct replica_ctx *ctx, const char *name,
			       struct replica_differences **differences)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	int ret;

	*differences = NULL;
	replica_error_begin(ctx, "GetDifferences");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = replica_snap_none(ctx, dm_name);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	if (ret)
		return ret;
	for (int i = 0; i < LIST_TRIES; i++) {
		ret = read_differences(ctx, g, dm_name, differences);
		if (ret != REPLICA_CACHE_OUT_OF_DATE)
			break;
	}
	if (!ret)
		replica_error_clear(ctx);	/* of a try before */
	return ret;
}
