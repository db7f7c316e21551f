// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write intents: the worker; dm-replica-intent.h has the idea.  What happens when
 * the device comes and goes is in activate.c.
 */
#include <linux/bitmap.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent-priv.h"
#include "dm-replica-queue.h"

/* Between two looks at what has become idle, ms. */
#define TICK_MS			2000U
/* Before a meta device that failed is tried again, ms. */
#define RETRY_MS		5000U
/* Slots to free at a time, so that the next few writes find some. */
#define EVICT_MIN		64U
/* Most of them, and most bits of the bitmap that one tick clears. */
#define EVICT_MAX		256U
#define CLEAR_MAX		65536U

/*
 * Facts about regions.
 */

static void put_intent(struct replica_intents *intents, u32 slot, u32 region)
{
	struct dm_replica_log_sector *sector;
	unsigned int block;

	sector = replica_meta_intent_sector(intents->meta, slot, &block);
	sector->intents[slot % DM_REPLICA_INTENTS_PER_SECTOR] = cpu_to_le32(region);
	intents->slots[slot] = region;
	__set_bit(block, region == DM_REPLICA_INTENT_NONE ? intents->meta->stale :
							     intents->meta->urgent);
}

void replica_intents_set_bit(struct replica_intents *intents, u64 region, bool urgent)
{
	struct dm_replica_log_sector *sector;
	unsigned int block, bit;

	sector = replica_meta_bitmap_sector(intents->meta, region, &block);
	bit = (u32)region % DM_REPLICA_BITS_PER_SECTOR;
	sector->bitmap[bit / 8] |= 1 << (bit % 8);
	if (!__test_and_set_bit(region, intents->on_disk))
		intents->nr_on_disk++;
	__set_bit(block, urgent ? intents->meta->urgent : intents->meta->stale);
}

void replica_intents_clear_bit(struct replica_intents *intents, u64 region, bool urgent)
{
	struct dm_replica_log_sector *sector;
	unsigned int block, bit;

	sector = replica_meta_bitmap_sector(intents->meta, region, &block);
	bit = (u32)region % DM_REPLICA_BITS_PER_SECTOR;
	sector->bitmap[bit / 8] &= ~(1 << (bit % 8));
	if (__test_and_clear_bit(region, intents->on_disk))
		intents->nr_on_disk--;
	__set_bit(block, urgent ? intents->meta->urgent : intents->meta->stale);
}

static void free_slot(struct replica_intents *intents, u32 slot)
{
	__clear_bit(intents->slots[slot], intents->slotted);
	put_intent(intents, slot, DM_REPLICA_INTENT_NONE);
	intents->nr_used--;
}

/* Do writes that may still be in a leg's cache lie in the region? */
static bool unsettled(struct replica_intents *intents, u64 region)
{
	struct replica *replica = intents->replica;

	/* Of a clone's replica clone.c asks before it opens a region. */
	return !replica->clone &&
	       (replica_log_cached(replica->log, REPLICA_LEG_ORIGIN, region,
				   replica_durable_generation(&replica->on_origin)) ||
		replica_log_cached(replica->log, REPLICA_LEG_REPLICA, region,
				   replica_leg_durable(replica)));
}

static bool writes_in(struct replica_range_bucket *bucket, u64 first, u64 last)
{
	struct replica_range *range;
	bool found = false;

	spin_lock_irq(&bucket->lock);
	for (range = replica_range_first(bucket); range && !found;
	     range = replica_range_next(bucket, range))
		found = range->first <= last && range->last >= first &&
			replica_io_is_issued(range);
	spin_unlock_irq(&bucket->lock);
	return found;
}

/* Neighbouring zones are in neighbouring buckets; no bucket need be looked at twice. */
static bool region_in_flight(struct replica *replica, u64 region)
{
	u64 first = region << replica->region_shift;
	u64 last = first + (1ULL << replica->region_shift) - 1;
	u64 zones = (last >> REPLICA_ZONE_SHIFT) - (first >> REPLICA_ZONE_SHIFT) + 1;
	u64 i;

	for (i = 0; i < min_t(u64, zones, REPLICA_RANGE_BUCKETS); i++)
		if (writes_in(replica_range_bucket(replica->ranges,
						   first + (i << REPLICA_ZONE_SHIFT)),
			      first, last))
			return true;
	/* Last: a write is in the queue before its range is released. */
	return replica_queue_in_region(replica, region);
}

/*
 * Make a region inactive.  Return: false when it has to stay active, because
 * writes are under way, have just been, or have left it dirty.
 */
static bool deactivate(struct replica_intents *intents, u64 region)
{
	struct replica *replica = intents->replica;
	struct replica_log *log = replica->log;

	clear_bit(region, log->active);
	/* The bucket locks order this: see the head of dm-replica-intent.h. */
	if (!region_in_flight(replica, region) && !test_bit(region, log->dirty)) {
		/* A copy notes what it left in a cache before it clears the mark. */
		smp_rmb();
		if (!unsettled(intents, region)) {
			/* What a flush has lost is marked before there is no doubt about it. */
			smp_rmb();
			if (!test_bit(region, log->dirty))
				return true;
		}
	}
	set_bit(region, log->active);
	return false;
}

static bool gets_data(const struct replica *replica)
{
	return READ_ONCE(replica->ship) || replica_delta_copies(replica);
}

/*
 * Make all writes that have ended durable on both legs.  Return: 0, or an errno when
 * the regions they were in have to be taken as dirty.
 */
static int settle(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;
	struct replica_flush flush;
	int r = 0;

	replica_flush_begin(&replica->on_origin, &flush);
	if (bdev_write_cache(replica->origin_bdev))
		r = blkdev_issue_flush(replica->origin_bdev);
	if (r) {
		replica_origin_lost(replica, &flush);
		return r;
	}
	replica_flush_end(&replica->on_origin, &flush);
	/* One that does not get our writes may hang as long as it likes. */
	if (replica->replica_volatile)
		r = !gets_data(replica) || atomic_read(&replica->detached) ?
		    -EIO : replica_leg_flush_wait(replica);
	return r;
}

static void take_as_dirty(struct replica_intents *intents, u64 region)
{
	struct replica *replica = intents->replica;

	replica_log_mark(replica->log, region << replica->region_shift, 1);
	replica_state_unsynced(replica, "a leg could not be flushed");
}

/*
 * Slots.
 */

/*
 * The next @want slots that were not touched lately, from where the last look
 * ended.  Looking takes the mark of a touch away: the second time it counts.
 */
static unsigned int pick_victims(struct replica_intents *intents, u32 *victims,
				 unsigned int want, unsigned int rounds)
{
	u32 looks = intents->activity * rounds;
	unsigned int n = 0;

	while (looks-- && n < want) {
		u32 slot = intents->hand, region = intents->slots[slot];

		intents->hand = (slot + 1) % intents->activity;
		if (region == DM_REPLICA_INTENT_NONE)
			continue;
		if (test_and_clear_bit(region, intents->replica->log->touched))
			continue;
		victims[n++] = slot;
		/* Not twice in one look; and if it has to stay, it has earned it. */
		set_bit(region, intents->replica->log->touched);
	}
	return n;
}

/* The bits of those that are dirty, on the device before their slots are reused. */
static int save_dirty(struct replica_intents *intents, const u32 *victims, unsigned int n)
{
	struct replica_log *log = intents->replica->log;
	unsigned int i;

	for (i = 0; i < n; i++) {
		u32 region = intents->slots[victims[i]];

		if (test_bit(region, log->dirty) && !test_bit(region, intents->on_disk))
			replica_intents_set_bit(intents, region, true);
	}
	return replica_meta_write_log(intents->meta, false);
}

/* One with a write under way stays, whatever is flushed; and its replica may be hanging. */
static bool waits_for_flush(struct replica_intents *intents, u64 region)
{
	return unsettled(intents, region) && !region_in_flight(intents->replica, region);
}

static bool any_waits_for_flush(struct replica_intents *intents, const u32 *victims, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		u32 region = intents->slots[victims[i]];

		if (!test_bit(region, intents->on_disk) &&
		    !test_bit(region, intents->replica->log->dirty) &&
		    waits_for_flush(intents, region))
			return true;
	}
	return false;
}

/* Take slots back where that can be.  Return: 0, or the error of the meta device. */
static int evict(struct replica_intents *intents, unsigned int want, unsigned int rounds)
{
	u32 *victims = intents->victims;
	unsigned int i, n = pick_victims(intents, victims, min(want, EVICT_MAX), rounds);
	int r;

	if (any_waits_for_flush(intents, victims, n)) {
		r = settle(intents);
		for (i = 0; r && i < n; i++)
			if (waits_for_flush(intents, intents->slots[victims[i]]))
				take_as_dirty(intents, intents->slots[victims[i]]);
	}
	r = save_dirty(intents, victims, n);
	for (i = 0; !r && i < n; i++) {
		u32 region = intents->slots[victims[i]];

		/* With a bit on the device the region stays active without the slot. */
		if (test_bit(region, intents->on_disk) || deactivate(intents, region))
			free_slot(intents, victims[i]);
	}
	return r;
}

/* Regions of a write that need a slot. */
static unsigned int slots_needed(struct replica_intents *intents, struct replica_io *io)
{
	struct replica_log *log = intents->replica->log;
	u64 region, last = replica_log_region(log, io->range.last);
	unsigned int n = 0;

	for (region = replica_log_region(log, io->range.first); region <= last; region++)
		n += !test_bit(region, log->active) && !test_bit(region, intents->slotted);
	return n;
}

static void take_slot(struct replica_intents *intents, u64 region)
{
	while (intents->slots[intents->next] != DM_REPLICA_INTENT_NONE)
		intents->next = (intents->next + 1) % intents->activity;
	put_intent(intents, intents->next, region);
	__set_bit(region, intents->slotted);
	intents->nr_used++;
}

static void take_slots(struct replica_intents *intents, struct replica_io *io)
{
	struct replica_log *log = intents->replica->log;
	u64 region, last = replica_log_region(log, io->range.last);

	for (region = replica_log_region(log, io->range.first); region <= last; region++)
		if (!test_bit(region, log->active) && !test_bit(region, intents->slotted))
			take_slot(intents, region);
}

/*
 * Writes that wait.
 */

void replica_intents_wait(struct replica_io *io)
{
	struct replica *replica = io->replica;
	struct replica_intents *intents = replica->intents;
	unsigned long flags;

	io->log_waits = true;
	spin_lock_irqsave(&replica->lock, flags);
	bio_list_add(&intents->waiting, replica_io_bio(io));
	intents->waits++;
	spin_unlock_irqrestore(&replica->lock, flags);
	mod_delayed_work(intents->wq, &intents->work, 0);
}

void replica_intents_take_waiting(struct replica_intents *intents, struct bio_list *batch)
{
	spin_lock_irq(&intents->replica->lock);
	bio_list_merge(batch, &intents->waiting);
	bio_list_init(&intents->waiting);
	spin_unlock_irq(&intents->replica->lock);
}

static void put_back(struct replica_intents *intents, struct bio_list *batch)
{
	struct bio *bio;

	bio_list_for_each(bio, batch)
		replica_io_of(bio)->log_waits = true;
	spin_lock_irq(&intents->replica->lock);
	bio_list_merge_head(&intents->waiting, batch);
	spin_unlock_irq(&intents->replica->lock);
	bio_list_init(batch);
}

void replica_intents_let_go(struct replica_intents *intents, struct bio_list *batch)
{
	struct bio *bio;

	while ((bio = bio_list_pop(batch))) {
		replica_io_of(bio)->log_waits = false;
		replica_io_continue(intents->replica, bio);
	}
}

static void activate_batch(struct replica_intents *intents, struct bio_list *batch)
{
	struct replica_log *log = intents->replica->log;
	struct replica_io *io;
	struct bio *bio;
	u64 region;

	bio_list_for_each(bio, batch) {
		io = replica_io_of(bio);
		for (region = replica_log_region(log, io->range.first);
		     region <= replica_log_region(log, io->range.last); region++)
			if (!WARN_ON_ONCE(!test_bit(region, intents->slotted) &&
					  !test_bit(region, intents->on_disk)))
				set_bit(region, log->active);
	}
}

/*
 * Give slots to those in front that there is room for, and put the others in
 * @rest.  Each gets all that it needs or nothing: nobody waits with slots in hand.
 */
static int fill_batch(struct replica_intents *intents, struct bio_list *batch,
		      struct bio_list *rest)
{
	struct bio_list all = *batch;
	struct bio *bio;
	int r = 0;

	bio_list_init(batch);
	while (!r && (bio = bio_list_pop(&all))) {
		struct replica_io *io = replica_io_of(bio);
		unsigned int need = slots_needed(intents, io);

		if (need > intents->activity - intents->nr_used)
			r = evict(intents, max(need, EVICT_MIN), 2);
		if (r || need > intents->activity - intents->nr_used) {
			bio_list_add_head(&all, bio);
			break;
		}
		take_slots(intents, io);
		/* From here on evict() must not take back what this write relies on. */
		io->log_waits = false;
		bio_list_add(batch, bio);
	}
	bio_list_merge(rest, &all);
	return r;
}

/*
 * One turn: who comes meanwhile has queued the worker for another one.  Return: 0, the
 * error of the meta device, or -EAGAIN when all slots are in use by writes under way.
 */
static int serve_waiting(struct replica_intents *intents)
{
	struct bio_list batch, rest;
	int r = 0;

	bio_list_init(&batch);
	bio_list_init(&rest);
	replica_intents_take_waiting(intents, &batch);
	while (!r && !bio_list_empty(&batch)) {
		r = fill_batch(intents, &batch, &rest);
		if (!r)
			r = replica_meta_write_log(intents->meta, false);
		if (!r && bio_list_empty(&batch)) {
			replica_queue_pins(intents->replica, intents->activity);
			r = -EAGAIN;
		} else if (!r) {
			activate_batch(intents, &batch);
			replica_intents_let_go(intents, &batch);
		}
		bio_list_merge(&batch, &rest);
		bio_list_init(&rest);
	}
	if (!bio_list_empty(&batch))
		put_back(intents, &batch);
	return r;
}

/*
 * What becomes clean in time.
 */

/* A bit on the device whose region is not dirty any more. */
static u64 next_redundant(struct replica_intents *intents, u64 region)
{
	struct replica_log *log = intents->replica->log;

	for (; region < log->nr_regions; region++) {
		region = find_next_bit(intents->on_disk, log->nr_regions, region);
		if (region >= log->nr_regions || !test_bit(region, log->dirty))
			break;
	}
	return region;
}

static void clear_bits(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;
	unsigned int budget = CLEAR_MAX;
	bool tried = false;
	u64 region;

	/* A clone's are cleared when their regions are opened. */
	if (intents->replica->clone || intents->nr_on_disk <= replica_log_dirty_regions(log))
		return;
	for (region = next_redundant(intents, 0); region < log->nr_regions && budget--;
	     region = next_redundant(intents, region + 1)) {
		if (unsettled(intents, region)) {
			if (tried)
				continue;
			settle(intents);
			tried = true;
		}
		if (test_bit(region, intents->slotted) || deactivate(intents, region))
			replica_intents_clear_bit(intents, region, false);
		cond_resched();
	}
}

static bool job_runs(struct replica *replica)
{
	const struct replica_job *job;
	bool runs;

	spin_lock_irq(&replica->lock);
	job = __replica_job_current(replica);
	/* A verify ends with its activation. */
	runs = job && job->type != DM_REPLICA_JOB_VERIFY;
	spin_unlock_irq(&replica->lock);
	return runs;
}

/* Take a bit from those of one word of a bitmap.  Return: false when none is left. */
static bool next_in_word(unsigned long *bits, u64 word, u64 *region)
{
	if (!*bits)
		return false;
	*region = word * BITS_PER_LONG + __ffs(*bits);
	*bits &= *bits - 1;
	return true;
}

/*
 * Marks that no write left: of a forced resync, of a replica that lost its cache.
 * A bit may be saved for a region that has a slot too, which then becomes free.
 */
static int save_marks(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;
	u64 word, region;
	int r;

	/* There what is dirty has its bit from the start. */
	if (intents->replica->clone)
		return 0;
	for (word = 0; word < BITS_TO_LONGS(log->nr_regions); word++) {
		unsigned long fresh = READ_ONCE(log->dirty[word]) & ~intents->on_disk[word];

		while (next_in_word(&fresh, word, &region))
			replica_intents_set_bit(intents, region, true);
		cond_resched();
	}
	r = replica_meta_write_log(intents->meta, false);
	for (word = 0; !r && word < BITS_TO_LONGS(log->nr_regions); word++) {
		unsigned long fresh = intents->on_disk[word] & ~READ_ONCE(log->active[word]);

		while (next_in_word(&fresh, word, &region))
			set_bit(region, log->active);
	}
	return r;
}

static int tick(struct replica_intents *intents)
{
	unsigned int before;
	int r;

	r = save_marks(intents);
	if (r)
		return r;
	do {
		before = intents->nr_used;
		r = evict(intents, EVICT_MAX, 1);
	} while (!r && before - intents->nr_used == EVICT_MAX);
	if (r)
		return r;
	clear_bits(intents);
	r = replica_meta_write_log(intents->meta, true);
	if (!r && replica_label_due(intents))
		r = replica_intents_write_label(intents);
	if (!r && job_runs(intents->replica))
		r = replica_intents_write_sb(intents, 0);
	return r;
}

static void set_all_bits(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;
	u64 region;

	bitmap_fill(log->active, log->nr_regions);
	for (region = 0; region < log->nr_regions; region++)
		replica_intents_set_bit(intents, region, true);
}

/* All bits set, no intents: true whatever happened meanwhile.  A clone's have no such value. */
int replica_intents_write_anew(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;
	u32 slot;
	int r;

	if (intents->replica->clone)
		replica_clone_rewrite(intents->replica);
	else
		set_all_bits(intents);
	for (slot = 0; slot < intents->activity; slot++)
		put_intent(intents, slot, DM_REPLICA_INTENT_NONE);
	bitmap_zero(intents->slotted, log->nr_regions);
	intents->nr_used = 0;
	r = replica_meta_write_log(intents->meta, true);
	return r;
}

/*
 * Worker.
 */

static bool is_due(struct replica_intents *intents, unsigned int ms)
{
	return time_after_eq(jiffies, intents->last_tick + msecs_to_jiffies(ms));
}

static int work_once(struct replica_intents *intents)
{
	int r = serve_waiting(intents);

	if ((!r || r == -EAGAIN) && is_due(intents, TICK_MS)) {
		int t = tick(intents);

		intents->last_tick = jiffies;
		r = t ?: r;
	}
	/* Marks before the state that tells of them. */
	if (!r && atomic_xchg(&intents->note, 0))
		r = save_marks(intents) ?: replica_intents_write_sb(intents, 0);
	return r;
}

static bool has_work_later(struct replica_intents *intents)
{
	return intents->failed || intents->nr_used || intents->label_pending ||
	       (intents->nr_on_disk != replica_log_dirty_regions(intents->replica->log) &&
		!intents->replica->clone) ||
	       !bitmap_empty(intents->meta->stale, intents->meta->nr_blocks) ||
	       job_runs(intents->replica);
}

void replica_intents_work(struct work_struct *work)
{
	struct replica_intents *intents = container_of(to_delayed_work(work),
						       struct replica_intents, work);
	unsigned long delay = msecs_to_jiffies(TICK_MS);
	int r = 0;

	mutex_lock(&intents->mutex);
	if (intents->stopped) {
		mutex_unlock(&intents->mutex);
		return;
	}
	if (intents->failed && is_due(intents, RETRY_MS)) {
		replica_intents_try_again(intents);
		intents->last_tick = jiffies;
	}
	/* Whether the log can be written or not: the state of the replica is to be true. */
	replica_origin_mark_lost(intents->replica);
	if (!intents->failed) {
		r = work_once(intents);
		if (r && r != -EAGAIN)
			replica_intents_fail(intents, r);
	}
	if (intents->failed)
		replica_intents_go_on_without(intents);
	if (r == -EAGAIN)
		delay = 1;
	if (!intents->stopped && (r == -EAGAIN || has_work_later(intents)))
		queue_delayed_work(intents->wq, &intents->work, delay);
	mutex_unlock(&intents->mutex);
}

void replica_intents_note(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;

	if (!intents)
		return;
	atomic_set(&intents->note, 1);
	if (!READ_ONCE(intents->stopped))
		mod_delayed_work(intents->wq, &intents->work, 0);
}

void replica_intents_sync(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;

	if (!intents)
		return;
	mutex_lock(&intents->mutex);
	if (!intents->failed && !intents->stopped) {
		/* The worker may have been faster with the superblock: the marks count. */
		bool note = atomic_xchg(&intents->note, 0);
		int r = save_marks(intents);

		if (!r && note)
			r = replica_intents_write_sb(intents, 0);
		if (r)
			replica_intents_fail(intents, r);
	}
	mutex_unlock(&intents->mutex);
}

bool replica_intents_failed(struct replica *replica)
{
	return replica->intents && READ_ONCE(replica->intents->failed);
}

/* Nothing is under way, and nothing comes.  Slots that stay are in use by nobody. */
int replica_intents_empty(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;
	u32 before;
	int r;

	/* A flush that a leg still has may tell yet that something is lost. */
	if (atomic_read(&intents->replica->leg_commands))
		return save_marks(intents) ?: replica_meta_write_log(intents->meta, true);
	bitmap_zero(log->touched, log->nr_regions);
	do {
		before = intents->nr_used;
		r = evict(intents, EVICT_MAX, 2);
	} while (!r && intents->nr_used && intents->nr_used < before);
	if (!r)
		r = save_marks(intents);
	if (!r)
		clear_bits(intents);
	return r ?: replica_meta_write_log(intents->meta, true);
}

void replica_intents_status(struct replica *replica, struct replica_meta_status *status)
{
	u64 region_bytes = 1ULL << (replica->region_shift + SECTOR_SHIFT);
	u64 size = (u64)replica->sectors << SECTOR_SHIFT;
	struct replica_intents *intents;
	unsigned long flags;

	memset(status, 0, sizeof(*status));
	status->exposed_bytes = size;
	/* The lock keeps it from going away. */
	spin_lock_irqsave(&replica->lock, flags);
	intents = replica->intents;
	if (intents) {
		status->present = true;
		status->failed = READ_ONCE(intents->failed);
		status->whole = READ_ONCE(intents->whole) == REPLICA_LOG_WHOLE;
		status->active_regions = READ_ONCE(intents->nr_used) +
					 READ_ONCE(intents->nr_on_disk);
		if (!status->failed)
			status->exposed_bytes = min(size, status->active_regions * region_bytes);
		status->waits = intents->waits;
		status->writes = READ_ONCE(intents->meta->writes);
		status->bytes = READ_ONCE(intents->meta->bytes);
	}
	spin_unlock_irqrestore(&replica->lock, flags);
}
