// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verify: a job that compares the legs, and what it found.  The walk is that of
 * resync.c.  Nothing is repaired here: the state becomes Skewed, and a resync in
 * that state copies the regions that were found.
 */
#include <linux/bitmap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dm-replica-compare.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"

static struct replica_diffs *make_diffs(u64 nr_regions)
{
	struct replica_diffs *diffs = kvzalloc(sizeof(*diffs), GFP_KERNEL);

	if (!diffs)
		return NULL;
	diffs->nr_regions = nr_regions;
	diffs->regions = kvcalloc(BITS_TO_LONGS(nr_regions), sizeof(long), GFP_KERNEL);
	diffs->carried = kvcalloc(BITS_TO_LONGS(nr_regions), sizeof(long), GFP_KERNEL);
	if (!diffs->regions || !diffs->carried) {
		replica_diffs_free(diffs);
		return NULL;
	}
	return diffs;
}

void replica_diffs_free(struct replica_diffs *diffs)
{
	if (!diffs)
		return;
	kvfree(diffs->carried);
	kvfree(diffs->regions);
	kvfree(diffs);
}

/*
 * What earlier verifies found and nobody has copied counts until this one has seen it
 * all.  op_mutex held and no verify under way: nobody changes the old one.
 */
static void carry_over(struct replica *replica, struct replica_diffs *diffs)
{
	const struct replica_diffs *old = replica->diffs;
	u64 nr;

	if (!READ_ONCE(replica->skewed_bytes))
		return;
	diffs->carries = true;
	diffs->unknown = !old || old->unknown;
	if (!old)
		return;
	nr = min(old->nr_regions, diffs->nr_regions);
	if (old->carries)
		bitmap_or(diffs->carried, old->regions, old->carried, nr);
	else
		bitmap_copy(diffs->carried, old->regions, nr);
}

/* Return: the number of the job, 0 when the state changed meanwhile. */
static u32 start_job(struct replica *replica, struct replica_diffs **diffs)
{
	u32 id = 0;

	spin_lock_irq(&replica->lock);
	if (BIT(replica->state) & REPLICA_VERIFY_STATES) {
		id = __replica_job_start(replica, DM_REPLICA_JOB_VERIFY,
					 (u64)replica->sectors << SECTOR_SHIFT);
		(*diffs)->job_id = id;
		swap(replica->diffs, *diffs);
		replica_resync_run(replica, REPLICA_WALK_VERIFY);
	}
	spin_unlock_irq(&replica->lock);
	return id;
}

static int verify_locked(struct replica *replica, u32 *job_id, const char **error)
{
	struct replica_diffs *diffs;
	bool busy;

	if (replica->clone) {
		*error = "a clone is of one instant: there is nothing to compare it with";
		return -EBUSY;
	}
	spin_lock_irq(&replica->lock);
	busy = __replica_job_current(replica);
	spin_unlock_irq(&replica->lock);
	if (busy) {
		*error = "a job is under way; wait for its end or cancel it";
		return -EBUSY;
	}
	diffs = make_diffs(replica_log_regions(replica->log));
	if (!diffs) {
		*error = "not enough memory to note what differs";
		return -ENOMEM;
	}
	carry_over(replica, diffs);
	*job_id = start_job(replica, &diffs);
	replica_diffs_free(diffs);
	if (*job_id)
		return 0;
	*error = "legs can be compared while they are Synchronized or Skewed only";
	return -EBUSY;
}

int replica_verify(struct replica *replica, u32 *job_id, const char **error)
{
	unsigned int noio;
	int r;

	*job_id = 0;
	mutex_lock(&replica->op_mutex);
	/* Who holds the mutex may not wait for writes to this very device. */
	noio = memalloc_noio_save();
	r = replica_operable(replica, error) ?: verify_locked(replica, job_id, error);
	memalloc_noio_restore(noio);
	mutex_unlock(&replica->op_mutex);
	return r;
}

/* The place of a range, in order; those of windows under way come in any. */
static unsigned int place_of(const struct replica_diffs *diffs, sector_t sector)
{
	unsigned int i = diffs->nr;

	while (i && diffs->ranges[i - 1].sector > sector)
		i--;
	return i;
}

/* Grow the range before a place, the one at it, or both together. */
static bool join_diff(struct replica_diffs *diffs, unsigned int at, sector_t sector,
		      sector_t sectors)
{
	struct replica_diff *before = at ? &diffs->ranges[at - 1] : NULL;
	struct replica_diff *next = at < diffs->nr ? &diffs->ranges[at] : NULL;
	bool joins_next = next && next->sector == sector + sectors;

	if (before && before->sector + before->sectors == sector) {
		before->sectors += sectors;
		if (joins_next) {
			before->sectors += next->sectors;
			diffs->nr--;
			memmove(next, next + 1, (diffs->nr - at) * sizeof(*next));
		}
		return true;
	}
	if (joins_next) {
		next->sector = sector;
		next->sectors += sectors;
	}
	return joins_next;
}

static void add_diff(struct replica_diffs *diffs, sector_t sector, sector_t sectors)
{
	unsigned int at = place_of(diffs, sector);

	if (join_diff(diffs, at, sector, sectors))
		return;
	/* Once a range was left out, none behind the last one is told. */
	if (diffs->full && at == diffs->nr)
		return;
	if (diffs->nr == ARRAY_SIZE(diffs->ranges)) {
		diffs->full = true;
		if (at == diffs->nr)
			return;
		diffs->nr--;
	}
	memmove(&diffs->ranges[at + 1], &diffs->ranges[at],
		(diffs->nr - at) * sizeof(diffs->ranges[0]));
	diffs->ranges[at].sector = sector;
	diffs->ranges[at].sectors = sectors;
	diffs->nr++;
}

/* Return: bytes of the regions that were not known to differ. */
static u64 add_regions(struct replica *replica, struct replica_diffs *diffs, sector_t sector,
		       sector_t sectors)
{
	u64 region, last = (sector + sectors - 1) >> replica->region_shift, new = 0;

	for (region = sector >> replica->region_shift; region <= last; region++) {
		if (region >= diffs->nr_regions || __test_and_set_bit(region, diffs->regions))
			continue;
		diffs->found_regions++;
		if (!diffs->carries || !test_bit(region, diffs->carried))
			new++;
	}
	return new << (replica->region_shift + SECTOR_SHIFT);
}

/* The verify under way, if it is this one.  replica->lock held. */
static struct replica_job *verify_job(struct replica *replica, u32 job_id)
{
	struct replica_job *job = __replica_job_current(replica);

	if (!job || job->type != DM_REPLICA_JOB_VERIFY || job->id != job_id ||
	    WARN_ON_ONCE(!replica->diffs || replica->diffs->job_id != job_id))
		return NULL;
	return job;
}

void replica_verify_found(struct replica *replica, u32 job_id, sector_t sector,
			  sector_t sectors)
{
	u64 bytes, size = (u64)replica->sectors << SECTOR_SHIFT;
	struct replica_job *job;

	spin_lock_irq(&replica->lock);
	job = verify_job(replica, job_id);
	if (job) {
		add_diff(replica->diffs, sector, sectors);
		replica->diffs->bytes += (u64)sectors << SECTOR_SHIFT;
		job->differs = replica->diffs->bytes;
		bytes = add_regions(replica, replica->diffs, sector, sectors);
		/* At once: whoever asks now must not hear that all is well. */
		__replica_state_skew(replica, min(size, replica->skewed_bytes + bytes));
	}
	spin_unlock_irq(&replica->lock);
}

/* All was seen: nothing of what was found earlier counts any more. */
static u64 forget_earlier(struct replica *replica)
{
	struct replica_diffs *diffs = replica->diffs;

	diffs->carries = false;
	diffs->unknown = false;
	return min((u64)replica->sectors << SECTOR_SHIFT,
		   diffs->found_regions << (replica->region_shift + SECTOR_SHIFT));
}

void replica_verify_over(struct replica *replica, u32 job_id, const char *trouble)
{
	spin_lock_irq(&replica->lock);
	if (verify_job(replica, job_id)) {
		replica_resync_stop(replica);
		if (trouble) {
			__replica_job_end(replica, DM_REPLICA_JOB_EXCEPTION,
					  REPLICA_RETURN_FAILED, trouble);
		} else {
			__replica_job_end(replica, DM_REPLICA_JOB_COMPLETED, 0, "");
			__replica_state_skew(replica, forget_earlier(replica));
		}
	}
	spin_unlock_irq(&replica->lock);
}

static void mark_bits(struct replica *replica, const unsigned long *bits, u64 nr)
{
	u64 region;

	for (region = find_first_bit(bits, nr); region < nr;
	     region = find_next_bit(bits, nr, region + 1)) {
		replica_log_mark(replica->log, region << replica->region_shift, 1);
		cond_resched();
	}
}

static void mark_found(struct replica *replica)
{
	struct replica_diffs *diffs = replica->diffs;
	u64 nr;

	/* Found before a restart: which ones is not known any more. */
	if (!diffs || diffs->unknown) {
		replica_log_mark_all(replica->log);
		return;
	}
	nr = min(diffs->nr_regions, replica_log_regions(replica->log));
	mark_bits(replica, diffs->regions, nr);
	if (diffs->carries)
		mark_bits(replica, diffs->carried, nr);
}

void replica_verify_mark(struct replica *replica)
{
	/* From here on what was found changes no more: a new verify needs the mutex. */
	lockdep_assert_held(&replica->op_mutex);
	replica_state_end_verify(replica, "a resync was ordered");
	if (!READ_ONCE(replica->skewed_bytes))
		return;
	mark_found(replica);
	/* Durable before the flag goes: no crash may find neither of them. */
	replica_intents_sync(replica);
	spin_lock_irq(&replica->lock);
	replica->skewed_bytes = 0;
	spin_unlock_irq(&replica->lock);
}

int replica_verify_read(struct replica *replica, unsigned int index, u32 *job_id,
			struct replica_diff *diff)
{
	struct replica_diffs *diffs;
	int r = -ENOENT;

	spin_lock_irq(&replica->lock);
	diffs = replica->diffs;
	if (diffs) {
		*job_id = diffs->job_id;
		r = index < diffs->nr ? 0 : -ERANGE;
		if (!r)
			*diff = diffs->ranges[index];
	}
	spin_unlock_irq(&replica->lock);
	return r;
}
