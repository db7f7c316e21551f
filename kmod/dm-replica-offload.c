// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offload: claims of a process that has the devices copy by themselves;
 * dm-replica-offload.h has the idea.
 *
 * Steps that concern the walk are made by its worker, as all its decisions are; whoever calls
 * posts them and waits.
 */
#include <linux/completion.h>
#include <linux/ctype.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "dm-replica-clone.h"
#include "dm-replica-log.h"
#include "dm-replica-offload.h"
#include "dm-replica-resync-priv.h"

/* How long the worker may take to get to a step; it waits for a flush of the replica, ms. */
#define STEP_MS			10000U

enum claim_state {
	CLAIM_NONE,
	CLAIM_BUSY,
	CLAIM_OVER,		/* its owner is gone; to be reaped by the worker */
	CLAIM_DETACHED,		/* given up; its owner still has it */
};

struct posted {
	struct replica_offload_call *call;
	int result;
	struct completion done;
};

/**
 * struct replica_offload - what the feature needs
 * @replica: whose it is
 * @mutex: one step at a time
 * @link: in @sessions while there is an owner; under sessions_lock
 * @portid: of the owner, who has a reference of @replica; changed under @mutex and sessions_lock
 * @limit: jiffies that the walk waits for somebody to do something; this and what follows under
 *	replica->lock
 * @state: enum dm_replica_offload_state
 * @begun: the first job has begun, and @heard counts
 * @heard: jiffies of the last step
 * @reason: why it is over
 * @posted: a step for the worker
 * @claim: changed by the worker, but for the end of one by others
 * @first: region, of the claim; the worker's
 * @regions: likewise
 * @job: that it is for; likewise
 * @since: jiffies of the last word about it
 * @lost: the job it was for has ended; the worker's
 */
struct replica_offload {
	struct replica *replica;
	struct mutex mutex;	/* see above */
	struct list_head link;
	u32 portid;
	unsigned long limit;
	u8 state;
	bool begun;
	unsigned long heard;
	char reason[DM_REPLICA_REASON_LEN];
	struct posted *posted;
	enum claim_state claim;
	u64 first;
	u64 regions;
	u32 job;
	unsigned long since;
	bool lost;
};

/* Innermost but for the event lock: nothing is taken inside. */
static DEFINE_SPINLOCK(sessions_lock);
static LIST_HEAD(sessions);

/*
 * The walk waits, or not any more.
 */

static void over(struct replica_offload *offload, const char *reason)
{
	char *c;

	lockdep_assert_held(&offload->replica->lock);
	if (offload->state == DM_REPLICA_OFFLOAD_OVER)
		return;
	offload->state = DM_REPLICA_OFFLOAD_OVER;
	strscpy(offload->reason, reason, sizeof(offload->reason));
	/* It may be anybody's, and stands in a line of the status. */
	for (c = offload->reason; *c; c++)
		if (!isascii(*c) || !isprint(*c))
			*c = '?';
	replica_resync_kick(offload->replica->resync);
}

void replica_offload_begin(struct replica *replica)
{
	struct replica_offload *offload = replica->offload;

	lockdep_assert_held(&replica->lock);
	if (!offload || offload->begun)
		return;
	offload->begun = true;
	offload->heard = jiffies;
}

unsigned int replica_offload_adopt(struct replica *replica, unsigned int seconds)
{
	struct replica_offload *offload = replica->offload;

	if (!offload)
		return 0;
	spin_lock_irq(&replica->lock);
	offload->limit = seconds * HZ;
	if (!seconds)
		over(offload, "a new table does not wait for it");
	spin_unlock_irq(&replica->lock);
	return seconds;
}

bool replica_offload_holds(struct replica *replica)
{
	struct replica_offload *offload = replica->offload;
	unsigned long end, now = jiffies;
	bool holds;

	if (!offload || !replica_log_dirty_regions(replica->log))
		return false;
	spin_lock_irq(&replica->lock);
	end = offload->heard + offload->limit;
	holds = offload->state != DM_REPLICA_OFFLOAD_OVER && time_before(now, end);
	if (!holds)
		over(offload, offload->state == DM_REPLICA_OFFLOAD_AWAITED ?
		     "nobody came to have the devices copy" :
		     "nothing was heard of the device's copy in time");
	spin_unlock_irq(&replica->lock);
	if (holds)
		queue_delayed_work(replica->wq, &replica->resync->work, end - now);
	return holds;
}

u8 __replica_offload_state(const struct replica *replica, char *reason)
{
	const struct replica_offload *offload = replica->offload;

	lockdep_assert_held(&replica->lock);
	if (!offload)
		return 0;
	strscpy(reason, offload->reason, DM_REPLICA_REASON_LEN);
	return offload->state;
}

/*
 * Claims.
 */

bool replica_offload_out(const struct replica *replica)
{
	const struct replica_offload *offload = replica->offload;
	enum claim_state claim;

	if (!offload)
		return false;
	claim = READ_ONCE(offload->claim);
	return claim == CLAIM_BUSY || claim == CLAIM_OVER;
}

bool replica_offload_has(const struct replica *replica, u64 region)
{
	const struct replica_offload *offload = replica->offload;

	/* What was given up as well: the walk may not know yet that it has to stop. */
	return offload && READ_ONCE(offload->claim) != CLAIM_NONE &&
	       region - offload->first < offload->regions;
}

/* From one state to another, if it is that.  Any context. */
static bool move_claim(struct replica_offload *offload, enum claim_state from,
		       enum claim_state to)
{
	struct replica *replica = offload->replica;
	unsigned long flags;
	bool moved;

	spin_lock_irqsave(&replica->lock, flags);
	moved = offload->claim == from;
	if (moved)
		WRITE_ONCE(offload->claim, to);
	if (moved && to == CLAIM_BUSY)
		offload->since = jiffies;
	spin_unlock_irqrestore(&replica->lock, flags);
	return moved;
}

/* What was not called copied is the walk's again. */
static void claim_is_over(struct replica_offload *offload)
{
	offload->regions = 0;
	replica_clone_copied(offload->replica);
	wake_up_all(&offload->replica->resync->idle);
}

unsigned int replica_offload_detach(struct replica *replica, unsigned int age_ms)
{
	struct replica_offload *offload = replica->offload;
	bool detached;

	if (!offload)
		return 0;
	spin_lock_irq(&replica->lock);
	detached = offload->claim == CLAIM_BUSY &&
		   time_after(jiffies, offload->since + msecs_to_jiffies(age_ms));
	if (detached) {
		atomic_inc(&replica->detached);
		WRITE_ONCE(offload->claim, CLAIM_DETACHED);
		over(offload, "the device's copy took longer than replica_timeout");
	}
	spin_unlock_irq(&replica->lock);
	if (!detached)
		return 0;
	replica_resync_kick(replica->resync);
	wake_up_all(&replica->resync->idle);
	return 1;
}

/* Its owner has nothing at the device any more.  Return: it had been given up. */
static bool return_detached(struct replica_offload *offload)
{
	if (!move_claim(offload, CLAIM_DETACHED, CLAIM_NONE))
		return false;
	atomic_dec(&offload->replica->detached);
	return true;
}

void replica_offload_abandon(struct replica *replica)
{
	if (replica->offload)
		replica->offload->lost = true;
}

/*
 * Steps, by the worker.
 */

static int refuse(struct replica_offload_call *call, int error, const char *sentence)
{
	call->error = sentence;
	return error;
}

static bool is_over(struct replica_offload *offload)
{
	bool is;

	spin_lock_irq(&offload->replica->lock);
	is = offload->state == DM_REPLICA_OFFLOAD_OVER;
	spin_unlock_irq(&offload->replica->lock);
	return is;
}

/* The regions of a range that is one of whole regions; the last one may be short. */
static bool regions_of(const struct replica *replica, const struct replica_offload_call *call,
		       u64 *first, u64 *regions)
{
	unsigned int shift = replica->region_shift;
	u64 end;

	if (!call->sectors || call->first >= replica->sectors ||
	    call->sectors > replica->sectors - call->first)
		return false;
	end = call->first + call->sectors;
	if ((call->first | end) & ((1U << shift) - 1) &&
	    (call->first & ((1U << shift) - 1) || end != replica->sectors))
		return false;
	*first = call->first >> shift;
	*regions = ((end - 1) >> shift) + 1 - *first;
	return true;
}

#define GIVEN_UP	"the claim was given up: it took too long"
#define BAD_RANGE	\
	"the range must be one of whole regions of the device; region_size tells how large they are"

static int step_claim(struct replica *replica, struct replica_offload_call *call)
{
	struct replica_offload *offload = replica->offload;
	u64 i, first, regions, most = DM_REPLICA_CLAIM_MAX >> replica->region_shift;
	u32 job = replica_resync_copies(replica, true);

	if (READ_ONCE(offload->claim) != CLAIM_NONE)
		return refuse(call, -EBUSY, "there is a claim already: release that first");
	if (!job || is_over(offload))
		return refuse(call, -EBUSY, "the job does not wait for the devices to copy");
	if (!most)
		return refuse(call, -EOPNOTSUPP, "the regions are too large to be claimed");
	if (!regions_of(replica, call, &first, &regions))
		return refuse(call, -EINVAL, BAD_RANGE);

	replica_resync_free_run(replica->resync, &first, &regions, most);
	call->first = first << replica->region_shift;
	call->sectors = 0;
	if (!regions)
		return 0;
	call->sectors = min((first + regions) << replica->region_shift, (u64)replica->sectors) -
			call->first;
	for (i = 0; i < regions; i++)
		replica_log_copy_begin(replica->log, first + i);
	offload->first = first;
	offload->regions = regions;
	offload->job = job;
	offload->lost = false;
	move_claim(offload, CLAIM_NONE, CLAIM_BUSY);
	return 0;
}

static u64 region_bytes(const struct replica *replica, u64 region)
{
	u64 first = region << replica->region_shift;

	return min(1ULL << replica->region_shift, replica->sectors - first) << SECTOR_SHIFT;
}

/* The same as the end of a batch of window.c. */
static void end_regions(struct replica *replica, u64 first, u64 regions)
{
	u64 region, bytes = 0;

	for (region = first; region < first + regions; region++) {
		if (!test_bit(region, replica->log->dirty))
			continue;
		if (replica->replica_volatile)
			replica_durable_note(&replica->on_replica, region << replica->region_shift,
					     1);
		/* A clone is never frozen. */
		if (replica_log_copy_end(replica->log, region, 0))
			bytes += region_bytes(replica, region);
		cond_resched();
	}
	replica_count(replica, DM_REPLICA_C_OFFLOADED_BYTES, bytes);
	replica_job_offloaded(replica, bytes);
	replica_clone_copied(replica);
}

static int step_copied(struct replica *replica, struct replica_offload_call *call)
{
	struct replica_offload *offload = replica->offload;
	u64 first, regions;

	if (!regions_of(replica, call, &first, &regions))
		return refuse(call, -EINVAL, BAD_RANGE);
	if (READ_ONCE(offload->claim) != CLAIM_BUSY || first < offload->first ||
	    first + regions > offload->first + offload->regions)
		return refuse(call, -EINVAL, "the range is not within what is claimed");
	/* What the replica lost since would be called clean. */
	if (offload->lost || replica_resync_copies(replica, false) != offload->job)
		return refuse(call, -EBUSY, "the job that the range was claimed for has ended");
	end_regions(replica, first, regions);
	spin_lock_irq(&replica->lock);
	offload->since = jiffies;
	spin_unlock_irq(&replica->lock);
	return 0;
}

static int step_release(struct replica *replica, struct replica_offload_call *call)
{
	if (move_claim(replica->offload, CLAIM_BUSY, CLAIM_NONE))
		claim_is_over(replica->offload);
	else if (return_detached(replica->offload))
		return refuse(call, -EBUSY, GIVEN_UP);
	return 0;
}

static int step_finish(struct replica *replica, struct replica_offload_call *call)
{
	step_release(replica, call);
	spin_lock_irq(&replica->lock);
	over(replica->offload, call->reason ?: "");
	spin_unlock_irq(&replica->lock);
	return 0;
}

static int (*const steps[])(struct replica *replica, struct replica_offload_call *call) = {
	[DM_REPLICA_OFFLOAD_CLAIM] = step_claim,
	[DM_REPLICA_OFFLOAD_COPIED] = step_copied,
	[DM_REPLICA_OFFLOAD_RELEASE] = step_release,
	[DM_REPLICA_OFFLOAD_FINISH] = step_finish,
};

void replica_offload_work(struct replica *replica)
{
	struct replica_offload *offload = replica->offload;
	struct posted *posted;

	if (!offload)
		return;
	if (move_claim(offload, CLAIM_OVER, CLAIM_NONE))
		claim_is_over(offload);
	spin_lock_irq(&replica->lock);
	posted = offload->posted;
	offload->posted = NULL;
	spin_unlock_irq(&replica->lock);
	if (!posted)
		return;
	posted->result = steps[posted->call->step](replica, posted->call);
	complete(&posted->done);
}

/*
 * Steps, by whoever asks.
 */

/* Return: false when the worker did not get to it, and will not. */
static bool retract(struct replica_offload *offload, struct posted *posted)
{
	bool retracted;

	spin_lock_irq(&offload->replica->lock);
	retracted = offload->posted == posted;
	if (retracted)
		offload->posted = NULL;
	spin_unlock_irq(&offload->replica->lock);
	return retracted;
}

static int post(struct replica_offload *offload, struct replica_offload_call *call)
{
	struct replica *replica = offload->replica;
	struct posted posted = { .call = call };

	lockdep_assert_held(&offload->mutex);
	init_completion(&posted.done);
	spin_lock_irq(&replica->lock);
	offload->posted = &posted;
	offload->heard = jiffies;
	spin_unlock_irq(&replica->lock);
	replica_resync_kick(replica->resync);
	if (!wait_for_completion_timeout(&posted.done, msecs_to_jiffies(STEP_MS))) {
		if (retract(offload, &posted))
			return refuse(call, -EBUSY, "the job is suspended, or busy");
		/* It has begun, and a step takes no time. */
		wait_for_completion(&posted.done);
	}
	return posted.result;
}

static void begin_session(struct replica_offload *offload, u32 portid)
{
	struct replica *replica = offload->replica;

	lockdep_assert_held(&offload->mutex);
	replica_get(replica);
	spin_lock(&sessions_lock);
	offload->portid = portid;
	list_add_tail(&offload->link, &sessions);
	spin_unlock(&sessions_lock);
	spin_lock_irq(&replica->lock);
	if (offload->state == DM_REPLICA_OFFLOAD_AWAITED)
		offload->state = DM_REPLICA_OFFLOAD_RUNNING;
	spin_unlock_irq(&replica->lock);
}

/* Who claims first is the owner from then on.  Return: false when that is somebody else. */
static bool enter_session(struct replica_offload *offload, const struct replica_offload_call *call)
{
	if (offload->portid)
		return offload->portid == call->portid;
	if (call->step != DM_REPLICA_OFFLOAD_CLAIM)
		return false;
	begin_session(offload, call->portid);
	return true;
}

/* Nobody is the owner any more, and @replica may be gone behind this. */
static void leave_session(struct replica_offload *offload)
{
	lockdep_assert_held(&offload->mutex);
	spin_lock(&sessions_lock);
	offload->portid = 0;
	list_del_init(&offload->link);
	spin_unlock(&sessions_lock);
	replica_put(offload->replica);
}

int replica_offload_call(struct replica *replica, struct replica_offload_call *call)
{
	struct replica_offload *offload = replica->offload;
	int r;

	if (!offload)
		return refuse(call, -EOPNOTSUPP, "the table of the replica has no feature offload");
	mutex_lock(&offload->mutex);
	/* Nobody has come so far: who could not even begin says why. */
	if (call->step == DM_REPLICA_OFFLOAD_FINISH && !offload->portid)
		r = post(offload, call);
	else if (!enter_session(offload, call))
		r = refuse(call, -EBUSY, "another process has the devices copy, or none has begun");
	else if (return_detached(offload))
		r = refuse(call, -EBUSY, GIVEN_UP);
	else
		r = post(offload, call);
	if (!r && call->step == DM_REPLICA_OFFLOAD_FINISH && offload->portid)
		leave_session(offload);
	mutex_unlock(&offload->mutex);
	return r;
}

/* The association of one of his, with a reference; NULL: there is none left. */
static struct replica *find_session(u32 portid)
{
	struct replica_offload *offload;
	struct replica *found = NULL;

	spin_lock(&sessions_lock);
	list_for_each_entry(offload, &sessions, link)
		if (offload->portid == portid) {
			found = offload->replica;
			replica_get(found);
			break;
		}
	spin_unlock(&sessions_lock);
	return found;
}

/* He is in no step: that would have the socket. */
static void end_session(struct replica_offload *offload)
{
	struct replica *replica = offload->replica;

	lockdep_assert_held(&offload->mutex);
	/* In this order: the clock makes the one of the other, and nobody returns it later. */
	if (!move_claim(offload, CLAIM_BUSY, CLAIM_OVER))
		return_detached(offload);
	spin_lock_irq(&replica->lock);
	over(offload, "the process that had the devices copy has ended");
	spin_unlock_irq(&replica->lock);
	replica_resync_kick(replica->resync);
	leave_session(offload);
}

void replica_offload_closed(u32 portid)
{
	struct replica *replica;

	while ((replica = find_session(portid))) {
		struct replica_offload *offload = replica->offload;

		mutex_lock(&offload->mutex);
		if (offload->portid == portid)
			end_session(offload);
		mutex_unlock(&offload->mutex);
		replica_put(replica);
	}
}

struct replica_offload *replica_offload_create(struct replica *replica, unsigned int seconds)
{
	struct replica_offload *offload = kzalloc(sizeof(*offload), GFP_KERNEL);

	if (!offload)
		return NULL;
	offload->replica = replica;
	offload->state = DM_REPLICA_OFFLOAD_AWAITED;
	offload->limit = seconds * HZ;
	mutex_init(&offload->mutex);
	INIT_LIST_HEAD(&offload->link);
	return offload;
}

void replica_offload_destroy(struct replica_offload *offload)
{
	kfree(offload);
}
