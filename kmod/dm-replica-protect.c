// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard before a resync: dm-replica-protect.h has the idea.
 */
#include <linux/ctype.h>

#include "dm-replica-event.h"
#include "dm-replica-intent-priv.h"
#include "dm-replica-protect.h"

static const char waits_text[] = "waits for the snapshot of the replica";

static bool must_protect(const struct replica *replica)
{
	return READ_ONCE(replica->settings.protect) == DM_REPLICA_PROTECT_SNAPSHOT;
}

/* May the meta device say that the replica is whole? */
static bool log_says_whole(const struct replica *replica)
{
	return READ_ONCE(replica->intents->whole) != REPLICA_LOG_NOT_WHOLE;
}

static u8 next_guard(const struct replica *replica)
{
	const struct replica_guard_facts facts = {
		.whole = replica->whole,
		.protects = must_protect(replica),
		.forgoes = replica->forgo,
		.logged = replica->intents && log_says_whole(replica),
	};

	/* Without a log nobody knows after a crash, and a clone is no copy before its end. */
	if (!replica->intents || replica->clone)
		return REPLICA_GUARD_OPEN;
	return replica_guard_next(replica->guard, &facts);
}

static void tear_soon(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	WRITE_ONCE(replica->guard, REPLICA_GUARD_TEARS);
	if (replica->ticking)
		queue_work(replica->log_wq, &replica->protect_work);
}

bool __replica_guard_moves(const struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	return replica->guard != REPLICA_GUARD_OPEN && next_guard(replica) != replica->guard;
}

const char *__replica_guard_enter(struct replica *replica, u16 state, bool behind,
				  const char *reason)
{
	u8 guard = REPLICA_GUARD_OPEN;

	lockdep_assert_held(&replica->lock);
	if (state == DM_REPLICA_STATE_UNSYNCHRONIZED && !behind)
		guard = next_guard(replica);
	WRITE_ONCE(replica->guard, guard);
	if (guard == REPLICA_GUARD_OPEN)
		return reason;
	if (reason != replica->guarded_reason)
		strscpy(replica->guarded_reason, reason, sizeof(replica->guarded_reason));
	/* Whoever enters says next which job it is for. */
	replica->guarded_type = 0;
	return guard == REPLICA_GUARD_WAITS ? waits_text : reason;
}

static void ask(struct replica *replica)
{
	const struct replica_job *job = __replica_job_current(replica);
	struct replica_event event = {
		.type = DM_REPLICA_EVENT_PROTECT,
		.state = replica->state,
	};

	if (!job)
		return;
	event.job = *job;
	strscpy(event.reason, replica->reason, sizeof(event.reason));
	replica_event_raise(replica, &event);
	DMINFO("%s: job %u %s", replica->name, job->id, waits_text);
}

void __replica_guard_keep(struct replica *replica, u16 job_type, enum replica_walk how)
{
	lockdep_assert_held(&replica->lock);
	replica->guarded_type = job_type;
	replica->guarded_how = how;
	if (replica->guard == REPLICA_GUARD_TEARS)
		tear_soon(replica);
	if (replica->guard != REPLICA_GUARD_WAITS)
		return;
	/* It may tell of an earlier attempt. */
	strscpy(replica->reason, waits_text, sizeof(replica->reason));
	ask(replica);
}

static void tear(struct replica *replica)
{
	atomic_set(&replica->intents->note, 1);
	replica_intents_sync(replica);
}

/*
 * Return: false when that has to wait until the device is resumed.  A meta device that has
 * failed is not believed after a restart, whatever it says.
 */
static bool is_torn(const struct replica *replica)
{
	return READ_ONCE(replica->intents->failed) || !log_says_whole(replica);
}

/*
 * A superblock is filled in under the lock, so that none which says that the replica is whole
 * is under way, or comes, when none is seen here.  Return: false when the guard is to stay.
 */
static bool pass(struct replica *replica, u16 *type, enum replica_walk *how)
{
	bool passes;

	spin_lock_irq(&replica->lock);
	*type = replica->guarded_type;
	*how = replica->guarded_how;
	passes = replica->guard == REPLICA_GUARD_TEARS && *type && is_torn(replica);
	if (passes)
		WRITE_ONCE(replica->guard, REPLICA_GUARD_PASSES);
	spin_unlock_irq(&replica->lock);
	return passes;
}

void replica_protect_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, protect_work);
	enum replica_walk how;
	u16 type;

	if (READ_ONCE(replica->guard) != REPLICA_GUARD_TEARS)
		return;
	tear(replica);
	if (pass(replica, &type, &how))
		replica_resync_start(replica, BIT(DM_REPLICA_STATE_UNSYNCHRONIZED), type, how,
				     replica->guarded_reason);
}

/* Nothing stands in the way any more but the superblock. */
static void go_on(struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	strscpy(replica->reason, replica->guarded_reason, sizeof(replica->reason));
	tear_soon(replica);
}

void replica_protect_refresh(struct replica *replica)
{
	lockdep_assert_held(&replica->op_mutex);
	spin_lock_irq(&replica->lock);
	if (replica->guard == REPLICA_GUARD_WAITS && !must_protect(replica))
		go_on(replica);
	else if (replica->guard == REPLICA_GUARD_TEARS)
		tear_soon(replica);
	spin_unlock_irq(&replica->lock);
}

/* A resync that waits for a snapshot of it waits for nothing. */
void replica_protect_torn(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	replica->whole = false;
	if (replica->guard == REPLICA_GUARD_WAITS)
		go_on(replica);
	spin_unlock_irq(&replica->lock);
}

/* Whoever reads it reads one line. */
static void copy_plain(char *to, const char *from, size_t size)
{
	strscpy(to, from, size);
	for (; *to; to++)
		if (!isascii(*to) || !isprint(*to))
			*to = '?';
}

static void note_trouble(struct replica *replica, struct replica_job *job, const char *trouble)
{
	copy_plain(job->error_text, trouble, sizeof(job->error_text));
	scnprintf(replica->reason, sizeof(replica->reason),
		  "no snapshot of the replica: %.62s; resync with force goes on without",
		  job->error_text);
	DMWARN_LIMIT("%s: job %u waits on, %s", replica->name, job->id, replica->reason);
	replica_job_raise(replica, job);
}

static int take_answer(struct replica *replica, u32 job_id, const char *trouble,
		       const char **error)
{
	struct replica_job *job = __replica_job_current(replica);

	if (replica->guard != REPLICA_GUARD_WAITS || !job) {
		*error = "no resync waits for a snapshot of the replica";
		return -EBUSY;
	}
	if (job->id != job_id) {
		*error = "the job that waits for a snapshot of the replica has another number";
		return -ESTALE;
	}
	if (trouble)
		note_trouble(replica, job, trouble);
	else
		go_on(replica);
	return 0;
}

int replica_protected(struct replica *replica, u32 job_id, const char *trouble,
		      const char **error)
{
	int r;

	mutex_lock(&replica->op_mutex);
	r = replica_operable(replica, error);
	if (!r) {
		spin_lock_irq(&replica->lock);
		r = take_answer(replica, job_id, trouble, error);
		spin_unlock_irq(&replica->lock);
	}
	mutex_unlock(&replica->op_mutex);
	return r;
}
