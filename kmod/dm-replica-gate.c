// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate that reads and flushes pass: as long as it is open it costs two counters.
 */
#include <linux/delay.h>
#include <linux/rcupdate.h>

#include "dm-replica-io.h"

bool replica_gate_hold(struct replica *replica, struct bio *bio)
{
	bool kept;

	spin_lock_irq(&replica->lock);
	kept = replica->gate_closed;
	if (kept)
		bio_list_add(&replica->gated, bio);
	spin_unlock_irq(&replica->lock);
	return kept;
}

void replica_gate_close(struct replica *replica)
{
	spin_lock_irq(&replica->lock);
	WRITE_ONCE(replica->gate_closed, true);
	spin_unlock_irq(&replica->lock);
	/* Pairs with replica_gate_enter(): whoever saw it open has been counted. */
	synchronize_rcu_expedited();
}

void replica_gate_open(struct replica *replica)
{
	struct bio_list kept;
	struct bio *bio;

	spin_lock_irq(&replica->lock);
	/* Pairs with replica_gate_enter(). */
	smp_store_release(&replica->gate_closed, false);
	kept = replica->gated;
	bio_list_init(&replica->gated);
	spin_unlock_irq(&replica->lock);
	while ((bio = bio_list_pop(&kept)))
		replica_io_continue(replica, bio);
}

/* The gate is closed, so that nothing is added to @entered. */
static bool is_empty(struct replica *replica)
{
	u64 entered = 0, left = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct replica_gate *gate = per_cpu_ptr(replica->gate, cpu);

		entered += READ_ONCE(gate->entered);
		left += READ_ONCE(gate->left);
	}
	return entered == left;
}

bool replica_gate_drain(struct replica *replica, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	while (!is_empty(replica)) {
		/* A suspend waits for what is kept. */
		if (time_after(jiffies, end) || READ_ONCE(replica->suspending))
			return false;
		usleep_range(500, 1000);
	}
	/* What they have done comes before what the caller does now. */
	smp_mb();
	return true;
}
