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
#include "dm-replica-io.h"
#include "dm-replica-log.h"

static struct replica_diffs *make_diffs(u64 nr_regions)
{
	struct replica_diffs *diffs = kvzalloc(sizeof(*diffs), GFP_KERNEL);

	if (!diffs)
		return NULL;
	diffs->nr_regions = nr_regions;
	diffs->regions = kvcalloc(BITS_TO_LONGS(nr_regions), sizeof(long), GFP_KERNEL);
	if (!diffs->regions) {
		kvfree(diffs);
		return NULL;
	}
	return diffs;
}

void replica_diffs_free(struct replica_diffs *diffs)
{
	if (!diffs)
		return;
	kvfree(diffs->regions);
	kvfree(diffs);
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
		swap(replica->verify, *diffs);
		replica_resync_run(replica, REPLICA_WALK_VERIFY);
	}
	spin_unlock_irq(&replica->lock);
	return id;
}

static int verify_locked(struct replica *replica, u32 *job_id, const char **error)
{
	struct replica_diffs *diffs;
	bool busy;

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

	if (join_diff(diffs, at, sector, sectors) || at == ARRAY_SIZE(diffs->ranges))
		return;
	if (diffs->nr == ARRAY_SIZE(diffs->ranges))
		diffs->nr--;
	memmove(&diffs->ranges[at + 1], &diffs->ranges[at],
		(diffs->nr - at) * sizeof(diffs->ranges[0]));
	diffs->ranges[at].sector = sector;
	diffs->ranges[at].sectors = sectors;
	diffs->nr++;
}

/* The job under way and what it found so far, or NULL.  replica->lock held. */
static struct replica_job *verify_job(struct replica *replica)
{
	struct replica_job *job = __replica_job_current(replica);

	if (!job || job->type != DM_REPLICA_JOB_VERIFY || !replica->verify ||
	    replica->verify->job_id != job->id)
		return NULL;
	return job;
}

void replica_verify_found(struct replica *replica, sector_t sector, sector_t sectors)
{
	struct replica_diffs *diffs;
	struct replica_job *job;
	u64 region, last;

	spin_lock_irq(&replica->lock);
	job = verify_job(replica);
	if (job) {
		diffs = replica->verify;
		add_diff(diffs, sector, sectors);
		diffs->bytes += (u64)sectors << SECTOR_SHIFT;
		job->differs = diffs->bytes;
		last = (sector + sectors - 1) >> replica->region_shift;
		for (region = sector >> replica->region_shift; region <= last; region++)
			if (region < diffs->nr_regions)
				__set_bit(region, diffs->regions);
	}
	spin_unlock_irq(&replica->lock);
}

/*
 * What is found counts from here on.  A verify that could not see everything takes
 * nothing back that an earlier one found.  Return: upper bound of what differs, bytes.
 */
static u64 take_over(struct replica *replica, bool whole)
{
	struct replica_diffs *new = replica->verify, *old = replica->diffs;
	u64 size = (u64)replica->sectors << SECTOR_SHIFT;
	bool skewed = replica->skewed_bytes;
	bool known = !skewed || (old && old->nr_regions == new->nr_regions &&
					  old->job_id == replica->skewed_by);

	swap(replica->verify, replica->diffs);
	if (!whole && skewed && known)
		bitmap_or(new->regions, new->regions, old->regions, new->nr_regions);
	/* Found before a restart: which ones is not known any more. */
	if (!whole && !known) {
		replica->skewed_by = 0;
		return size;
	}
	replica->skewed_by = new->job_id;
	return min(size, (u64)bitmap_weight(new->regions, new->nr_regions) <<
		   (replica->region_shift + SECTOR_SHIFT));
}

void replica_verify_over(struct replica *replica, const char *trouble)
{
	spin_lock_irq(&replica->lock);
	if (verify_job(replica)) {
		u64 bytes = take_over(replica, !trouble);

		replica_resync_stop(replica);
		if (trouble)
			__replica_job_end(replica, DM_REPLICA_JOB_EXCEPTION,
					  REPLICA_RETURN_FAILED, trouble);
		else
			__replica_job_end(replica, DM_REPLICA_JOB_COMPLETED, 0, "");
		__replica_state_skew(replica, bytes);
	}
	spin_unlock_irq(&replica->lock);
}

static void mark_found(struct replica *replica)
{
	struct replica_diffs *diffs = replica->diffs;
	u64 region, nr;

	if (!diffs || diffs->job_id != replica->skewed_by) {
		replica_log_mark_all(replica->log);
		return;
	}
	nr = min(diffs->nr_regions, replica_log_regions(replica->log));
	for (region = find_first_bit(diffs->regions, nr); region < nr;
	     region = find_next_bit(diffs->regions, nr, region + 1))
		replica_log_mark(replica->log, region << replica->region_shift, 1);
}

void replica_verify_mark(struct replica *replica)
{
	/* From here on what was found changes no more: a new verify needs the mutex. */
	lockdep_assert_held(&replica->op_mutex);
	replica_state_end_verify(replica, "a resync was ordered");
	if (!READ_ONCE(replica->skewed_bytes))
		return;
	mark_found(replica);
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
