// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on an association, by the numbers of CIM
 * ModifyReplicaSynchronization.  One table serves netlink and dm messages, and
 * says from which states each is allowed.
 */
#include <linux/slab.h>

#include "dm-replica-clone.h"
#include "dm-replica-compare.h"
#include "dm-replica-delta.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-queue.h"
#include "dm-replica-swap.h"

/*
 * Longest wait for writes under way before a split gives up, ms.  The caller
 * holds a lock of generic netlink or of device-mapper meanwhile.
 */
#define SPLIT_WAIT_MS		2000

#define S(name)		BIT(DM_REPLICA_STATE_##name)
#define ALL_STATES	(S(INITIALIZED) | S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(BROKEN) | \
			 S(FRACTURED) | S(SPLIT) | S(INACTIVE) | S(SUSPENDED) | S(ABORTED) | \
			 S(SKEWED) | S(FAILEDOVER) | S(PREPARED))

/* What force is for. */
#define FORCE_ANEW		\
	"the operation copies what is in step anew in this copy state; it needs force"
#define FORCE_LOSES		\
	"the operation loses what the replica does not have in this copy state; it needs force"
#define FORCE_RESTORES		\
	"the operation restores from what need not be consistent in this copy state; it needs force"
#define REPLACES		\
	"the operation replaces what users of the mapped device may have cached: close it first, or use force"
#define FORCE_GIVES_UP		\
	"the operation gives up what is known to be equal in this copy state; it needs force"

/* What force is no help for. */
#define NOT_IN_STATE		\
	"the operation is not allowed in the present copy state"
#define BEFORE_BACK		\
	"the operation is not allowed before the legs have their places back"
#define NEVER_IN_STEP		\
	"the operation is not allowed before the replica was in step for the first time"

#define FORCE_DELTA		\
	"the operation loses what was written since the last delta update; it needs force"
#define DELTA_MODE		\
	"the mode stays async while there are delta updates: set delta_ms to 0 first"
#define DELTA_BEHIND		\
	"the replica does not have what was written since the last delta update: set delta_ms to 0 first"

struct operation;
typedef int (*operation_fn)(struct replica *replica, const struct operation *op, u32 *job_id,
			    const char **error);

/* What is carried out is a copy, in which @from has what force allows, if it was given. */
struct operation {
	u16 number;
	const char *name;
	u32 from;		/* states, bits */
	u32 from_forced;	/* more of them with force */
	const char *forced;	/* what force is for */
	bool settled;		/* not while the legs are about to change back by themselves */
	bool relies;		/* on a replica that an initial copy has filled */
	bool replaces;		/* data that users of the device may have cached: with force */
	bool forgoes;		/* with force: the snapshot that protects the replica */
	operation_fn run;
	operation_fn compare;	/* the same, reading both legs first; NULL: cannot */
	u16 to;			/* for those that are but a change of state, or of mode */
	const char *reason;
};

static int run_move(struct replica *replica, const struct operation *op, u32 *job_id,
		    const char **error)
{
	if (replica_state_move(replica, op->from, op->to, op->reason))
		return 0;
	*error = "the state changed meanwhile";
	return -EBUSY;
}

static int run_mode(struct replica *replica, const struct operation *op, u32 *job_id,
		    const char **error)
{
	if (replica->mode == op->to)
		return 0;
	spin_lock_irq(&replica->lock);
	WRITE_ONCE(replica->mode, op->to);
	spin_unlock_irq(&replica->lock);
	replica_queue_set_mode(replica);
	replica_intents_note(replica);
	return 0;
}

static int start_resync(struct replica *replica, const struct operation *op, u32 *job_id,
			enum replica_walk how, const char **error)
{
	/* With force; without it there may have been a copy that has ended meanwhile. */
	if (BIT(READ_ONCE(replica->state)) & op->from & S(SYNCHRONIZED))
		replica_log_mark_all(replica->log);
	/* The marks take the place of the state, and of what it stands for elsewhere. */
	replica_verify_mark(replica);
	*job_id = replica_resync_start(replica, op->from, DM_REPLICA_JOB_RESYNC, how, op->reason);
	/* Without a job it is Broken: the probe starts one when the replica answers. */
	if (*job_id || READ_ONCE(replica->state) == DM_REPLICA_STATE_BROKEN)
		return 0;
	*error = "the state changed meanwhile";
	return -EBUSY;
}

static int run_start(struct replica *replica, const struct operation *op, u32 *job_id,
		     const char **error)
{
	return start_resync(replica, op, job_id, REPLICA_WALK_COPY, error);
}

static int run_compare(struct replica *replica, const struct operation *op, u32 *job_id,
		       const char **error)
{
	return start_resync(replica, op, job_id, REPLICA_WALK_COMPARE, error);
}

static int run_resume(struct replica *replica, const struct operation *op, u32 *job_id,
		      const char **error)
{
	if (READ_ONCE(replica->state) != DM_REPLICA_STATE_BROKEN)
		return run_start(replica, op, job_id, error);

	/* Broken: see at once whether it is back. */
	spin_lock_irq(&replica->lock);
	replica->resume_ordered = true;
	replica->probe_delay_ms = 0;
	spin_unlock_irq(&replica->lock);
	replica_leg_probe_soon(replica);
	return 0;
}

/*
 * struct replica_drain - holds every new write until those before it are over
 * @waiting: buckets that have not drained
 */
struct replica_drain {
	atomic_t waiting;
	wait_queue_head_t drained;
	struct drain_range {
		struct replica_range range;
		struct replica_drain *drain;
	} ranges[REPLICA_RANGE_BUCKETS];
};

void replica_drain_granted(struct replica_range *range)
{
	struct replica_drain *drain = container_of(range, struct drain_range, range)->drain;

	if (atomic_dec_and_test(&drain->waiting))
		wake_up(&drain->drained);
}

struct replica_drain *replica_drain_create(void)
{
	return kvzalloc(sizeof(struct replica_drain), GFP_NOIO);
}

void replica_drain_destroy(struct replica_drain *drain)
{
	kvfree(drain);
}

void replica_drain_hold(struct replica *replica, struct replica_drain *drain)
{
	unsigned int i;

	init_waitqueue_head(&drain->drained);
	atomic_set(&drain->waiting, REPLICA_RANGE_BUCKETS);
	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = &replica->ranges->buckets[i];
		struct replica_range *range = &drain->ranges[i].range;

		drain->ranges[i].drain = drain;
		range->kind = REPLICA_RANGE_BARRIER;
		range->first = 0;
		range->last = U64_MAX;
		spin_lock_irq(&bucket->lock);
		if (replica_range_add(bucket, range))
			atomic_dec(&drain->waiting);
		spin_unlock_irq(&bucket->lock);
	}
}

struct replica_drain *replica_drain_begin(struct replica *replica)
{
	struct replica_drain *drain = replica_drain_create();

	if (drain)
		replica_drain_hold(replica, drain);
	return drain;
}

void replica_drain_end(struct replica *replica, struct replica_drain *drain)
{
	unsigned int i;

	for (i = 0; i < REPLICA_RANGE_BUCKETS; i++) {
		struct replica_range_bucket *bucket = &replica->ranges->buckets[i];

		spin_lock_irq(&bucket->lock);
		replica_range_del(replica->ranges, bucket, &drain->ranges[i].range);
		spin_unlock_irq(&bucket->lock);
	}
	replica_drain_destroy(drain);
}

int replica_drain_wait(struct replica *replica, struct replica_drain *drain, unsigned int ms,
		       const char **error)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	/* Nobody wakes us for a suspend. */
	do {
		if (wait_event_timeout(drain->drained, !atomic_read(&drain->waiting), HZ / 10))
			return 0;
	} while (time_before(jiffies, end) && !READ_ONCE(replica->suspending));
	*error = "the writes under way did not end in time";
	return -EBUSY;
}

static int split_drained(struct replica *replica, const struct operation *op,
			 struct replica_drain *drain, const char **error)
{
	int r = replica_drain_wait(replica, drain, SPLIT_WAIT_MS, error);

	if (r)
		return r;
	/* No write is under way, so none is added. */
	if (!replica_queue_drain(replica, SPLIT_WAIT_MS)) {
		*error = "the replica did not take what is in the queue in time";
		return -EBUSY;
	}
	if (replica_leg_flush_wait(replica)) {
		*error = "the replica could not be flushed";
		return -EIO;
	}
	return run_move(replica, op, NULL, error);
}

static int run_split(struct replica *replica, const struct operation *op, u32 *job_id,
		     const char **error)
{
	struct replica_drain *drain = replica_drain_begin(replica);
	int r;

	if (!drain) {
		*error = "not enough memory for the barrier";
		return -ENOMEM;
	}
	r = split_drained(replica, op, drain, error);
	replica_drain_end(replica, drain);
	return r;
}

static int run_abort(struct replica *replica, const struct operation *op, u32 *job_id,
		     const char **error)
{
	return replica->clone ? replica_clone_abort(replica, op->reason, error) :
				run_move(replica, op, job_id, error);
}

static int run_reverse(struct replica *replica, const struct operation *op, u32 *job_id,
		       const char **error)
{
	const struct replica_swap swap = {
		.from = op->from,
		.equal = true,
		.to = op->to,
		.reason = op->reason,
	};

	return replica_swap_legs(replica, &swap, job_id, error);
}

static int run_failover(struct replica *replica, const struct operation *op, u32 *job_id,
			const char **error)
{
	const struct replica_swap swap = {
		.from = op->from,
		.to = op->to,
		.reason = op->reason,
	};

	return replica_swap_legs(replica, &swap, job_id, error);
}

static int run_restore(struct replica *replica, const struct operation *op, u32 *job_id,
		       const char **error)
{
	const struct replica_swap swap = {
		.from = op->from,
		.back = true,
		.unused = !disk_openers(dm_disk(replica->md)),
		.to = op->to,
		.job = DM_REPLICA_JOB_RESTORE,
		.reason = op->reason,
	};

	return replica_swap_legs(replica, &swap, job_id, error);
}

static void set_swap_back(struct replica *replica, bool back)
{
	spin_lock_irq(&replica->lock);
	replica->swap_back = back;
	spin_unlock_irq(&replica->lock);
}

static int run_failback(struct replica *replica, const struct operation *op, u32 *job_id,
			const char **error)
{
	/* First, lest the state be written down without it. */
	set_swap_back(replica, true);
	/* Not even in a moment without writes would they be in step otherwise. */
	replica_delta_apply(replica);
	*job_id = replica_resync_start(replica, op->from, DM_REPLICA_JOB_FAILBACK,
				       REPLICA_WALK_COPY, op->reason);
	if (*job_id || READ_ONCE(replica->state) == DM_REPLICA_STATE_BROKEN)
		return 0;
	set_swap_back(replica, false);
	replica_delta_apply(replica);
	*error = "the state changed meanwhile";
	return -EBUSY;
}

static int run_prepare(struct replica *replica, const struct operation *op, u32 *job_id,
		       const char **error)
{
	if (!replica_state_move(replica, op->from, op->to, op->reason)) {
		*error = "the state changed meanwhile";
		return -EBUSY;
	}
	replica_log_mark_all(replica->log);
	return 0;
}

static const struct operation operations[] = {
	{
		.number = DM_REPLICA_OP_ABORT,
		.name = "abort",
		.from = S(UNSYNCHRONIZED),
		.run = run_abort,
		.to = DM_REPLICA_STATE_ABORTED,
		.reason = "aborted by the administrator",
	},
	{
		.number = DM_REPLICA_OP_ACTIVATE,
		.name = "activate",
		.from = S(INACTIVE) | S(PREPARED),
		.run = run_start,
		.reason = "activated by the administrator",
	},
	{
		.number = DM_REPLICA_OP_DEACTIVATE,
		.name = "deactivate",
		.from = S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(BROKEN) | S(FRACTURED) |
			S(SPLIT) | S(SUSPENDED) | S(ABORTED) | S(SKEWED) | S(PREPARED),
		.run = run_move,
		.to = DM_REPLICA_STATE_INACTIVE,
		.reason = "deactivated by the administrator",
	},
	{
		.number = DM_REPLICA_OP_FRACTURE,
		.name = "fracture",
		.from = S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(BROKEN) | S(SKEWED),
		.run = run_move,
		.to = DM_REPLICA_STATE_FRACTURED,
		.reason = "fractured by the administrator",
	},
	{
		.number = DM_REPLICA_OP_RESYNC,
		.name = "resync",
		.from = S(UNSYNCHRONIZED) | S(BROKEN) | S(FRACTURED) | S(SPLIT) | S(ABORTED) |
			S(SKEWED) | S(FAILEDOVER),
		.from_forced = S(SYNCHRONIZED),
		.forced = FORCE_ANEW,
		.forgoes = true,
		.run = run_start,
		.compare = run_compare,
		.reason = "resync ordered by the administrator",
	},
	{
		.number = DM_REPLICA_OP_RESUME,
		.name = "resume",
		.from = S(SUSPENDED) | S(BROKEN),
		.run = run_resume,
		.reason = "resumed by the administrator",
	},
	{
		.number = DM_REPLICA_OP_RESET_TO_SYNC,
		.name = "reset_to_sync",
		.from = ALL_STATES,
		.run = run_mode,
		.to = DM_REPLICA_MODE_SYNC,
	},
	{
		.number = DM_REPLICA_OP_RESET_TO_ASYNC,
		.name = "reset_to_async",
		.from = ALL_STATES,
		.run = run_mode,
		.to = DM_REPLICA_MODE_ASYNC,
	},
	{
		.number = DM_REPLICA_OP_RESET_TO_ADAPTIVE,
		.name = "reset_to_adaptive",
		.from = ALL_STATES,
		.run = run_mode,
		.to = DM_REPLICA_MODE_ADAPTIVE,
	},
	{
		.number = DM_REPLICA_OP_SPLIT,
		.name = "split",
		.from = S(SYNCHRONIZED),
		.run = run_split,
		.to = DM_REPLICA_STATE_SPLIT,
		.reason = "split by the administrator",
	},
	{
		.number = DM_REPLICA_OP_SUSPEND,
		.name = "suspend",
		.from = S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(SKEWED),
		.run = run_move,
		.to = DM_REPLICA_STATE_SUSPENDED,
		.reason = "suspended by the administrator",
	},
	{
		.number = DM_REPLICA_OP_REVERSE_ROLES,
		.name = "reverse_roles",
		.from = S(SYNCHRONIZED),
		.settled = true,
		.run = run_reverse,
		.to = DM_REPLICA_STATE_SYNCHRONIZED,
		.reason = "roles reversed by the administrator",
	},
	{
		.number = DM_REPLICA_OP_FAILOVER,
		.name = "failover",
		.from = S(SYNCHRONIZED),
		.from_forced = S(UNSYNCHRONIZED) | S(BROKEN) | S(FRACTURED) | S(SPLIT) |
			S(INACTIVE) | S(SUSPENDED) | S(ABORTED) | S(SKEWED),
		.forced = FORCE_LOSES,
		.settled = true,
		.relies = true,
		.run = run_failover,
		.to = DM_REPLICA_STATE_FAILEDOVER,
		.reason = "failed over by the administrator",
	},
	{
		.number = DM_REPLICA_OP_FAILBACK,
		.name = "failback",
		.from = S(FAILEDOVER),
		.run = run_failback,
		.reason = "failing back, ordered by the administrator",
	},
	{
		.number = DM_REPLICA_OP_RESTORE,
		.name = "restore",
		.from = S(SPLIT),
		.from_forced = S(FRACTURED) | S(ABORTED) | S(SKEWED),
		.forced = FORCE_RESTORES,
		.settled = true,
		.relies = true,
		.replaces = true,
		.run = run_restore,
		.to = DM_REPLICA_STATE_UNSYNCHRONIZED,
		.reason = "restored from the replica by the administrator",
	},
	{
		.number = DM_REPLICA_OP_PREPARE,
		.name = "prepare",
		.from = S(INACTIVE) | S(SUSPENDED) | S(ABORTED),
		.from_forced = S(UNSYNCHRONIZED) | S(SYNCHRONIZED) | S(BROKEN) | S(FRACTURED) |
			S(SPLIT) | S(SKEWED),
		.forced = FORCE_GIVES_UP,
		.settled = true,
		.run = run_prepare,
		.to = DM_REPLICA_STATE_PREPARED,
		.reason = "prepared by the administrator",
	},
};

static const struct operation *find_operation(u16 number)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (operations[i].number == number)
			return &operations[i];
	return NULL;
}

u16 replica_operation_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcasecmp(operations[i].name, name))
			return operations[i].number;
	return 0;
}

bool replica_operation_compares(unsigned int index)
{
	return index < ARRAY_SIZE(operations) && operations[index].compare;
}

const char *replica_operation_name(unsigned int index)
{
	return index < ARRAY_SIZE(operations) ? operations[index].name : NULL;
}

/* With delta updates the mode stays, and the replica lacks what was written since the last. */
static const char *delta_refusal(struct replica *replica, const struct operation *op, bool force)
{
	if (op->run == run_mode && replica->mode != op->to && replica->settings.delta_ms)
		return DELTA_MODE;
	if (op->run == run_reverse && replica_delta_behind(replica))
		return DELTA_BEHIND;
	if (op->run == run_failover && !force && replica_delta_on(replica))
		return FORCE_DELTA;
	return NULL;
}

/* Return: NULL, or why the operation is refused now, whoever uses the mapped device. */
static const char *refusal(struct replica *replica, const struct operation *op, bool force)
{
	u32 state = BIT(READ_ONCE(replica->state));

	if (!((op->from | op->from_forced) & state))
		return NOT_IN_STATE;
	if (op->settled && READ_ONCE(replica->swap_back))
		return BEFORE_BACK;
	if (op->relies && !READ_ONCE(replica->when_synced_ms))
		return NEVER_IN_STEP;
	return op->from & state || force ? delta_refusal(replica, op, force) : op->forced;
}

void replica_operations_possible(struct replica *replica, u64 *plain, u64 *forced)
{
	unsigned int i;

	*plain = replica->clone ? replica_clone_operations(replica) : 0;
	*forced = *plain;
	if (replica->clone)
		return;
	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		if (!refusal(replica, &operations[i], false))
			*plain |= BIT_ULL(operations[i].number);
		if (!refusal(replica, &operations[i], true))
			*forced |= BIT_ULL(operations[i].number);
	}
}

int replica_operable(struct replica *replica, const char **error)
{
	lockdep_assert_held(&replica->op_mutex);
	if (!replica->md) {
		*error = "the mapped device is gone";
		return -ENODEV;
	}
	if (replica->suspended) {
		*error = "the mapped device is suspended; resume it first (dmsetup resume)";
		return -EBUSY;
	}
	return 0;
}

static int check_state(struct replica *replica, const struct operation *op, bool force,
		       const char **error)
{
	lockdep_assert_held(&replica->op_mutex);
	*error = replica->clone ? replica_clone_refuses(replica, op->number) :
				  refusal(replica, op, force);
	if (!*error && op->replaces && !force && disk_openers(dm_disk(replica->md)))
		*error = REPLACES;
	return *error ? -EBUSY : 0;
}

static void set_forgo(struct replica *replica, bool forgo)
{
	spin_lock_irq(&replica->lock);
	replica->forgo = forgo;
	spin_unlock_irq(&replica->lock);
}

static int run_operation(struct replica *replica, const struct operation *op,
			 unsigned int flags, u32 *job_id, const char **error)
{
	operation_fn run = flags & REPLICA_OPERATE_COMPARE ? op->compare : op->run;
	int r;

	set_forgo(replica, op->forgoes && flags & REPLICA_OPERATE_FORCE);
	r = run(replica, op, job_id, error);
	set_forgo(replica, false);
	return r;
}

int replica_operate(struct replica *replica, u16 operation, unsigned int flags, u32 *job_id,
		    const char **error)
{
	const struct operation *op = find_operation(operation);
	bool force = flags & REPLICA_OPERATE_FORCE;
	struct operation order;
	int r;

	*job_id = 0;
	if (!op) {
		*error = "this module does not have the operation";
		return -EOPNOTSUPP;
	}
	if (flags & REPLICA_OPERATE_COMPARE && !op->compare) {
		*error = "compare goes with the operation resync only";
		return -EINVAL;
	}
	order = *op;
	/* Whatever becomes of the state meanwhile, an order is no forced one by that. */
	if (force)
		order.from |= op->from_forced;
	mutex_lock(&replica->op_mutex);
	r = replica_operable(replica, error) ?: check_state(replica, op, force, error);
	if (!r)
		r = run_operation(replica, &order, flags, job_id, error);
	/* An operation may end the way back of the legs. */
	if (!r)
		replica_delta_apply(replica);
	/* What an administrator was told is done stays done after a crash. */
	if (!r)
		replica_intents_sync(replica);
	mutex_unlock(&replica->op_mutex);
	return r;
}
