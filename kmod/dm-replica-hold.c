// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that replica->hold keeps: those that come, and under on_replica_error stop the ends of
 * those that the replica does not have, so that nobody hears of one.
 */
#include "dm-replica-io.h"

/* A suspend that flushes lets them go on in a moment, and would have an error made of a requeue. */
static bool requeues(const struct replica *replica)
{
	lockdep_assert_held(&replica->lock);
	return replica->suspending && replica->noflush;
}

int replica_hold_bio(struct replica *replica, struct bio *bio)
{
	int r = DM_MAPIO_SUBMITTED;

	spin_lock_irq(&replica->lock);
	if (!replica->hold) {
		bio_list_add(&replica->deferred, bio);
		mod_delayed_work(replica->wq, &replica->deferred_work, 0);
	} else if (requeues(replica)) {
		r = DM_MAPIO_REQUEUE;
	} else {
		bio_list_add(&replica->held, bio);
		replica_count(replica, DM_REPLICA_C_HELD_WRITES, 1);
	}
	spin_unlock_irq(&replica->lock);
	return r;
}

bool replica_hold_completion(struct replica_io *io)
{
	struct replica *replica = io->replica;
	unsigned long flags;
	bool hold;

	spin_lock_irqsave(&replica->lock, flags);
	hold = replica->hold;
	if (hold && requeues(replica)) {
		hold = false;
		replica_io_bio(io)->bi_status = BLK_STS_DM_REQUEUE;
	} else if (hold) {
		bio_list_add(&replica->held, replica_io_bio(io));
		replica_count(replica, DM_REPLICA_C_HELD_WRITES, 1);
	}
	atomic_dec(&replica->ending);
	spin_unlock_irqrestore(&replica->lock, flags);
	return hold;
}

void replica_hold_requeue(struct bio *bio)
{
	struct replica_io *io = replica_io_of(bio);
	bool fresh = io->kind != REPLICA_IO_DONE;

	io->kind = REPLICA_IO_DONE;
	bio->bi_status = BLK_STS_DM_REQUEUE;
	if (fresh)
		bio_endio(bio);
	else
		bio->bi_end_io(bio);
}

void replica_hold_release(struct replica *replica, bool requeue)
{
	struct bio_list held;
	struct bio *bio;

	spin_lock_irq(&replica->lock);
	held = replica->held;
	bio_list_init(&replica->held);
	spin_unlock_irq(&replica->lock);
	while ((bio = bio_list_pop(&held))) {
		if (requeue)
			replica_hold_requeue(bio);
		else if (replica_io_of(bio)->kind == REPLICA_IO_DONE)
			bio->bi_end_io(bio);
		else
			replica_io_continue(replica, bio);
	}
}
