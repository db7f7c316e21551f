// SPDX-License-Identifier: GPL-2.0-only
/*
 * The copy state: the table of transitions, and the only code that changes it.
 */
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-protect.h"
#include "dm-replica-queue.h"
#include "dm-replica-swap.h"
#include "dm-replica-trace.h"

#define S(name)		BIT(DM_REPLICA_STATE_##name)

/* From a state (index) to which others (bits). */
static const u32 transitions[] = {
	/* The rest is what a meta device may remember. */
	[DM_REPLICA_STATE_INITIALIZED] = S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(FRACTURED) |
		S(SPLIT) | S(INACTIVE) | S(SUSPENDED) | S(ABORTED) | S(SKEWED) | S(FAILEDOVER) |
		S(PREPARED),
	[DM_REPLICA_STATE_UNSYNCHRONIZED] = S(SYNCHRONIZED) | S(BROKEN) | S(FRACTURED) |
		S(INACTIVE) | S(SUSPENDED) | S(ABORTED) | S(SKEWED) | S(FAILEDOVER) | S(PREPARED),
	[DM_REPLICA_STATE_SYNCHRONIZED] = S(UNSYNCHRONIZED) | S(BROKEN) | S(FRACTURED) |
		S(SPLIT) | S(INACTIVE) | S(SUSPENDED) | S(SKEWED) | S(FAILEDOVER) | S(PREPARED),
	/* To Aborted in the clone role only. */
	[DM_REPLICA_STATE_BROKEN] = S(UNSYNCHRONIZED) | S(FRACTURED) | S(INACTIVE) |
		S(SUSPENDED) | S(ABORTED) | S(FAILEDOVER) | S(PREPARED),
	[DM_REPLICA_STATE_FRACTURED] = S(UNSYNCHRONIZED) | S(INACTIVE) | S(FAILEDOVER) |
		S(PREPARED),
	[DM_REPLICA_STATE_SPLIT] = S(UNSYNCHRONIZED) | S(INACTIVE) | S(FAILEDOVER) | S(PREPARED),
	[DM_REPLICA_STATE_INACTIVE] = S(UNSYNCHRONIZED) | S(FAILEDOVER) | S(PREPARED),
	[DM_REPLICA_STATE_SUSPENDED] = S(UNSYNCHRONIZED) | S(INACTIVE) | S(ABORTED) |
		S(FAILEDOVER) | S(PREPARED),
	[DM_REPLICA_STATE_FAILEDOVER] = S(UNSYNCHRONIZED),
	[DM_REPLICA_STATE_PREPARED] = S(UNSYNCHRONIZED) | S(INACTIVE),
	[DM_REPLICA_STATE_ABORTED] = S(UNSYNCHRONIZED) | S(INACTIVE) | S(FAILEDOVER) |
		S(PREPARED),
	[DM_REPLICA_STATE_SKEWED] = S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(BROKEN) |
		S(FRACTURED) | S(INACTIVE) | S(SUSPENDED) | S(FAILEDOVER) | S(PREPARED),
};

/* Whoever ends the copy with an order ends with it that the legs swap when it is over. */
#define ENDS_WAY_BACK	(S(FRACTURED) | S(SPLIT) | S(ABORTED) | S(PREPARED))

static bool ships(u16 state)
{
	return BIT(state) & (S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(SKEWED));
}

/* The legs' equality is not known to be lost, and writes do not reach the copy. */
static bool is_consistent(u16 state)
{
	return BIT(state) & (S(SYNCHRONIZED) | S(SPLIT));
}

static u64 now_ms(void)
{
	return ktime_to_ms(ktime_get_real());
}

static bool is_verify(const struct replica_job *job)
{
	return job && job->type == DM_REPLICA_JOB_VERIFY;
}

/* What the states say about the job that was under way. */
static void settle_job(struct replica *replica, u16 state, const char *reason)
{
	if (is_verify(__replica_job_current(replica)) && state != DM_REPLICA_STATE_BROKEN)
		__replica_job_end(replica, DM_REPLICA_JOB_TERMINATED, 0,
				  "the copy state changed meanwhile");
	switch (state) {
	case DM_REPLICA_STATE_SYNCHRONIZED:
	case DM_REPLICA_STATE_SKEWED:
		__replica_job_end(replica, DM_REPLICA_JOB_COMPLETED, 0, "");
		break;
	case DM_REPLICA_STATE_BROKEN:
		__replica_job_end(replica, DM_REPLICA_JOB_EXCEPTION, REPLICA_RETURN_FAILED, reason);
		break;
	case DM_REPLICA_STATE_SUSPENDED:
		__replica_job_suspend(replica);
		break;
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
		break;
	default:
		__replica_job_end(replica, DM_REPLICA_JOB_TERMINATED, 0, "");
		break;
	}
}

/*
 * A queue that is given up leaves the replica as old as the first write in it; an update
 * that begins, as old as the last one.
 */
static ktime_t consistent_as_of(struct replica *replica)
{
	return __replica_delta_point(replica) ?:
	       ktime_sub_ms(ktime_get(), replica_queue_age_ms(replica));
}

/*
 * Has the replica a later moment than the one known?  What a verify finds may have been there
 * since it was last in step.  Split it stays the copy of the moment in which it became so.  And a
 * leg that has just become the replica, and may have lost something when it was left, is whole no
 * more: since when nobody knows, so that the last time that the legs got in step has to do.
 */
static bool is_later(const struct replica *replica, u16 old, u16 state)
{
	if (state == DM_REPLICA_STATE_SYNCHRONIZED)
		return true;
	return old == DM_REPLICA_STATE_SYNCHRONIZED && state != DM_REPLICA_STATE_SKEWED &&
	       replica->whole;
}

static void stamp_times(struct replica *replica, u16 old, u16 state)
{
	if (is_later(replica, old, state))
		replica->last_consistent = consistent_as_of(replica);
	replica->consistent = is_consistent(state);
	if (state == DM_REPLICA_STATE_SYNCHRONIZED) {
		replica->when_synced_ms = now_ms();
		replica->probe_delay_ms = 0;
	}
	if (state == DM_REPLICA_STATE_SUSPENDED)
		replica->when_suspended_ms = now_ms();
}

static bool must_hold(struct replica *replica)
{
	/* Only what is not copied waits, and clone.c has it. */
	if (replica->clone)
		return false;
	if (replica->settings.on_meta_error == DM_REPLICA_ON_META_STOP &&
	    replica_intents_failed(replica))
		return true;
	/* What the guard keeps from the replica the origin would have alone. */
	return (replica->state == DM_REPLICA_STATE_BROKEN ||
		replica->guard != REPLICA_GUARD_OPEN) &&
	       replica->settings.on_replica_error == DM_REPLICA_ON_ERROR_STOP;
}

static void decide_routes(struct replica *replica)
{
	bool ship = ships(replica->state) && !replica->behind && !replica->clone &&
		    !replica->delta_on && replica->guard == REPLICA_GUARD_OPEN;

	WRITE_ONCE(replica->ship, ship);
	replica_queue_set_open(replica, ship);
	/* A suspend that waits for all I/O lets it go on, tracked, rather than fail it. */
	WRITE_ONCE(replica->hold, must_hold(replica) &&
		   !(replica->suspending && !replica->noflush));
}

/* A verify goes on when it finds a difference, and ends with every other change. */
static bool verify_goes_on(struct replica *replica, u16 state)
{
	return is_verify(__replica_job_current(replica)) &&
	       BIT(replica->state) & REPLICA_VERIFY_STATES && BIT(state) & REPLICA_VERIFY_STATES;
}

/* An update is not shipped, and comes region by region all the same. */
static bool gets_regions(const struct replica *replica)
{
	return replica->ship ||
	       (replica->delta_on && replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED &&
		!replica->behind && replica->guard == REPLICA_GUARD_OPEN);
}

/* In step it is a copy of one moment, until it gets new regions beside old ones. */
static void note_whole(struct replica *replica)
{
	if (BIT(replica->state) & REPLICA_VERIFY_STATES)
		replica->whole = true;
	else if (gets_regions(replica))
		replica->whole = false;
}

static void enter_as(struct replica *replica, u16 state, bool behind, const char *reason)
{
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_STATE,
		.state = state,
		.old_state = replica->state,
	};

	bool verify = verify_goes_on(replica, state);

	lockdep_assert_held(&replica->lock);

	reason = __replica_guard_enter(replica, state, behind, reason);
	trace_dm_replica_state(replica, replica->state, state, reason);
	__replica_delta_enter(replica, state);
	stamp_times(replica, replica->state, state);
	WRITE_ONCE(replica->state, state);
	WRITE_ONCE(replica->behind, behind);
	WRITE_ONCE(replica->stopped, false);
	strscpy(replica->reason, reason, sizeof(replica->reason));
	decide_routes(replica);
	note_whole(replica);
	if (state != DM_REPLICA_STATE_BROKEN)
		replica->resume_ordered = false;
	if (BIT(state) & ENDS_WAY_BACK)
		replica->swap_back = false;
	if (!verify) {
		if (state != DM_REPLICA_STATE_UNSYNCHRONIZED ||
		    is_verify(__replica_job_current(replica)))
			replica_resync_stop(replica);
		settle_job(replica, state, reason);
	}
	strscpy(event.reason, reason, sizeof(event.reason));
	replica_event_raise(replica, &event);
	replica_intents_note(replica);
	queue_work(replica->wq, &replica->state_work);
	if (state == DM_REPLICA_STATE_BROKEN && replica->ticking)
		mod_delayed_work(replica->wq, &replica->probe_work, 0);
}

static void enter(struct replica *replica, u16 state, const char *reason)
{
	enter_as(replica, state, false, reason);
}

static bool may_enter(struct replica *replica, u16 state)
{
	return transitions[replica->state] & BIT(state);
}

bool replica_state_move(struct replica *replica, u32 from, u16 state, const char *reason)
{
	unsigned long flags;
	bool moved = false;

	spin_lock_irqsave(&replica->lock, flags);
	if (BIT(replica->state) & from) {
		moved = replica->state == state || may_enter(replica, state);
		if (moved && (replica->state != state || replica->behind ||
			      __replica_guard_moves(replica)))
			enter(replica, state, reason);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
	return moved;
}

static void end_verify(struct replica *replica, const char *text)
{
	lockdep_assert_held(&replica->lock);
	replica_resync_stop(replica);
	__replica_job_end(replica, DM_REPLICA_JOB_TERMINATED, 0, text);
}

bool replica_state_cancel(struct replica *replica, u32 job_id)
{
	struct replica_job *job;
	unsigned long flags;
	bool cancelled;

	spin_lock_irqsave(&replica->lock, flags);
	job = __replica_job_current(replica);
	cancelled = job && job->id == job_id &&
		    (is_verify(job) || may_enter(replica, DM_REPLICA_STATE_ABORTED));
	if (cancelled && is_verify(job))
		end_verify(replica, "cancelled");
	else if (cancelled)
		enter(replica, DM_REPLICA_STATE_ABORTED, "job cancelled");
	spin_unlock_irqrestore(&replica->lock, flags);
	return cancelled;
}

void replica_state_end_verify(struct replica *replica, const char *text)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	if (is_verify(__replica_job_current(replica)))
		end_verify(replica, text);
	spin_unlock_irqrestore(&replica->lock, flags);
}

void __replica_state_skew(struct replica *replica, u64 bytes)
{
	lockdep_assert_held(&replica->lock);
	replica->skewed_bytes = bytes;
	if (bytes && replica->state == DM_REPLICA_STATE_SYNCHRONIZED)
		enter(replica, DM_REPLICA_STATE_SKEWED, "verify found differences");
	else if (!bytes && replica->state == DM_REPLICA_STATE_SKEWED)
		enter(replica, DM_REPLICA_STATE_SYNCHRONIZED, "verify found no difference");
}

bool replica_state_set(struct replica *replica, u16 state, const char *reason)
{
	return replica_state_move(replica, ~0U, state, reason);
}

/* Is what the job was to copy there?  What came later is no part of a delta update. */
static bool nothing_left(struct replica *replica)
{
	if (replica_durable_doubt(&replica->on_origin))
		return false;
	if (replica->delta_on)
		return replica_delta_copies(replica) &&
		       !replica_log_frozen_regions(replica->log);
	return !replica_log_dirty_regions(replica->log);
}

static const char *synced_reason(const struct replica *replica)
{
	if (replica->clone)
		return "clone is complete";
	return replica->delta_on ? "delta update is complete" : "legs are equal";
}

bool replica_state_synced(struct replica *replica)
{
	unsigned long flags;
	bool done = true;

	spin_lock_irqsave(&replica->lock, flags);
	if (replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED && !replica->behind &&
	    replica->guard == REPLICA_GUARD_OPEN) {
		done = nothing_left(replica);
		if (done && replica->skewed_bytes)
			enter(replica, DM_REPLICA_STATE_SKEWED,
			      "what a verify found still differs");
		else if (done)
			enter(replica, DM_REPLICA_STATE_SYNCHRONIZED, synced_reason(replica));
	}
	spin_unlock_irqrestore(&replica->lock, flags);
	return done;
}

void replica_state_unsynced(struct replica *replica, const char *reason)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	/* What is marked is carried by the next delta update, and the replica is as it was. */
	if (BIT(replica->state) & REPLICA_VERIFY_STATES && !replica->delta_on) {
		enter(replica, DM_REPLICA_STATE_UNSYNCHRONIZED, reason);
		__replica_resync_begin(replica, DM_REPLICA_JOB_RESYNC, REPLICA_WALK_COPY);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
}

bool replica_state_behind(struct replica *replica, const char *reason)
{
	unsigned long flags;
	bool shipped;

	spin_lock_irqsave(&replica->lock, flags);
	shipped = replica->ship;
	if (shipped) {
		enter_as(replica, DM_REPLICA_STATE_UNSYNCHRONIZED, true, reason);
		/* A copy that was under way goes on later. */
		replica_resync_stop(replica);
		__replica_job_suspend(replica);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
	return shipped;
}

void replica_state_stop(struct replica *replica, const char *reason)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	if (replica->ship || (replica->delta_on && ships(replica->state))) {
		DMWARN_LIMIT("%s: %s", replica->name, reason);
		enter(replica, DM_REPLICA_STATE_BROKEN, reason);
		WRITE_ONCE(replica->stopped, true);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_state_give_up(struct replica *replica, const char *reason)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	if (may_enter(replica, DM_REPLICA_STATE_ABORTED)) {
		__replica_job_end(replica, DM_REPLICA_JOB_EXCEPTION, REPLICA_RETURN_FAILED,
				  reason);
		enter(replica, DM_REPLICA_STATE_ABORTED, reason);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_state_job_failed(struct replica *replica, u32 job_id, const char *text)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	/* Another one may have begun meanwhile, or the same may wait for a snapshot. */
	if (!__replica_resync_walks(replica, job_id)) {
		spin_unlock_irqrestore(&replica->lock, flags);
		return;
	}
	replica_resync_stop(replica);
	__replica_job_end(replica, DM_REPLICA_JOB_EXCEPTION, REPLICA_RETURN_FAILED, text);
	__replica_delta_failed(replica);
	strscpy(replica->reason, text, sizeof(replica->reason));
	/* The probe's clock tries again later, a clone's writes that wait for it at once. */
	if (replica->ticking)
		queue_delayed_work(replica->wq, &replica->probe_work, HZ);
	queue_work(replica->wq, &replica->state_work);
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_state_replica_failed(struct replica *replica, sector_t sector, int error,
				  const char *reason)
{
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_REPLICA_ERROR,
		.sector = sector,
		.error = -error,
	};
	unsigned long flags;

	replica_count(replica, DM_REPLICA_C_REPLICA_ERRORS, 1);
	/*
	 * The requests that were under way with the first one say nothing new.  But when this
	 * returns nothing may be sent any more that relies on the one that failed.
	 */
	if (!ships(READ_ONCE(replica->state)) && replica_queue_shut(replica))
		return;

	strscpy(event.reason, reason, sizeof(event.reason));
	spin_lock_irqsave(&replica->lock, flags);
	if (ships(replica->state)) {
		DMWARN_LIMIT("%s: replica failed at sector %llu (%d): %s", replica->name,
			     (u64)sector, error, reason);
		event.state = DM_REPLICA_STATE_BROKEN;
		replica_event_raise(replica, &event);
		enter(replica, DM_REPLICA_STATE_BROKEN, reason);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
}

void replica_state_refresh(struct replica *replica)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	decide_routes(replica);
	spin_unlock_irqrestore(&replica->lock, flags);
	queue_work(replica->wq, &replica->state_work);
}

void replica_state_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, state_work);

	if (!READ_ONCE(replica->hold)) {
		replica_hold_release(replica, false);
		replica_intents_note(replica);
	}
	replica_clone_kick(replica);
	replica_swap_back_soon(replica, 0);
	mod_delayed_work(replica_aux_wq, &replica->confirm_work, 0);
}
