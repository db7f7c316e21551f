// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drain barriers (CIM ConfirmTargetData): tell the caller when all that was
 * acknowledged before his call is durable on the replica.
 *
 * In mode sync an acknowledged write is on both legs as soon as the state is
 * Synchronized; what is left is a flush of the replica.  In the other modes the queue
 * has to get beyond what was in it when the barrier came.  With delta updates one begins
 * at once, and it has to be complete.
 */
#include <linux/completion.h>
#include <linux/slab.h>

#include "dm-replica-delta.h"
#include "dm-replica-io.h"
#include "dm-replica-queue.h"

/* CIM return values of ConfirmTargetData. */
#define CONFIRMED		0
#define CONFIRM_TIMEOUT		3
#define CONFIRM_UNABLE		7
/* Before it is looked again how far the queue is, jiffies. */
#define QUEUE_PAUSE		(HZ / 50 + 1)

/*
 * struct confirm - one barrier
 * @refs: of the list, and of a flush that is out
 * @link: in replica->confirms, under replica->lock
 * @deadline: jiffies
 * @seq: last entry of the queue when it came
 * @asked: when it came
 * @flushing: the flush of the replica is out; its end decides
 * @flushed: it has ended well
 * @message: a dm message waits for it, and a suspend for the message
 */
struct confirm {
	struct kref refs;
	struct list_head link;
	struct replica *replica;
	unsigned long deadline;
	u64 seq;
	ktime_t asked;
	bool flushing;
	bool flushed;
	bool message;
	replica_confirm_fn done;
	void *context;
};

static void free_confirm(struct kref *refs)
{
	kfree(container_of(refs, struct confirm, refs));
}

static void answer(struct confirm *confirm, unsigned int result)
{
	confirm->done(confirm->context, result);
	kref_put(&confirm->refs, free_confirm);
}

/* The barrier may have been answered meanwhile: its time was over. */
static void flush_done(void *context, blk_status_t status)
{
	struct confirm *confirm = context;
	struct replica *replica = confirm->replica;
	unsigned long flags;

	spin_lock_irqsave(&replica->lock, flags);
	confirm->flushing = false;
	confirm->flushed = !status;
	spin_unlock_irqrestore(&replica->lock, flags);
	mod_delayed_work(replica_aux_wq, &replica->confirm_work, 0);
	kref_put(&confirm->refs, free_confirm);
}

/* Nothing but an order of the administrator ends these states. */
static bool is_stopped(struct replica *replica)
{
	/* The replica is of one instant, and gets nothing that came later. */
	if (replica->clone)
		return true;
	switch (replica->state) {
	case DM_REPLICA_STATE_SYNCHRONIZED:
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
	case DM_REPLICA_STATE_INITIALIZED:
		return false;
	case DM_REPLICA_STATE_BROKEN:
		return replica->settings.recovery == DM_REPLICA_RECOVERY_MANUAL;
	default:
		return true;
	}
}

static bool is_over(struct confirm *confirm, unsigned int *result)
{
	if (confirm->flushed)
		*result = CONFIRMED;
	else if (confirm->flushing && time_before(jiffies, confirm->deadline))
		return false;
	else if (is_stopped(confirm->replica) || !confirm->replica->md ||
		 (confirm->message && confirm->replica->suspending))
		*result = CONFIRM_UNABLE;
	else if (time_after_eq(jiffies, confirm->deadline))
		*result = CONFIRM_TIMEOUT;
	else
		return false;
	return true;
}

/* One barrier that is over, taken off the list; NULL when there is none. */
static struct confirm *take_over(struct replica *replica, unsigned int *result)
{
	struct confirm *confirm, *found = NULL;

	spin_lock_irq(&replica->lock);
	list_for_each_entry(confirm, &replica->confirms, link)
		if (is_over(confirm, result)) {
			list_del(&confirm->link);
			found = confirm;
			break;
		}
	spin_unlock_irq(&replica->lock);
	return found;
}

/* One barrier whose flush is to be sent now; also the nearest deadline. */
static struct confirm *take_ready(struct replica *replica, unsigned long *wait)
{
	struct confirm *confirm, *found = NULL;
	long left;

	*wait = MAX_JIFFY_OFFSET;
	spin_lock_irq(&replica->lock);
	list_for_each_entry(confirm, &replica->confirms, link) {
		if (confirm->flushed)
			continue;
		if (!confirm->flushing && !replica->suspending && !replica->gate_closed &&
		    replica->state == DM_REPLICA_STATE_SYNCHRONIZED) {
			if (!replica_queue_passed(replica, confirm->seq) ||
			    !__replica_delta_covers(replica, confirm->asked)) {
				*wait = min_t(unsigned long, *wait, QUEUE_PAUSE);
				continue;
			}
			confirm->flushing = true;
			kref_get(&confirm->refs);
			found = confirm;
			break;
		}
		left = confirm->deadline - jiffies;
		*wait = min_t(unsigned long, *wait, max(left, 0L));
	}
	spin_unlock_irq(&replica->lock);
	return found;
}

void replica_confirm_work(struct work_struct *work)
{
	struct replica *replica = container_of(to_delayed_work(work), struct replica,
					       confirm_work);
	struct confirm *confirm;
	unsigned int result;
	unsigned long wait;

	while ((confirm = take_over(replica, &result)))
		answer(confirm, result);
	while ((confirm = take_ready(replica, &wait)))
		replica_leg_flush(replica, flush_done, confirm);
	if (wait != MAX_JIFFY_OFFSET)
		queue_delayed_work(replica_aux_wq, &replica->confirm_work,
				   min_t(unsigned long, wait + 1, HZ));
}

void replica_confirm_cancel(struct replica *replica)
{
	struct confirm *confirm, *next;
	LIST_HEAD(all);

	cancel_delayed_work_sync(&replica->confirm_work);
	spin_lock_irq(&replica->lock);
	list_for_each_entry_safe(confirm, next, &replica->confirms, link)
		list_move_tail(&confirm->link, &all);
	spin_unlock_irq(&replica->lock);

	list_for_each_entry_safe(confirm, next, &all, link)
		answer(confirm, confirm->flushed ? CONFIRMED : CONFIRM_UNABLE);
}

static int add_confirm(struct replica *replica, unsigned int timeout_ms,
		       replica_confirm_fn done, void *context, bool message)
{
	struct confirm *confirm = kzalloc(sizeof(*confirm), GFP_KERNEL);
	bool taken;

	if (!confirm)
		return -ENOMEM;
	kref_init(&confirm->refs);
	confirm->replica = replica;
	confirm->deadline = jiffies + msecs_to_jiffies(timeout_ms);
	confirm->seq = replica_queue_last(replica);
	confirm->asked = replica_delta_ask(replica);
	confirm->done = done;
	confirm->context = context;
	confirm->message = message;
	spin_lock_irq(&replica->lock);
	taken = replica->md;
	if (taken)
		list_add_tail(&confirm->link, &replica->confirms);
	spin_unlock_irq(&replica->lock);
	if (!taken) {
		kfree(confirm);
		return -ENODEV;
	}
	mod_delayed_work(replica_aux_wq, &replica->confirm_work, 0);
	return 0;
}

int replica_confirm_start(struct replica *replica, unsigned int timeout_ms,
			  replica_confirm_fn done, void *context)
{
	return add_confirm(replica, timeout_ms, done, context, false);
}

struct confirm_wait {
	struct kref refs;
	struct completion completion;
	unsigned int result;
};

static void free_wait(struct kref *refs)
{
	kfree(container_of(refs, struct confirm_wait, refs));
}

static void waited(void *context, unsigned int result)
{
	struct confirm_wait *wait = context;

	wait->result = result;
	complete(&wait->completion);
	kref_put(&wait->refs, free_wait);
}

int replica_confirm_wait(struct replica *replica, unsigned int timeout_ms)
{
	struct confirm_wait *wait = kzalloc(sizeof(*wait), GFP_KERNEL);
	int r;

	if (!wait)
		return -ENOMEM;
	kref_init(&wait->refs);
	kref_get(&wait->refs);
	init_completion(&wait->completion);

	r = add_confirm(replica, timeout_ms, waited, wait, true);
	if (r) {
		kfree(wait);
		return r;
	}
	r = wait_for_completion_interruptible(&wait->completion);
	if (!r && wait->result)
		r = wait->result == CONFIRM_TIMEOUT ? -ETIMEDOUT : -EIO;
	kref_put(&wait->refs, free_wait);
	return r;
}
