// SPDX-License-Identifier: LGPL-2.1-or-later
/* Jobs: the copying that goes on behind a replica. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>

#include "genl.h"
#include "info.h"
#include "msg.h"
#include "registry.h"
#include "snapshot.h"

#define LIST_TRIES	10

EXPORT void replica_job_free(struct replica_job *list)
{
	struct replica_job *next;

	for (; list; list = next) {
		next = list->next;
		free(list->name);
		free(list->error_text);
		free(list);
	}
}

/* Ordered by replica, then by id. */
static int job_order(const struct replica_job *a, const struct replica_job *b)
{
	int order = strcmp(a->name, b->name);

	return order ? order : (a->id > b->id) - (a->id < b->id);
}

static int read_job(const struct nlmsghdr *nlh, void *data)
{
	struct replica_job *job, **at = data;
	int r = replica_msg_parse_job(nlh, &job);

	if (r)
		return r;
	while (*at && job_order(*at, job) < 0)
		at = &(*at)->next;
	job->next = *at;
	*at = job;
	return 0;
}

int replica_jobs_read(struct replica_ctx *ctx, const char *name, uint32_t id,
		      struct replica_job **jobs)
{
	struct replica_genl *g;
	struct nl_msg *msg;
	int ret;

	ret = replica_genl_get(ctx, &g);
	if (ret)
		return ret;
	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_JOB_GET,
			      id ? 0 : NLM_F_DUMP, name);
	if (!msg || (id && nla_put_u32(msg, DM_REPLICA_A_JOB_ID, id) < 0)) {
		nlmsg_free(msg);
		return replica_fail_memory(ctx);
	}
	ret = replica_genl_request(ctx, g, msg, read_job, jobs);
	if (ret) {
		replica_job_free(*jobs);
		*jobs = NULL;
	}
	return ret;
}

static int read_all(struct replica_ctx *ctx, const char *name, struct replica_job **jobs)
{
	int ret = REPLICA_SUCCESS;

	for (int i = 0; i < LIST_TRIES; i++) {
		ret = replica_jobs_read(ctx, name, 0, jobs);
		if (ret != REPLICA_CACHE_OUT_OF_DATE || replica_is_gone(ctx, ret))
			break;
	}
	if (!ret)
		replica_error_clear(ctx);	/* of a try before */
	return ret;
}

/* Without the replica, or the module, there may still be what they have left. */
static int add_ended(struct replica_ctx *ctx, const char *name, int ret, struct replica_job **jobs)
{
	if (ret && ret != REPLICA_NOT_SUPPORTED && !replica_is_gone(ctx, ret))
		return ret;
	replica_ended_jobs_add(ctx, name, jobs);
	if (ret && !*jobs)
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

EXPORT int replica_jobs(struct replica_ctx *ctx, const char *name,
			struct replica_job **jobs)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret = REPLICA_SUCCESS;

	*jobs = NULL;
	replica_error_begin(ctx, "EnumerateJobs");
	if (name)
		ret = replica_name_resolve(ctx, name, dm_name);
	if (ret)
		return ret;
	if (name && replica_snap_is(ctx, dm_name))
		return replica_snap_jobs(ctx, dm_name, jobs);
	ret = read_all(ctx, name ? dm_name : NULL, jobs);
	ret = add_ended(ctx, name ? dm_name : NULL, ret, jobs);
	return ret || name ? ret : replica_snap_jobs(ctx, NULL, jobs);
}

/* The last one of that number is the latest. */
static int find_ended(struct replica_ctx *ctx, const char *name, uint32_t id, int ret,
		      struct replica_job **found)
{
	struct replica_job *jobs = NULL, *job;

	if (!replica_is_gone(ctx, ret))
		return ret;
	replica_ended_jobs_add(ctx, name, &jobs);
	while ((job = jobs)) {
		jobs = job->next;
		job->next = NULL;
		if (job->id != id) {
			replica_job_free(job);
			continue;
		}
		replica_job_free(*found);
		*found = job;
	}
	if (!*found)
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}

int replica_job_find(struct replica_ctx *ctx, const char *name, uint32_t id,
		     struct replica_job **job)
{
	return find_ended(ctx, name, id, replica_jobs_read(ctx, name, id, job), job);
}

static int job_name(struct replica_ctx *ctx, const char *name, uint32_t id,
		    char dm_name[DM_REPLICA_NAME_LEN])
{
	if (!id)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "JobID",
				    "jobs are counted from 1");
	return replica_name_resolve(ctx, name, dm_name);
}

EXPORT int replica_job_get(struct replica_ctx *ctx, const char *name, uint32_t id,
			   struct replica_job **job)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret;

	*job = NULL;
	replica_error_begin(ctx, "GetJob");
	ret = job_name(ctx, name, id, dm_name);
	if (!ret && replica_snap_is(ctx, dm_name)) {
		ret = replica_snap_jobs(ctx, dm_name, job);
		if (!ret && (!*job || id != (*job)->id))
			ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENOENT, "JobID",
					   "snapshot \"%s\" has no job %u", dm_name, id);
		return ret;
	}
	if (!ret)
		ret = replica_job_find(ctx, dm_name, id, job);
	if (!ret && !*job)
		ret = replica_fail(ctx, REPLICA_FAILED, EPROTO, "JobID",
				   "the kernel answered without job %u", id);
	return ret;
}

/* The kernel merges until it is done. */
static int fail_snapshot_job(struct replica_ctx *ctx, const char *name)
{
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "JobID",
			    "a restore cannot be cancelled, as the source of \"%s\" would be left partly restored",
			    name);
}

EXPORT int replica_job_cancel(struct replica_ctx *ctx, const char *name,
			      uint32_t id)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	struct nl_msg *msg;
	int ret;

	replica_error_begin(ctx, "RequestStateChange:Terminate");
	ret = job_name(ctx, name, id, dm_name);
	if (!ret && replica_snap_is(ctx, dm_name))
		return fail_snapshot_job(ctx, dm_name);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	if (ret)
		return ret;
	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_JOB_CANCEL, 0,
			      dm_name);
	if (!msg || nla_put_u32(msg, DM_REPLICA_A_JOB_ID, id) < 0) {
		nlmsg_free(msg);
		return replica_fail_memory(ctx);
	}
	return replica_genl_request(ctx, g, msg, NULL, NULL);
}
