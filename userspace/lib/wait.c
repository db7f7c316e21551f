// SPDX-License-Identifier: LGPL-2.1-or-later
/* Waiting for a copy state or for the end of a job, woken by events. */
#include <errno.h>
#include <time.h>

#include "event.h"
#include "info.h"
#include "registry.h"
#include "snapshot.h"

/* Somebody who is shown progress wants to see it move between events. */
#define PROGRESS_MS	500

/*
 * The last event of a replica comes while it can still be found, and no other one follows.
 * Who began to wait between the two gets none at all.
 */
#define GOING_MS	50
#define NO_EVENT_MS	10000

uint64_t replica_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Who wants the legs in step waits in vain in a state that only people end. */
static bool hopeless(const struct replica_wait *w, const struct replica_info *info)
{
	uint32_t wanted = w->state;

	if (w->patient)
		return info->copy_state == DM_REPLICA_STATE_ABORTED;
	if (info->sync_type == REPLICA_SYNC_TYPE_SNAPSHOT || info->token)
		return info->copy_state == DM_REPLICA_STATE_BROKEN;
	if (wanted != DM_REPLICA_STATE_SYNCHRONIZED &&
	    wanted != DM_REPLICA_STATE_UNSYNCHRONIZED)
		return false;
	switch (info->copy_state) {
	case DM_REPLICA_STATE_FRACTURED:
	case DM_REPLICA_STATE_SPLIT:
	case DM_REPLICA_STATE_INACTIVE:
	case DM_REPLICA_STATE_SUSPENDED:
	case DM_REPLICA_STATE_ABORTED:
	case DM_REPLICA_STATE_SKEWED:
		return true;
	default:
		return false;
	}
}

static int fail_hopeless(struct replica_ctx *ctx, const struct replica_wait *w,
			 const struct replica_info *info)
{
	int ret = replica_fail(ctx, REPLICA_FAILED, 0, "WaitForCopyState",
			       "replica \"%s\" is %s and will not be %s without an operation",
			       w->name,
			       replica_enum_name(REPLICA_ENUM_COPY_STATE,
						 info->copy_state),
			       replica_enum_name(REPLICA_ENUM_COPY_STATE,
						 w->state));

	if (info->reason)
		replica_error_details(ctx, "reason: %s", info->reason);
	return ret;
}

/* A job that ended otherwise than it should. */
static int fail_job(struct replica_ctx *ctx, const struct replica_wait *w,
		    const struct replica_job *job)
{
	int ret = job->error_code && job->error_code != REPLICA_JOB_STARTED ?
		  (int)job->error_code : REPLICA_FAILED;

	return replica_fail(ctx, ret, 0, "JobID", "job %u of replica \"%s\" ended as %s%s%s",
			    job->id, w->name,
			    replica_enum_name(REPLICA_ENUM_JOB_STATE, job->state),
			    job->error_text ? ": " : "", job->error_text ? job->error_text : "");
}

/* The job may be over together with its replica. */
static int look_at_ended_job(struct replica_ctx *ctx, const struct replica_wait *w, int ret,
			     bool *over)
{
	struct replica_error err = ctx->err;
	struct replica_job *job = NULL;

	if (w->state || !replica_is_gone(ctx, ret))
		return ret;
	if (replica_job_find(ctx, w->name, w->job_id, &job) || !job || !job->replica_ended) {
		replica_job_free(job);
		ctx->err = err;
		return ret;
	}
	*over = true;
	*w->job = job;
	return job->state == DM_REPLICA_JOB_COMPLETED ? REPLICA_SUCCESS : fail_job(ctx, w, job);
}

/*
 * *over is set when the job is over, whatever became of it.  A replica that is there and has no
 * such job never had it; one that has ended since it was looked at may have.
 */
static int look_at_job(struct replica_ctx *ctx, const struct replica_wait *w,
		       const struct replica_info *info, bool *over)
{
	struct replica_job *job = NULL;
	int ret;

	if (info->job && info->job->id == w->job_id)
		return REPLICA_SUCCESS;
	ret = replica_jobs_read(ctx, w->name, w->job_id, &job);
	if (ret && ctx->err.sm_code == ENODEV)
		return look_at_ended_job(ctx, w, ret, over);
	if (ret || !job || job->state < DM_REPLICA_JOB_COMPLETED) {
		replica_job_free(job);
		return ret;
	}
	*over = true;
	*w->job = job;
	return job->state == DM_REPLICA_JOB_COMPLETED ? REPLICA_SUCCESS : fail_job(ctx, w, job);
}

/* A clone that was complete, as an event told or the registry does, and was ended then. */
static bool ended_since(struct replica_ctx *ctx, const struct replica_wait *w, int ret, bool hit)
{
	struct replica_info *last = *w->info;

	if (!replica_is_gone(ctx, ret) || w->state != DM_REPLICA_STATE_SYNCHRONIZED ||
	    (last && last->sync_type != REPLICA_SYNC_TYPE_CLONE))
		return false;
	if ((!last || !hit) && !replica_ended_clone(ctx, w->name))
		return false;
	replica_error_clear(ctx);
	if (last) {
		last->copy_state = w->state;
		last->percent_synced = 100;
	}
	return true;
}

/* Reads the state.  *over is set when it is the one; it may have been before. */
static int look(struct replica_ctx *ctx, const struct replica_wait *w,
		struct replica_monitor *m, bool *over)
{
	struct replica_info *info;
	int ret;

	if (replica_snap_is(ctx, w->name))
		ret = replica_snap_info(ctx, w->name, &info);
	else
		ret = replica_info_read(ctx, replica_monitor_genl(m), w->name, &info);
	if (ret && ended_since(ctx, w, ret, *over)) {
		*over = true;
		return REPLICA_SUCCESS;
	}
	if (ret)
		return look_at_ended_job(ctx, w, ret, over);
	replica_info_free(*w->info);
	*w->info = info;
	if (w->progress && w->progress(info, w->progress_data))
		return replica_fail(ctx, REPLICA_FAILED, ECANCELED, NULL,
				    "the wait for \"%s\" was ended by the caller",
				    w->name);
	if (!w->state)
		return look_at_job(ctx, w, info, over);
	if (info->copy_state == w->state)
		*over = true;
	if (!*over && hopeless(w, info))
		return fail_hopeless(ctx, w, info);
	return REPLICA_SUCCESS;
}

/* How long to sleep; 0 when the time is over. */
static int nap(const struct replica_wait *w, uint64_t start, bool going)
{
	uint64_t spent = replica_now_ms() - start;
	uint64_t left = going ? GOING_MS : w->progress ? PROGRESS_MS : NO_EVENT_MS;

	if (w->timeout_ms && spent >= w->timeout_ms)
		return 0;
	if (w->timeout_ms && w->timeout_ms - spent < left)
		left = w->timeout_ms - spent;
	return (int)left;
}

/*
 * Sleeps until an event or for ms.  *hit: the state was reached, if only shortly; *going: the
 * last event was that of its end.
 */
static int sleep_for_event(struct replica_ctx *ctx, const struct replica_wait *w,
			   struct replica_monitor *m, int ms, bool *hit, bool *going)
{
	struct replica_event *event;
	int ret = replica_monitor_take(m, ms, &event);

	if (ret == REPLICA_TIMEOUT)
		return REPLICA_SUCCESS;
	if (ret == REPLICA_FAILED && ctx->err.sm_code == EINTR && w->progress) {
		replica_error_clear(ctx);	/* progress() decides */
		return REPLICA_SUCCESS;
	}
	if (ret)
		return ret;
	*hit = w->state && event->type == DM_REPLICA_EVENT_STATE &&
	       event->copy_state == w->state;
	*going = event->type == DM_REPLICA_EVENT_REMOVED;
	replica_event_free(event);
	return REPLICA_SUCCESS;
}

static int fail_timeout(struct replica_ctx *ctx, const struct replica_wait *w)
{
	unsigned long long ms = w->timeout_ms;

	if (!w->state)
		return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "JobID",
				    "job %u of replica \"%s\" is not over after %llu ms",
				    w->job_id, w->name, ms);
	return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "WaitForCopyState",
			    "replica \"%s\" is not %s after %llu ms", w->name,
			    replica_enum_name(REPLICA_ENUM_COPY_STATE, w->state), ms);
}

int replica_wait_run(struct replica_ctx *ctx, const struct replica_wait *w)
{
	uint64_t start = replica_now_ms();
	struct replica_monitor *m;
	bool over = false, going = false;
	int ret, ms;

	ret = replica_monitor_open(ctx, w->name, &m);
	if (ret && ended_since(ctx, w, ret, false))
		return REPLICA_SUCCESS;
	if (ret)
		return look_at_ended_job(ctx, w, ret, &over);
	for (;;) {
		ret = look(ctx, w, m, &over);
		if (ret || over)
			break;
		ms = nap(w, start, going);
		if (!ms) {
			ret = fail_timeout(ctx, w);
			break;
		}
		ret = sleep_for_event(ctx, w, m, ms, &over, &going);
		if (ret)
			break;
	}
	replica_monitor_free(m);
	return ret;
}

EXPORT int replica_wait_state(struct replica_ctx *ctx, const char *name,
			      enum dm_replica_copy_state state,
			      uint32_t timeout_ms, replica_progress_fn progress,
			      void *progress_data, struct replica_info **info)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_info *last = NULL;
	const struct replica_wait wait = {
		.name = dm_name,
		.state = state,
		.timeout_ms = timeout_ms,
		.progress = progress,
		.progress_data = progress_data,
		.info = info ? info : &last,
	};
	int ret;

	*wait.info = NULL;
	replica_error_begin(ctx, "WaitForCopyState");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = replica_wait_run(ctx, &wait);
	replica_info_free(last);
	return ret;
}

EXPORT int replica_wait_job(struct replica_ctx *ctx, const char *name, uint32_t id,
			    uint32_t timeout_ms, replica_progress_fn progress,
			    void *progress_data, struct replica_job **job)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_info *info = NULL;
	struct replica_job *ended = NULL;
	const struct replica_wait wait = {
		.name = dm_name,
		.job_id = id,
		.timeout_ms = timeout_ms,
		.progress = progress,
		.progress_data = progress_data,
		.info = &info,
		.job = &ended,
	};
	int ret;

	if (job)
		*job = NULL;
	replica_error_begin(ctx, "WaitForJob");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret && !id)
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "JobID",
				   "jobs are counted from 1");
	if (!ret)
		ret = replica_wait_run(ctx, &wait);
	replica_info_free(info);
	if (job)
		*job = ended;
	else
		replica_job_free(ended);
	return ret;
}
