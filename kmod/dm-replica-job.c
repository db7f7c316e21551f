// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs: a record of the copy under way and of those that ended.
 */
#include <linux/math64.h>

#include "dm-replica-event.h"
#include "dm-replica-io.h"

static bool is_over(const struct replica_job *job)
{
	return job->state >= DM_REPLICA_JOB_COMPLETED;
}

struct replica_job *__replica_job_current(struct replica *replica)
{
	struct replica_job *job;

	lockdep_assert_held(&replica->lock);
	if (replica->current_job >= ARRAY_SIZE(replica->jobs))
		return NULL;
	job = &replica->jobs[replica->current_job];
	return is_over(job) ? NULL : job;
}

void replica_job_raise(struct replica *replica, const struct replica_job *job)
{
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_JOB,
		.state = replica->state,
		.job = *job,
	};

	replica_event_raise(replica, &event);
}

/*
 * The slot of the oldest job, which is forgotten.  Of delta updates in a row the last one is
 * remembered, lest they push out what an administrator has ordered.
 */
static struct replica_job *next_slot(struct replica *replica, u16 type)
{
	unsigned int slot = 0;

	if (replica->current_job < ARRAY_SIZE(replica->jobs)) {
		const struct replica_job *last = &replica->jobs[replica->current_job];

		slot = (replica->current_job + 1) % ARRAY_SIZE(replica->jobs);
		if (type == DM_REPLICA_JOB_DELTA && last->type == type &&
		    last->state == DM_REPLICA_JOB_COMPLETED)
			slot = replica->current_job;
	}
	replica->current_job = slot;
	memset(&replica->jobs[slot], 0, sizeof(replica->jobs[slot]));
	return &replica->jobs[slot];
}

u32 __replica_job_start(struct replica *replica, u16 type, u64 bytes_total)
{
	struct replica_job *job = __replica_job_current(replica);

	if (job && type != DM_REPLICA_JOB_VERIFY) {
		/* The job that was suspended; new dirty regions add to its work. */
		job->bytes_total = job->bytes_done + bytes_total;
	} else {
		job = next_slot(replica, type);
		/* 0 is no job. */
		job->id = ++replica->next_job_id ?: ++replica->next_job_id;
		job->type = type;
		job->bytes_total = bytes_total;
		job->started = ktime_get();
		job->started_ms = ktime_to_ms(ktime_get_real());
	}
	/* It does not copy before the guard is open. */
	job->state = replica->guard && type != DM_REPLICA_JOB_VERIFY ? DM_REPLICA_JOB_STARTING :
								       DM_REPLICA_JOB_RUNNING;
	job->error_text[0] = '\0';
	replica_job_raise(replica, job);
	return job->id;
}

void replica_job_restore(struct replica *replica, u32 id, u16 type, u64 started_ms,
			 u64 bytes_done, u64 elapsed_ms)
{
	struct replica_job *job;

	spin_lock_irq(&replica->lock);
	/* An activation that failed may have been here before. */
	job = __replica_job_current(replica) ?: next_slot(replica, type);
	job->id = id;
	job->type = type;
	job->state = DM_REPLICA_JOB_SUSPENDED;
	job->started_ms = started_ms;
	job->started = ktime_sub_ms(ktime_get(), elapsed_ms);
	job->bytes_done = bytes_done;
	job->bytes_total = bytes_done;
	replica->next_job_id = max(replica->next_job_id, id);
	spin_unlock_irq(&replica->lock);
}

void __replica_job_suspend(struct replica *replica)
{
	struct replica_job *job = __replica_job_current(replica);

	if (!job)
		return;
	job->state = DM_REPLICA_JOB_SUSPENDED;
	replica_job_raise(replica, job);
}

void __replica_job_end(struct replica *replica, u16 state, u32 error_code, const char *text)
{
	struct replica_job *job = __replica_job_current(replica);

	if (!job)
		return;
	job->state = state;
	job->ended = ktime_get();
	job->error_code = error_code;
	strscpy(job->error_text, text, sizeof(job->error_text));
	if (state == DM_REPLICA_JOB_COMPLETED)
		job->bytes_total = job->bytes_done;
	replica_job_raise(replica, job);
}

static void progress(struct replica *replica, u64 bytes, u64 offloaded)
{
	struct replica_job *job;
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	job = __replica_job_current(replica);
	if (job) {
		job->bytes_done += bytes;
		job->offloaded += offloaded;
		job->bytes_total = max(job->bytes_total, job->bytes_done);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_job_progress(struct replica *replica, u64 bytes)
{
	progress(replica, bytes, 0);
}

void replica_job_offloaded(struct replica *replica, u64 bytes)
{
	progress(replica, bytes, bytes);
}

u16 replica_job_percent(const struct replica_job *job)
{
	if (job->state == DM_REPLICA_JOB_COMPLETED)
		return 100;
	if (!job->bytes_total)
		return 0;
	/* 100 is kept for a job that is over. */
	return min_t(u64, 99, div64_u64(job->bytes_done * 100, job->bytes_total));
}

u64 replica_job_elapsed_ms(const struct replica_job *job)
{
	ktime_t end = is_over(job) ? job->ended : ktime_get();

	return ktime_ms_delta(end, job->started);
}

bool replica_job_eta_ms(const struct replica_job *job, u64 *eta_ms)
{
	u64 rest;

	if (is_over(job) || job->state != DM_REPLICA_JOB_RUNNING || !job->bytes_done)
		return false;
	/* In MiB, so that no product overflows; a month is as good as never. */
	rest = (job->bytes_total - job->bytes_done) >> 20;
	*eta_ms = min_t(u64, 30ULL * 24 * 3600 * 1000,
			div64_u64(min_t(u64, replica_job_elapsed_ms(job), U32_MAX) * rest,
				  (job->bytes_done >> 20) ?: 1));
	return true;
}

bool replica_job_next(struct replica *replica, u32 after, struct replica_job *job)
{
	struct replica_job *best = NULL;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&replica->lock, flags);
	for (i = 0; i < ARRAY_SIZE(replica->jobs); i++) {
		struct replica_job *other = &replica->jobs[i];

		if (other->id > after && (!best || other->id < best->id))
			best = other;
	}
	if (best)
		*job = *best;
	spin_unlock_irqrestore(&replica->lock, flags);
	return best;
}

bool replica_job_read(struct replica *replica, u32 id, struct replica_job *job)
{
	return id && replica_job_next(replica, id - 1, job) && job->id == id;
}

int replica_job_cancel(struct replica *replica, u32 id, const char **error)
{
	struct replica_job job;

	if (!replica_job_read(replica, id, &job)) {
		*error = "no job of this number is known";
		return -ENOENT;
	}
	if (!replica_state_cancel(replica, id)) {
		*error = "the job is over already";
		return -EBUSY;
	}
	return 0;
}
