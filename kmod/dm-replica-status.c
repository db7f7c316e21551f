// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of an association as one plain struct, and as text.
 */
#include <linux/math64.h>

#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-offload.h"
#include "dm-replica-queue.h"

static const char * const state_names[] = {
	[DM_REPLICA_STATE_INITIALIZED] = "Initialized",
	[DM_REPLICA_STATE_UNSYNCHRONIZED] = "Unsynchronized",
	[DM_REPLICA_STATE_SYNCHRONIZED] = "Synchronized",
	[DM_REPLICA_STATE_BROKEN] = "Broken",
	[DM_REPLICA_STATE_FRACTURED] = "Fractured",
	[DM_REPLICA_STATE_SPLIT] = "Split",
	[DM_REPLICA_STATE_INACTIVE] = "Inactive",
	[DM_REPLICA_STATE_SUSPENDED] = "Suspended",
	[DM_REPLICA_STATE_FAILEDOVER] = "Failedover",
	[DM_REPLICA_STATE_PREPARED] = "Prepared",
	[DM_REPLICA_STATE_ABORTED] = "Aborted",
	[DM_REPLICA_STATE_SKEWED] = "Skewed",
};

static const char * const counter_names[] = {
	[DM_REPLICA_C_READS] = "reads",
	[DM_REPLICA_C_READ_BYTES] = "read_bytes",
	[DM_REPLICA_C_WRITES] = "writes",
	[DM_REPLICA_C_WRITE_BYTES] = "write_bytes",
	[DM_REPLICA_C_FLUSHES] = "flushes",
	[DM_REPLICA_C_DISCARDS] = "discards",
	[DM_REPLICA_C_WRITE_ZEROES] = "write_zeroes",
	[DM_REPLICA_C_PAYLOAD_COPIED] = "payload_copied",
	[DM_REPLICA_C_PAYLOAD_SHARED] = "payload_shared",
	[DM_REPLICA_C_OVERLAP_WAITS] = "overlap_waits",
	[DM_REPLICA_C_RESYNC_WAITS] = "resync_waits",
	[DM_REPLICA_C_MEMORY_WAITS] = "memory_waits",
	[DM_REPLICA_C_TRACKED_WRITES] = "tracked_writes",
	[DM_REPLICA_C_HELD_WRITES] = "held_writes",
	[DM_REPLICA_C_REPLICA_ERRORS] = "replica_errors",
	[DM_REPLICA_C_REPLICA_TIMEOUTS] = "replica_timeouts",
	[DM_REPLICA_C_ORIGIN_ERRORS] = "origin_errors",
	[DM_REPLICA_C_READ_FAILOVERS] = "read_failovers",
	[DM_REPLICA_C_RESYNC_BYTES] = "resync_bytes",
	[DM_REPLICA_C_PROBES] = "probes",
	[DM_REPLICA_C_EVENTS_DROPPED] = "events_dropped",
	[DM_REPLICA_C_INFLIGHT] = "inflight",
	[DM_REPLICA_C_DETACHED] = "detached",
	[DM_REPLICA_C_LOG_WAITS] = "log_waits",
	[DM_REPLICA_C_META_WRITES] = "meta_writes",
	[DM_REPLICA_C_META_BYTES] = "meta_bytes",
	[DM_REPLICA_C_COMPARED_BYTES] = "compared_bytes",
	[DM_REPLICA_C_OFFLOADED_BYTES] = "offloaded_bytes",
};

static_assert(ARRAY_SIZE(counter_names) == DM_REPLICA_C_MAX + 1);

static const char * const job_type_names[] = {
	[DM_REPLICA_JOB_INITIAL_COPY] = "initial_copy",
	[DM_REPLICA_JOB_RESYNC] = "resync",
	[DM_REPLICA_JOB_VERIFY] = "verify",
	[DM_REPLICA_JOB_CLONE] = "clone",
	[DM_REPLICA_JOB_RESTORE] = "restore",
	[DM_REPLICA_JOB_FAILBACK] = "failback",
	[DM_REPLICA_JOB_DELTA] = "delta",
};

static const char * const job_state_names[] = {
	[DM_REPLICA_JOB_NEW] = "New",
	[DM_REPLICA_JOB_STARTING] = "Starting",
	[DM_REPLICA_JOB_RUNNING] = "Running",
	[DM_REPLICA_JOB_SUSPENDED] = "Suspended",
	[DM_REPLICA_JOB_SHUTTING_DOWN] = "Shutting_Down",
	[DM_REPLICA_JOB_COMPLETED] = "Completed",
	[DM_REPLICA_JOB_TERMINATED] = "Terminated",
	[DM_REPLICA_JOB_KILLED] = "Killed",
	[DM_REPLICA_JOB_EXCEPTION] = "Exception",
};

static const char * const offload_names[] = {
	[0] = "-",
	[DM_REPLICA_OFFLOAD_AWAITED] = "awaited",
	[DM_REPLICA_OFFLOAD_RUNNING] = "running",
	[DM_REPLICA_OFFLOAD_OVER] = "over",
};

static const char *name_in(const char * const *names, unsigned int count, unsigned int number)
{
	return number < count && names[number] ? names[number] : "Unknown";
}

const char *replica_state_name(u16 state)
{
	return name_in(state_names, ARRAY_SIZE(state_names), state);
}

const char *replica_job_type_name(u16 type)
{
	return name_in(job_type_names, ARRAY_SIZE(job_type_names), type);
}

const char *replica_job_state_name(u16 state)
{
	return name_in(job_state_names, ARRAY_SIZE(job_state_names), state);
}

const char *replica_counter_name(unsigned int counter)
{
	return name_in(counter_names, ARRAY_SIZE(counter_names), counter);
}

u64 replica_counter_sum(struct replica *replica, unsigned int what)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(replica->counters, cpu)->c[what];
	return sum;
}

static void fill_counters(struct replica *replica, struct replica_status *status)
{
	unsigned int i;

	for (i = DM_REPLICA_C_READS; i <= DM_REPLICA_C_MAX; i++)
		status->counters[i] = replica_counter_sum(replica, i);
	status->counters[DM_REPLICA_C_DETACHED] = atomic_read(&replica->detached);
}

static void fill_meta(struct replica *replica, struct replica_status *status)
{
	struct replica_meta_status meta;

	replica_intents_status(replica, &meta);
	status->has_meta = meta.present;
	status->meta_failed = meta.failed;
	status->active_regions = meta.active_regions;
	/* Who drops what protects it relies on that after a crash too. */
	if (status->settings.protect == DM_REPLICA_PROTECT_SNAPSHOT)
		status->whole &= meta.whole || meta.failed;
	status->exposed_bytes = meta.exposed_bytes;
	status->counters[DM_REPLICA_C_LOG_WAITS] = meta.waits;
	status->counters[DM_REPLICA_C_META_WRITES] = meta.writes;
	status->counters[DM_REPLICA_C_META_BYTES] = meta.bytes;
}

static u16 progress_of_job(const struct replica_job *job)
{
	switch (job->type) {
	case DM_REPLICA_JOB_INITIAL_COPY:
	case DM_REPLICA_JOB_CLONE:
		return DM_REPLICA_PROGRESS_SYNCHRONIZING;
	case DM_REPLICA_JOB_RESTORE:
		return DM_REPLICA_PROGRESS_RESTORING;
	case DM_REPLICA_JOB_FAILBACK:
		return DM_REPLICA_PROGRESS_FAILING_BACK;
	default:
		return DM_REPLICA_PROGRESS_RESYNCING;
	}
}

static u16 progress_of(const struct replica_status *status)
{
	switch (status->state) {
	case DM_REPLICA_STATE_INITIALIZED:
		return DM_REPLICA_PROGRESS_INITIALIZING;
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
		if (status->behind || status->guard != REPLICA_GUARD_OPEN)
			return DM_REPLICA_PROGRESS_PENDING;
		/* An update was given up, and is begun anew. */
		if (!status->has_job && status->delta.on)
			return DM_REPLICA_PROGRESS_PENDING;
		if (!status->has_job)
			return DM_REPLICA_PROGRESS_REQUIRES_RESYNC;
		return progress_of_job(&status->job);
	case DM_REPLICA_STATE_SYNCHRONIZED:
		/* The copy is over, and the legs are about to change places. */
		if (status->swap_back)
			return DM_REPLICA_PROGRESS_FAILING_BACK;
		if (status->delta.on && status->dirty_regions)
			return DM_REPLICA_PROGRESS_DORMANT;
		return status->queue.pending ? DM_REPLICA_PROGRESS_PENDING :
					       DM_REPLICA_PROGRESS_COMPLETED;
	case DM_REPLICA_STATE_BROKEN:
		return DM_REPLICA_PROGRESS_PENDING;
	case DM_REPLICA_STATE_INACTIVE:
	case DM_REPLICA_STATE_PREPARED:
		return DM_REPLICA_PROGRESS_REQUIRES_ACTIVATE;
	case DM_REPLICA_STATE_SUSPENDED:
		return DM_REPLICA_PROGRESS_REQUIRES_RESUME;
	case DM_REPLICA_STATE_ABORTED:
		return status->clone ? DM_REPLICA_PROGRESS_REQUIRES_DETACH :
				       DM_REPLICA_PROGRESS_REQUIRES_RESYNC;
	default:
		return DM_REPLICA_PROGRESS_REQUIRES_RESYNC;
	}
}

static u16 percent_of(const struct replica_status *status)
{
	if (!status->dirty_bytes)
		return 100;
	return min_t(u64, 99, div64_u64((status->size - status->dirty_bytes) * 100,
					status->size));
}

static void fill_state(struct replica *replica, struct replica_status *status)
{
	struct replica_job *job;
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	/* First, and with what follows: what was told up to this event is in it. */
	status->event_seq = replica_event_seq(replica);
	status->state = replica->state;
	status->dirty_regions = replica_log_dirty_regions(replica->log);
	status->dirty_bytes = min((u64)replica->sectors << SECTOR_SHIFT,
				  replica_log_dirty_bytes(replica->log) +
				  replica->skewed_bytes);
	__replica_delta_status(replica, &status->delta);
	/* A mark is made before the state follows it: never show the gap. */
	if (status->state == DM_REPLICA_STATE_SYNCHRONIZED && status->dirty_regions &&
	    !status->delta.on)
		status->state = DM_REPLICA_STATE_UNSYNCHRONIZED;
	strscpy(status->reason, replica->reason, sizeof(status->reason));
	status->consistent_now = replica->consistent && status->state == replica->state;
	status->ever_consistent = replica->consistent || replica->last_consistent;
	if (!status->consistent_now && status->ever_consistent)
		status->consistent_age_ms = ktime_ms_delta(ktime_get(),
							   replica->last_consistent);
	status->when_established_ms = replica->when_established_ms;
	status->when_synced_ms = replica->when_synced_ms;
	status->when_suspended_ms = replica->when_suspended_ms;
	if (status->delta.on && status->state == DM_REPLICA_STATE_SYNCHRONIZED) {
		/* What was written since the last point in time; as old as that, at most. */
		status->lag_bytes = status->dirty_bytes;
		status->lag_ms = status->dirty_regions ? status->delta.point_age_ms : 0;
	} else if (status->state == DM_REPLICA_STATE_SYNCHRONIZED) {
		status->lag_bytes = status->queue.lag_bytes;
		status->lag_ms = status->queue.age_ms;
	} else {
		/*
		 * All that may differ was accepted and is not known to be there; and what is in
		 * the queue, which gets dirty when that is dropped.
		 */
		status->lag_bytes = min(status->size,
					status->dirty_bytes + status->queue.lag_bytes);
		status->lag_ms = status->queue.age_ms;
		if (status->dirty_bytes)
			status->lag_ms = max(status->lag_ms, status->consistent_age_ms);
	}
	status->behind = replica->behind;
	status->guard = replica->guard;
	status->whole = replica->whole;
	status->swap_back = replica->swap_back;
	status->mode = replica->mode;
	status->offload = __replica_offload_state(replica, status->offload_reason);
	job = __replica_job_current(replica);
	status->has_job = job;
	if (job)
		status->job = *job;
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_status_fill(struct replica *replica, struct replica_status *status)
{
	memset(status, 0, sizeof(*status));
	status->size = (u64)replica->sectors << SECTOR_SHIFT;
	status->clone = replica->clone;
	status->read_only = replica->read_only;
	status->region_size = 1U << (replica->region_shift + SECTOR_SHIFT);
	replica_queue_status(replica, &status->queue);
	fill_state(replica, status);
	status->dm_suspended = READ_ONCE(replica->suspended);
	status->settings = replica->settings;
	fill_counters(replica, status);
	fill_meta(replica, status);
	status->requested = status->has_job && status->job.type != DM_REPLICA_JOB_VERIFY ?
			    DM_REPLICA_STATE_SYNCHRONIZED : DM_REPLICA_STATE_NOT_APPLICABLE;
	status->progress = progress_of(status);
	status->percent = percent_of(status);
}

static unsigned int emit_reason(const char *key, const char *reason, char *result,
				unsigned int maxlen)
{
	unsigned int sz = 0;

	DMEMIT(" %s=", key);
	for (; *reason; reason++)
		DMEMIT("%c", *reason == ' ' ? '_' : *reason);
	return sz;
}

static unsigned int emit_delta(const struct replica_delta_status *delta, char *result,
			       unsigned int maxlen)
{
	unsigned int sz = 0;

	if (delta->has_point)
		DMEMIT(" point_age_ms=%llu", delta->point_age_ms);
	else
		DMEMIT(" point_age_ms=-");
	if (delta->has_due)
		DMEMIT(" delta_due_ms=%llu", delta->due_ms);
	else
		DMEMIT(" delta_due_ms=-");
	return sz;
}

static unsigned int emit_job(const struct replica_status *status, char *result,
			     unsigned int maxlen)
{
	const struct replica_job *job = &status->job;
	unsigned int sz = 0;

	if (!status->has_job)
		DMEMIT(" job=-");
	else
		DMEMIT(" job=%u:%u:%u:%u:%llu:%llu", job->id, job->type, job->state,
		       replica_job_percent(job), job->bytes_done, job->bytes_total);
	return sz;
}

static unsigned int emit_queue(const struct replica_queue_status *queue, char *result,
			       unsigned int maxlen)
{
	unsigned int i, sz = 0;

	DMEMIT(" ack=%s queue_entries=%llu queue_bytes=%llu queue_age_ms=%llu",
	       replica_mode_name(queue->ack), queue->entries, queue->bytes, queue->age_ms);
	DMEMIT(" queue_high_entries=%llu queue_high_bytes=%llu queue_high_age_ms=%llu",
	       queue->high_entries, queue->high_bytes, queue->high_age_ms);
	DMEMIT(" rate_in=%llu rate_out=%llu drain_ms=", queue->rate_in, queue->rate_out);
	if (queue->has_drain)
		DMEMIT("%llu", queue->drain_ms);
	else
		DMEMIT("-");
	DMEMIT(" pending=%u overflows=%llu rpo_missed=%llu delays=", queue->pending,
	       queue->overflows, queue->rpo_missed);
	for (i = 0; i < DM_REPLICA_DELAYS; i++)
		DMEMIT("%s%llu", i ? "," : "", queue->delays[i]);
	DMEMIT(" switches=%llu sync_ms=%llu async_ms=%llu", queue->switches, queue->sync_ms,
	       queue->async_ms);
	sz += emit_reason("switch_reason", queue->reason ?: "-", result + sz, maxlen - sz);
	return sz;
}

unsigned int replica_status_emit(const struct replica_status *status, char *result,
				 unsigned int maxlen)
{
	unsigned int i, sz = 0;

	DMEMIT("v=1 state=%s copy_state=%u progress=%u percent=%u mode=%s role=%s",
	       replica_state_name(status->state), status->state, status->progress,
	       status->percent, replica_mode_name(status->mode),
	       status->clone ? "clone" : "mirror");
	sz += emit_reason("reason", status->reason, result + sz, maxlen - sz);
	DMEMIT(" size=%llu region_size=%u dirty_regions=%llu dirty_bytes=%llu",
	       status->size, status->region_size, status->dirty_regions, status->dirty_bytes);
	DMEMIT(" consistent_now=%u consistent_age_ms=", status->consistent_now);
	if (status->ever_consistent)
		DMEMIT("%llu", status->consistent_age_ms);
	else
		DMEMIT("-");
	DMEMIT(" lag_bytes=%llu lag_ms=%llu", status->lag_bytes, status->lag_ms);
	sz += emit_delta(&status->delta, result + sz, maxlen - sz);
	DMEMIT(" meta=%s active_regions=%llu exposed_bytes=%llu",
	       !status->has_meta ? "-" : status->meta_failed ? "failed" : "ok",
	       status->active_regions, status->exposed_bytes);
	sz += emit_queue(&status->queue, result + sz, maxlen - sz);
	sz += emit_job(status, result + sz, maxlen - sz);
	DMEMIT(" event_seq=%llu offload=%s", status->event_seq,
	       name_in(offload_names, ARRAY_SIZE(offload_names), status->offload));
	sz += emit_reason("offload_reason", *status->offload_reason ? status->offload_reason : "-",
			  result + sz, maxlen - sz);
	for (i = DM_REPLICA_C_READS; i <= DM_REPLICA_C_MAX; i++)
		DMEMIT(" %s=%llu", replica_counter_name(i), status->counters[i]);
	DMEMIT(" whole=%u waits_protected=%u", status->whole,
	       status->guard == REPLICA_GUARD_WAITS);
	return sz;
}
