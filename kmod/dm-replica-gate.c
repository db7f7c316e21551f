// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate that reads and flushes pass: as long as it is open it costs a reference of a
 * percpu_ref.
 */
#include "dm-replica-io.h"

static void gate_empty(struct percpu_ref *gate)
{
	wake_up_all(&container_of(gate, struct replica, gate)->quiet);
}

int replica_gate_init(struct replica *replica)
{
	bio_list_init(&replica->gated);
	return percpu_ref_init(&replica->gate, gate_empty, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
}

void replica_gate_exit(struct replica *replica)
{
	percpu_ref_exit(&replica->gate);
}

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
	replica->gate_closed = true;
	spin_unlock_irq(&replica->lock);
	percpu_ref_kill(&replica->gate);
}

void replica_gate_open(struct replica *replica)
{
	struct bio_list kept;
	struct bio *bio;

	/* Pairs with replica_gate_enter(): resurrect alone does not order where the legs are. */
	smp_wmb();
	percpu_ref_resurrect(&replica->gate);
	spin_lock_irq(&replica->lock);
	replica->gate_closed = false;
	kept = replica->gated;
	bio_list_init(&replica->gated);
	spin_unlock_irq(&replica->lock);
	while ((bio = bio_list_pop(&kept)))
		replica_io_continue(replica, bio);
}

bool replica_gate_drain(struct replica *replica, unsigned int ms)
{
	/* A suspend waits for what is kept. */
	wait_event_timeout(replica->quiet, percpu_ref_is_zero(&replica->gate) ||
			   READ_ONCE(replica->suspending), msecs_to_jiffies(ms));
	if (!percpu_ref_is_zero(&replica->gate))
		return false;
	/* What they have done comes before what the caller does now. */
	smp_mb();
	return true;
}
