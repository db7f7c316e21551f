// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy before write: the list of writes that wait for it; dm-replica-cbw.h has the idea.
 */
#include "dm-replica-cbw.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-log.h"

/* Writes that are asked what they wait for, from the oldest on. */
#define WANTED_MAX		256U

bool replica_cbw_must_wait(struct replica *replica, sector_t sector, sector_t sectors)
{
	/* Pairs with set_first() of delta.c: the bits are there when they count. */
	switch (smp_load_acquire(&replica->first)) {
	case REPLICA_FIRST_ACTIVE:
		return !replica_log_admit(replica->log, sector, sectors);
	case REPLICA_FIRST_FROZEN:
		return replica_log_frozen(replica->log, sector, sectors);
	case REPLICA_FIRST_ALL:
	case REPLICA_FIRST_HELD:
		return true;
	default:
		return false;
	}
}

void replica_cbw_wait(struct replica_io *io)
{
	struct replica *replica = io->replica;
	unsigned long flags;

	replica_count(replica, DM_REPLICA_C_RESYNC_WAITS, 1);
	/* Without a range it is still when it began to wait. */
	io->range.since = (u32)jiffies;
	spin_lock_irqsave(&replica->lock, flags);
	bio_list_add(&replica->cbw.waiting, replica_io_bio(io));
	/* Under the lock: once the bio is off the list nothing of ours keeps replica. */
	if (replica->clone)
		__replica_clone_waits(replica);
	else
		__replica_delta_waits(replica);
	spin_unlock_irqrestore(&replica->lock, flags);
}

bool replica_cbw_any(struct replica *replica)
{
	unsigned long flags;
	bool any;

	spin_lock_irqsave(&replica->lock, flags);
	any = replica->cbw.looking || !bio_list_empty(&replica->cbw.waiting);
	spin_unlock_irqrestore(&replica->lock, flags);
	return any;
}

bool __replica_cbw_older(struct replica *replica, unsigned int age_ms)
{
	struct bio *bio = bio_list_peek(&replica->cbw.waiting);

	lockdep_assert_held(&replica->lock);
	return bio && replica_range_older(&replica_io_of(bio)->range, age_ms);
}

static u64 wanted_by(struct replica_log *log, struct bio *bio, const unsigned long *bits,
		     bool (*skip)(void *context, u64 region), void *context)
{
	const struct replica_range *range = &replica_io_of(bio)->range;
	u64 region, last = replica_log_region(log, range->last);

	for (region = replica_log_region(log, range->first); region <= last; region++)
		if (test_bit(region, bits) && !skip(context, region))
			return region;
	return log->nr_regions;
}

u64 replica_cbw_wanted(struct replica *replica, const unsigned long *bits,
		       bool (*skip)(void *context, u64 region), void *context)
{
	struct replica_log *log = replica->log;
	unsigned int left = WANTED_MAX;
	u64 found = log->nr_regions;
	struct bio *bio;

	spin_lock_irq(&replica->lock);
	bio_list_for_each(bio, &replica->cbw.waiting) {
		/* Those behind come when these have gone on; writers wait for the lock. */
		if (!left--)
			break;
		found = wanted_by(log, bio, bits, skip, context);
		if (found < log->nr_regions)
			break;
	}
	spin_unlock_irq(&replica->lock);
	return found;
}

bool __replica_cbw_wants(struct replica *replica, u64 first, u64 regions)
{
	struct bio *bio;

	lockdep_assert_held(&replica->lock);
	bio_list_for_each(bio, &replica->cbw.waiting) {
		const struct replica_range *range = &replica_io_of(bio)->range;

		if (range->first >> replica->region_shift < first + regions &&
		    range->last >> replica->region_shift >= first)
			return true;
	}
	return false;
}

/* @back: those that stay are put back. */
static void take_waiting(struct replica *replica, struct bio_list *list, bool back)
{
	struct replica_cbw *cbw = &replica->cbw;

	bio_list_init(list);
	spin_lock_irq(&replica->lock);
	cbw->looking = back;
	bio_list_merge(list, &cbw->waiting);
	bio_list_init(&cbw->waiting);
	spin_unlock_irq(&replica->lock);
}

void replica_cbw_let_go(struct replica *replica)
{
	struct replica_cbw *cbw = &replica->cbw;
	struct bio_list all, rest;
	struct bio *bio;

	bio_list_init(&rest);
	take_waiting(replica, &all, true);
	while ((bio = bio_list_pop(&all))) {
		const struct replica_range *range = &replica_io_of(bio)->range;

		/* Without the bucket lock: it looks again when it comes. */
		if (replica_cbw_must_wait(replica, range->first, range->last - range->first + 1))
			bio_list_add(&rest, bio);
		else
			replica_io_continue(replica, bio);
	}
	spin_lock_irq(&replica->lock);
	bio_list_merge_head(&cbw->waiting, &rest);
	cbw->looking = false;
	spin_unlock_irq(&replica->lock);
}

void replica_cbw_give_back(struct replica *replica)
{
	struct bio_list all;
	struct bio *bio;

	take_waiting(replica, &all, false);
	while ((bio = bio_list_pop(&all))) {
		replica_io_of(bio)->kind = REPLICA_IO_DONE;
		bio->bi_status = BLK_STS_DM_REQUEUE;
		bio_endio(bio);
	}
}
