// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delta update: its clock, the freeze, and the end of one that cannot be completed;
 * dm-replica-delta.h has the idea.
 */
#include <linux/slab.h>

#include "dm-replica-beat.h"
#include "dm-replica-cbw.h"
#include "dm-replica-delta.h"
#include "dm-replica-intent.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"

/* Longest time that new writes wait for those under way, ms. */
#define FREEZE_MS		500
/* Before a freeze is tried again, and before it is looked again whether a verify is over, ms. */
#define RETRY_MS		1000
/* Freezes in vain up to which that doubles. */
#define RETRIES			5U
/* Longest time that a write waits for its copy, but under overflow block, ms. */
#define WAIT_MS			2000U
/* Between two looks at who waits and how old the point is: the most, and the least, ms. */
#define CLOCK_MS		1000U
#define CLOCK_MIN_MS		50U

#define RPO_SHORT		\
	"rpo is shorter than delta_ms and could not be kept: it must be 0 or that at least"
#define RPO_FAILS		\
	"overflow fail stops the replica at 7/8 of rpo, before delta_ms is over: rpo must be 0 or longer"

/**
 * struct replica_delta - what it needs besides the log; under replica->lock
 * @replica: the association
 * @go_work: lets writes go; on replica->wq, and waits for nothing
 * @work: begins updates; on replica_aux_wq, for it takes op_mutex and waits for writes
 * @stopped: the device is suspended
 * @missed: the recovery point objective is, and that has been told
 * @frozen_at: the instant of the update under way
 * @point: that of the last complete one, 0: none
 * @was: while they are switched on or off: what the replica was of until then
 * @asked: of the last barrier
 * @beat: when the next one is due
 * @tries: freezes in a row that came to nothing; the worker's
 * @not_before: jiffies: no freeze before that
 */
struct replica_delta {
	struct replica *replica;
	struct work_struct go_work;
	struct delayed_work work;
	bool stopped;
	bool missed;
	ktime_t frozen_at;
	ktime_t point;
	ktime_t was;
	ktime_t asked;
	struct replica_beat beat;
	unsigned int tries;
	unsigned long not_before;
};

static u64 now_ms(void)
{
	return ktime_to_ms(ktime_get());
}

static u32 interval_of(const struct replica *replica)
{
	return READ_ONCE(replica->settings.delta_ms);
}

bool replica_delta_behind(struct replica *replica)
{
	unsigned long flags;
	bool behind;

	/* A table of another size may be about to bring another log. */
	spin_lock_irqsave(&replica->lock, flags);
	behind = replica->delta_on && replica_log_dirty_regions(replica->log);
	spin_unlock_irqrestore(&replica->lock, flags);
	return behind;
}

bool replica_delta_late(struct replica *replica)
{
	unsigned long flags;
	bool late;

	spin_lock_irqsave(&replica->lock, flags);
	late = replica->first == REPLICA_FIRST_HELD ||
	       (replica->first == REPLICA_FIRST_FROZEN &&
		ktime_ms_delta(ktime_get(), replica->delta->frozen_at) > interval_of(replica));
	spin_unlock_irqrestore(&replica->lock, flags);
	return late;
}

ktime_t __replica_delta_point(struct replica *replica)
{
	const struct replica_delta *delta = replica->delta;

	return delta->was ?: replica->delta_on ? delta->point : 0;
}

char *replica_delta_contradiction(const struct replica_settings *settings, u16 mode, bool clone,
				  unsigned int *attr)
{
	*attr = DM_REPLICA_S_DELTA_MS;
	if (!settings->delta_ms)
		return NULL;
	if (clone)
		return "a clone is of one instant and not updated: delta_ms must be 0";
	if (mode != DM_REPLICA_MODE_ASYNC)
		return "delta_ms goes with mode async only: it must be 0 in the others";
	*attr = DM_REPLICA_S_RPO;
	if (settings->rpo && settings->rpo < settings->delta_ms)
		return RPO_SHORT;
	/* Whatever is written after an update would end it all before the next one begins. */
	if (settings->rpo && settings->overflow == DM_REPLICA_OVERFLOW_FAIL &&
	    replica_beat_limit_ms(settings->rpo) <= settings->delta_ms)
		return RPO_FAILS;
	return NULL;
}

/*
 * Writes that wait.
 */

static void go_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica_delta, go_work)->replica;

	replica_cbw_let_go(replica);
	if (replica_cbw_any(replica))
		replica_resync_wake(replica);
}

static void let_go(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	queue_work(replica->wq, &replica->delta->go_work);
}

void __replica_delta_waits(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	/* While all are held nobody can go: whoever ends that has all of them looked at. */
	if (replica->first == REPLICA_FIRST_HELD)
		replica_resync_wake(replica);
	else if (replica->first != REPLICA_FIRST_ALL)
		let_go(replica);
}

void replica_delta_copied(struct replica *replica)
{
	if (replica_delta_copies(replica) && replica_cbw_any(replica))
		queue_work(replica->wq, &replica->delta->go_work);
}

static void set_first(struct replica *replica, u8 first)
{
	lockdep_assert_held(&replica->lock);
	/* Pairs with replica_cbw_must_wait(). */
	smp_store_release(&replica->first, first);
	let_go(replica);
}

/* Nothing waits for a copy any more, and nothing is of one instant. */
static void thaw(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	if (!replica->clone && replica->first != REPLICA_FIRST_NONE)
		set_first(replica, REPLICA_FIRST_NONE);
}

/* In @ms at the latest. */
static void plan(struct replica *replica, u64 ms)
{
	lockdep_assert_held(&replica->lock);
	if (!replica->delta->stopped)
		mod_delayed_work(replica_aux_wq, &replica->delta->work,
				 msecs_to_jiffies(min_t(u64, ms, UINT_MAX)));
}

/* A job waits for a freeze, which waits for the end of the pause after one in vain. */
static void plan_freeze(struct replica *replica)
{
	long left = replica->delta->not_before - jiffies;

	plan(replica, left > 0 ? jiffies_to_msecs(left) : 0);
}

static void plan_next(struct replica *replica)
{
	/* A job does not wait until an update is due. */
	if (replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED &&
	    __replica_job_current(replica) && !replica_delta_copies(replica))
		plan_freeze(replica);
	else
		plan(replica, replica_beat_left(&replica->delta->beat, now_ms()));
}

/* In these states updates follow each other. */
static bool runs(const struct replica *replica)
{
	return replica->delta_on &&
	       BIT(replica->state) & (REPLICA_VERIFY_STATES |
				      BIT(DM_REPLICA_STATE_UNSYNCHRONIZED));
}

/*
 * The end of an update.
 */

static void reach(struct replica *replica, ktime_t point)
{
	struct replica_delta *delta = replica->delta;

	lockdep_assert_held(&replica->lock);
	delta->point = point;
	replica_beat_done(&delta->beat, ktime_to_ms(point), now_ms(), interval_of(replica));
	/* Somebody waits for what was written meanwhile. */
	if (ktime_before(point, delta->asked))
		replica_beat_now(&delta->beat, now_ms());
	plan_next(replica);
}

void __replica_delta_enter(struct replica *replica, u16 state)
{
	u16 from = replica->state;

	lockdep_assert_held(&replica->lock);
	if (state == DM_REPLICA_STATE_UNSYNCHRONIZED)
		return;
	if (replica->delta_on && BIT(state) & REPLICA_VERIFY_STATES) {
		if (replica_delta_copies(replica))
			reach(replica, replica->delta->frozen_at);
		else if (from == DM_REPLICA_STATE_INITIALIZED)
			reach(replica, ktime_get());	/* the legs are equal */
	}
	thaw(replica);
}

void __replica_delta_failed(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	thaw(replica);
	if (!replica->delta_on)
		return;
	replica_beat_failed(&replica->delta->beat, now_ms(), interval_of(replica));
	plan_next(replica);
}

/*
 * What a write waits for is copied before all else, so that it would be tried for as long as the
 * write waits.  And it is the write that may make it readable.
 */
void replica_delta_unreadable(struct replica *replica, u32 job_id, u64 region, sector_t sector)
{
	char text[DM_REPLICA_REASON_LEN];
	bool wanted;

	spin_lock_irq(&replica->lock);
	wanted = replica_delta_copies(replica) && __replica_cbw_wants(replica, region, 1);
	spin_unlock_irq(&replica->lock);
	if (!wanted)
		return;
	scnprintf(text, sizeof(text), "origin read error near sector %llu", (u64)sector);
	replica_state_job_failed(replica, job_id, text);
}

void __replica_delta_restart(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	if (!replica_delta_copies(replica))
		return;
	thaw(replica);
	/* It finds that nothing is frozen. */
	replica_resync_wake(replica);
}

void replica_delta_restart(struct replica *replica)
{
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	__replica_delta_restart(replica);
	spin_unlock_irqrestore(&replica->lock, flags);
}

/* The origin goes on; the replica is not consistent until the next update is complete. */
static void give_up(struct replica *replica, unsigned int waited_ms)
{
	char text[DM_REPLICA_REASON_LEN];
	bool given_up;

	scnprintf(text, sizeof(text),
		  "delta update given up: a write waited more than %u ms for the replica",
		  waited_ms);
	spin_lock_irq(&replica->lock);
	/* Looked at again: it may just have gone on. */
	given_up = replica->first == REPLICA_FIRST_FROZEN &&
		   replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED &&
		   __replica_cbw_older(replica, waited_ms);
	if (given_up) {
		replica_resync_stop(replica);
		__replica_job_end(replica, DM_REPLICA_JOB_EXCEPTION, REPLICA_RETURN_FAILED, text);
		strscpy(replica->reason, text, sizeof(replica->reason));
		__replica_delta_failed(replica);
	}
	spin_unlock_irq(&replica->lock);
	if (given_up)
		DMWARN_LIMIT("%s: %s", replica->name, text);
}

/*
 * The clock.
 */

/* Return: true when it has just been missed, or is kept again; then *age_ms is what to tell. */
static bool watch_objective(struct replica *replica, enum replica_beat_act *act, u64 *age_ms)
{
	const struct replica_settings *settings = &replica->settings;
	struct replica_delta *delta = replica->delta;
	bool missed, news;

	*act = REPLICA_BEAT_WAIT;
	spin_lock_irq(&replica->lock);
	if (!runs(replica)) {
		spin_unlock_irq(&replica->lock);
		return false;
	}
	*age_ms = delta->point && replica_log_dirty_regions(replica->log) ?
		  ktime_ms_delta(ktime_get(), delta->point) : 0;
	*act = replica_beat_act(*age_ms, READ_ONCE(settings->rpo),
				READ_ONCE(settings->overflow) == DM_REPLICA_OVERFLOW_BLOCK,
				READ_ONCE(settings->overflow) == DM_REPLICA_OVERFLOW_FAIL,
				&missed);
	news = missed != delta->missed;
	delta->missed = missed;
	if (*act == REPLICA_BEAT_HOLD && replica->first == REPLICA_FIRST_FROZEN &&
	    !replica->suspending)
		set_first(replica, REPLICA_FIRST_HELD);
	else if (*act != REPLICA_BEAT_HOLD && replica->first == REPLICA_FIRST_HELD)
		set_first(replica, REPLICA_FIRST_FROZEN);
	spin_unlock_irq(&replica->lock);
	if (!missed)
		*age_ms = 0;
	return news;
}

/*
 * A write that waits for its copy is one that finds no room.  Under overflow block it waits
 * as long as the replica may take for a request; a suspend waits for nobody that long.
 */
static unsigned int longest_wait(struct replica *replica)
{
	unsigned int timeout = READ_ONCE(replica->settings.replica_timeout);

	if (READ_ONCE(replica->settings.overflow) == DM_REPLICA_OVERFLOW_BLOCK &&
	    !READ_ONCE(replica->suspending))
		return timeout;
	return min_not_zero(timeout, WAIT_MS);
}

static void watch_writes(struct replica *replica)
{
	unsigned int limit = longest_wait(replica);
	bool late;

	spin_lock_irq(&replica->lock);
	late = limit && replica->first == REPLICA_FIRST_FROZEN &&
	       __replica_cbw_older(replica, limit);
	spin_unlock_irq(&replica->lock);
	if (!late)
		return;
	if (READ_ONCE(replica->settings.overflow) == DM_REPLICA_OVERFLOW_FAIL)
		replica_state_stop(replica,
				   "stopped by overflow fail: a write waits for a delta update");
	else
		give_up(replica, limit);
}

/* Often enough to act before an objective is missed, and soon after a write has waited too long. */
static unsigned int clock_ms(const struct replica *replica)
{
	u32 rpo = READ_ONCE(replica->settings.rpo);
	unsigned int ms = replica_delta_copies(replica) ? WAIT_MS / 8 : CLOCK_MS;

	return rpo ? clamp(rpo / 16, CLOCK_MIN_MS, ms) : ms;
}

unsigned int replica_delta_clock(struct replica *replica)
{
	enum replica_beat_act act;
	u64 age_ms;

	if (!replica_delta_on(replica))
		return CLOCK_MS;
	watch_writes(replica);
	if (watch_objective(replica, &act, &age_ms))
		replica_queue_tell_rpo(replica, age_ms);
	if (act == REPLICA_BEAT_STOP)
		replica_state_stop(replica, "stopped by overflow fail: a delta update is late");
	return clock_ms(replica);
}

/*
 * Beginning an update.
 */

/* Hold new writes: what the last freeze has left is of no account from here on. */
static bool hold_new(struct replica *replica)
{
	bool held;

	spin_lock_irq(&replica->lock);
	held = replica->first == REPLICA_FIRST_NONE;
	if (held)
		set_first(replica, REPLICA_FIRST_ALL);
	spin_unlock_irq(&replica->lock);
	/* Who has not seen it is in the range lock by now. */
	if (held)
		replica_leg_ship_barrier(replica);
	return held;
}

/* No write is under way: this is the instant. */
static bool freeze_now(struct replica *replica)
{
	bool frozen;

	spin_lock_irq(&replica->lock);
	/* Thawed by a change of state; or what the origin has lost is not marked yet. */
	frozen = replica->first == REPLICA_FIRST_ALL && replica->delta_on &&
		 !replica_durable_doubt(&replica->on_origin);
	if (frozen) {
		/* In one step: who has it begun anew has marked before, or finds it frozen. */
		replica_log_freeze(replica->log);
		replica->delta->frozen_at = ktime_get();
		set_first(replica, REPLICA_FIRST_FROZEN);
	}
	spin_unlock_irq(&replica->lock);
	return frozen;
}

/* Return: true when the dirty regions of one instant are frozen. */
static bool freeze(struct replica *replica)
{
	/* First: once writes are held, memory that waits for them would wait for ever. */
	struct replica_drain *drain = replica_drain_create();
	const char *error;
	bool frozen = false;

	lockdep_assert_held(&replica->op_mutex);
	if (!drain)
		return false;
	if (!hold_new(replica)) {
		replica_drain_destroy(drain);
		return false;
	}
	replica_drain_hold(replica, drain);
	if (!replica_drain_wait(replica, drain, FREEZE_MS, &error))
		frozen = freeze_now(replica);
	if (!frozen) {
		spin_lock_irq(&replica->lock);
		thaw(replica);
		spin_unlock_irq(&replica->lock);
	}
	replica_drain_end(replica, drain);
	return frozen;
}

enum due {
	DUE_NOTHING,
	DUE_LATER,	/* a verify holds it back, or marks that are to come */
	DUE_FREEZE,	/* a job waits for it */
	DUE_UPDATE,
	DUE_POINT,	/* nothing was written: the replica is of now */
	DUE_AGAIN,	/* one was given up */
};

static enum due due_unsynced(struct replica *replica, bool time)
{
	const struct replica_job *job = __replica_job_current(replica);

	if (!job)
		return time ? DUE_AGAIN : DUE_NOTHING;
	if (job->state != DM_REPLICA_JOB_RUNNING || replica_delta_copies(replica))
		return DUE_NOTHING;
	return replica_durable_doubt(&replica->on_origin) ? DUE_LATER : DUE_FREEZE;
}

static enum due due_now(struct replica *replica)
{
	bool time = !replica_beat_left(&replica->delta->beat, now_ms());

	lockdep_assert_held(&replica->lock);
	if (!replica->delta_on)
		return DUE_NOTHING;
	if (replica->state == DM_REPLICA_STATE_UNSYNCHRONIZED)
		return due_unsynced(replica, time);
	if (!(BIT(replica->state) & REPLICA_VERIFY_STATES) || !time)
		return DUE_NOTHING;
	if (__replica_job_current(replica) || replica_durable_doubt(&replica->on_origin))
		return DUE_LATER;
	return replica_log_dirty_regions(replica->log) ? DUE_UPDATE : DUE_POINT;
}

/* The replica stays as it is until the regions are frozen. */
static bool carry(struct replica *replica)
{
	/* A region that the replica may have lost again is one that changed. */
	replica_log_mark_cached(replica->log, REPLICA_LEG_REPLICA, replica_leg_durable(replica));
	if (!freeze(replica))
		return false;
	if (replica_resync_start(replica, REPLICA_VERIFY_STATES, DM_REPLICA_JOB_DELTA,
				 REPLICA_WALK_COPY, "delta update under way"))
		return true;
	spin_lock_irq(&replica->lock);
	thaw(replica);
	spin_unlock_irq(&replica->lock);
	return false;
}

/* A freeze came to nothing.  Return: when it is tried again, ms. */
static unsigned int try_later(struct replica *replica)
{
	struct replica_delta *delta = replica->delta;
	/* Each attempt holds writers up. */
	unsigned int ms = RETRY_MS << min(delta->tries++, RETRIES);

	spin_lock_irq(&replica->lock);
	delta->not_before = jiffies + msecs_to_jiffies(ms);
	spin_unlock_irq(&replica->lock);
	return ms;
}

/* Return: after how many ms to look again, 0: when the next one is due. */
static unsigned int begin(struct replica *replica)
{
	enum due due;
	ktime_t now;

	spin_lock_irq(&replica->lock);
	/* Before it is looked what is dirty. */
	now = ktime_get();
	due = due_now(replica);
	if (due == DUE_POINT)
		reach(replica, now);
	spin_unlock_irq(&replica->lock);
	switch (due) {
	case DUE_FREEZE:
		if (!freeze(replica))
			return try_later(replica);
		replica_resync_wake(replica);
		break;
	case DUE_UPDATE:
		if (!carry(replica))
			return try_later(replica);
		break;
	case DUE_AGAIN:
		replica_resync_start(replica, BIT(DM_REPLICA_STATE_UNSYNCHRONIZED),
				     DM_REPLICA_JOB_RESYNC, REPLICA_WALK_COPY,
				     "delta update begun anew");
		return 0;
	case DUE_LATER:
		return RETRY_MS;
	default:
		return 0;
	}
	replica->delta->tries = 0;
	return 0;
}

static void delta_work(struct work_struct *work)
{
	struct replica_delta *delta = container_of(to_delayed_work(work), struct replica_delta,
						   work);
	struct replica *replica = delta->replica;
	unsigned int again_ms;
	const char *error;

	mutex_lock(&replica->op_mutex);
	/* A resume plans anew. */
	if (!replica_operable(replica, &error)) {
		again_ms = begin(replica);
		spin_lock_irq(&replica->lock);
		if (again_ms)
			plan(replica, again_ms);
		else if (runs(replica) && !__replica_job_current(replica))
			plan(replica, max_t(u64, RETRY_MS / 10,
					    replica_beat_left(&delta->beat, now_ms())));
		spin_unlock_irq(&replica->lock);
	}
	mutex_unlock(&replica->op_mutex);
}

bool replica_delta_awaited(struct replica *replica)
{
	unsigned long flags;
	bool awaited;

	spin_lock_irqsave(&replica->lock, flags);
	awaited = replica->delta_on && !replica_delta_copies(replica);
	if (awaited && replica->first == REPLICA_FIRST_NONE)
		plan_freeze(replica);
	spin_unlock_irqrestore(&replica->lock, flags);
	return awaited;
}

ktime_t replica_delta_ask(struct replica *replica)
{
	ktime_t asked = ktime_get();
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	if (replica->delta_on) {
		replica->delta->asked = asked;
		replica_beat_now(&replica->delta->beat, now_ms());
		plan(replica, 0);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
	return asked;
}

bool __replica_delta_covers(struct replica *replica, ktime_t asked)
{
	lockdep_assert_held(&replica->lock);
	return !replica->delta_on ||
	       (replica->delta->point && ktime_compare(replica->delta->point, asked) >= 0);
}

void __replica_delta_status(struct replica *replica, struct replica_delta_status *status)
{
	const struct replica_delta *delta = replica->delta;

	lockdep_assert_held(&replica->lock);
	status->on = replica->delta_on;
	status->has_point = status->on && delta->point;
	if (status->has_point)
		status->point_age_ms = ktime_ms_delta(ktime_get(), delta->point);
	status->has_due = runs(replica);
	if (status->has_due && !replica_delta_copies(replica))
		status->due_ms = replica_beat_left(&delta->beat, now_ms());
}

/*
 * On and off.
 */

/* The way back of the legs needs them in step, and so has none. */
static bool wanted(const struct replica *replica)
{
	return interval_of(replica) && !replica->swap_back && !replica->clone;
}

/* Return: has it changed? */
static bool decide(struct replica *replica)
{
	struct replica_delta *delta = replica->delta;
	bool on = wanted(replica), changed = on != replica->delta_on;

	lockdep_assert_held(&replica->lock);
	if (changed) {
		/* For the state that is left for it, see consistent_as_of(). */
		delta->was = delta->point ?:
			     ktime_sub_ms(ktime_get(), replica_queue_age_ms(replica));
		/* Pairs with may_be_held() of io.c. */
		smp_store_release(&replica->delta_on, on);
		thaw(replica);
		delta->point = 0;
		delta->missed = false;
	}
	/* What a barrier waits for is due, unless one has been given up since. */
	if (on && (delta->beat.pause_ms || !ktime_before(delta->point, delta->asked)))
		replica_beat_retime(&delta->beat, ktime_to_ms(delta->point), now_ms(),
				    interval_of(replica));
	return changed;
}

void __replica_delta_swapped(struct replica *replica, bool whole)
{
	struct replica_delta *delta = replica->delta;

	lockdep_assert_held(&replica->lock);
	/* On again only with what replica_delta_apply() does besides. */
	if (replica->delta_on && !wanted(replica))
		decide(replica);
	/* Of the leg that was the origin; no update has touched it. */
	delta->was = 0;
	delta->point = replica->delta_on && whole ? ktime_get() : 0;
}

void replica_delta_apply(struct replica *replica)
{
	bool changed, on;

	lockdep_assert_held(&replica->op_mutex);
	spin_lock_irq(&replica->lock);
	changed = decide(replica);
	on = replica->delta_on;
	if (on)
		plan_next(replica);
	spin_unlock_irq(&replica->lock);
	if (!changed)
		return;
	/*
	 * Shipping ends, or begins; what was tracked until then, or in the queue, is copied.  In
	 * step it begins with the copy, which may have to wait until the replica has a snapshot:
	 * writes that come first would land beside what is older.
	 */
	if (on || !(BIT(READ_ONCE(replica->state)) & REPLICA_VERIFY_STATES))
		replica_state_refresh(replica);
	replica_resync_start(replica, REPLICA_VERIFY_STATES | BIT(DM_REPLICA_STATE_UNSYNCHRONIZED),
			     DM_REPLICA_JOB_RESYNC, REPLICA_WALK_COPY,
			     on ? "delta update switched on" : "delta update switched off");
	spin_lock_irq(&replica->lock);
	replica->delta->was = 0;
	spin_unlock_irq(&replica->lock);
}

void replica_delta_resume(struct replica *replica)
{
	lockdep_assert_held(&replica->op_mutex);
	spin_lock_irq(&replica->lock);
	replica->delta->stopped = false;
	spin_unlock_irq(&replica->lock);
	replica_delta_apply(replica);
}

void replica_delta_presuspend(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	if (replica->first == REPLICA_FIRST_HELD)
		set_first(replica, REPLICA_FIRST_FROZEN);
	spin_unlock_irq(&replica->lock);
}

void replica_delta_suspend(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	replica->delta->stopped = true;
	spin_unlock_irq(&replica->lock);
	cancel_delayed_work_sync(&replica->delta->work);
	cancel_work_sync(&replica->delta->go_work);
}

struct replica_delta *replica_delta_create(struct replica *replica)
{
	struct replica_delta *delta = kzalloc(sizeof(*delta), GFP_KERNEL);

	if (!delta)
		return NULL;
	delta->replica = replica;
	delta->stopped = true;
	delta->not_before = jiffies;
	INIT_WORK(&delta->go_work, go_work);
	INIT_DELAYED_WORK(&delta->work, delta_work);
	replica->delta_on = wanted(replica);
	return delta;
}

void replica_delta_destroy(struct replica_delta *delta)
{
	if (!delta)
		return;
	cancel_delayed_work_sync(&delta->work);
	cancel_work_sync(&delta->go_work);
	kfree(delta);
}
