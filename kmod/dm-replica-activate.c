// SPDX-License-Identifier: GPL-2.0-only
/*
 * The meta device comes into use and goes out of it: format, recovery after a
 * crash, generations, the end in order, growing.
 *
 * Recovery, and why each point at which it can be cut off is safe.  What may
 * differ is read from bitmap and intents.  Then the bitmap gets the regions of the
 * intents as well and is written; only then the intents are emptied; only then
 * the superblock says that this activation is under way.  Until the last step
 * the device still says all that it said before, or more.
 */
#include <linux/bitmap.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uuid.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-intent-priv.h"

/*
 * Superblock.
 */

static void fill_settings(struct replica *replica, struct dm_replica_sb_settings *to)
{
	const struct replica_settings *from = &replica->settings;

	to->payload = from->payload;
	to->on_replica_error = from->on_replica_error;
	to->recovery = from->recovery;
	to->on_meta_error = from->on_meta_error;
	to->discard = replica->discard;
	to->resync_rate = cpu_to_le32(from->resync_rate);
	to->replica_timeout = cpu_to_le32(from->replica_timeout);
	to->overflow = from->overflow;
	to->queue_bytes = cpu_to_le32(from->queue_bytes);
	to->rpo = cpu_to_le32(from->rpo);
	to->max_skew = cpu_to_le32(from->max_skew);
	to->copy_priority = from->copy_priority;
	to->delta_ms = cpu_to_le32(from->delta_ms);
	to->read_only = replica->read_only ? DM_REPLICA_SB_READ_ONLY_SOURCE : 0;
	to->protect = from->protect;
}

/* replica->lock held.  Return: the flag when there is a job. */
static u16 fill_job(struct replica *replica, struct dm_replica_sb_job *to)
{
	const struct replica_job *job = __replica_job_current(replica);

	memset(to, 0, sizeof(*to));
	if (!job || job->type == DM_REPLICA_JOB_VERIFY)
		return 0;
	to->id = cpu_to_le32(job->id);
	to->type = cpu_to_le16(job->type);
	to->started_ms = cpu_to_le64(job->started_ms);
	to->bytes_total = cpu_to_le64(job->bytes_total);
	to->bytes_done = cpu_to_le64(job->bytes_done);
	to->elapsed_ms = cpu_to_le64(replica_job_elapsed_ms(job));
	return DM_REPLICA_SB_JOB;
}

/* What a restart begins with. */
static u16 state_to_keep(const struct replica *replica)
{
	/* Until the first resume the state is the one that was found. */
	if (replica->state == DM_REPLICA_STATE_INITIALIZED && replica->restored)
		return replica->restored;
	/* overflow fail: an order to resume ends it, and not a restart. */
	return replica->stopped ? DM_REPLICA_STATE_SUSPENDED : replica->state;
}

/* When the legs change places the guard is that of a leg which is the origin then. */
static bool says_whole(const struct replica_intents *intents, u16 flags)
{
	const struct replica *replica = intents->replica;
	const struct replica_guard_facts facts = {
		.whole = intents->planned ? intents->planned_whole : replica->whole,
		.protects = replica->settings.protect == DM_REPLICA_PROTECT_SNAPSHOT,
	};

	return !replica->clone &&
	       replica_guard_logs(intents->planned ? REPLICA_GUARD_OPEN : replica->guard, &facts,
				  flags & DM_REPLICA_SB_CLEAN);
}

/* Then the moment that the replica is a copy of is yet to come; or it is not known. */
static bool in_step(const struct replica_intents *intents)
{
	const struct replica *replica = intents->replica;

	if (intents->planned)
		return intents->planned == DM_REPLICA_STATE_SYNCHRONIZED;
	return replica->state == DM_REPLICA_STATE_SYNCHRONIZED || !replica->last_consistent;
}

/* replica->lock held.  Return: the flag when the replica is whole. */
static u16 fill_whole(struct replica_intents *intents, u16 flags)
{
	struct dm_replica_superblock *sb = intents->meta->sb;
	const struct replica *replica = intents->replica;
	bool whole = says_whole(intents, flags);
	ktime_t age = 0;

	if (intents->whole != (whole ? REPLICA_LOG_WHOLE : REPLICA_LOG_NOT_WHOLE))
		WRITE_ONCE(intents->whole, REPLICA_LOG_UNCERTAIN);
	sb->whole_ms = 0;
	if (!whole || in_step(intents))
		return whole ? DM_REPLICA_SB_WHOLE : 0;
	if (!intents->planned)
		age = ktime_sub(ktime_get(), replica->last_consistent);
	sb->whole_ms = cpu_to_le64(ktime_to_ms(ktime_sub(ktime_get_real(), age)));
	return DM_REPLICA_SB_WHOLE;
}

static u16 fill_state(struct replica *replica, struct dm_replica_superblock *sb, u16 with)
{
	const struct replica_intents *intents = replica->intents;
	u16 flags;

	spin_lock_irq(&replica->lock);
	sb->state = cpu_to_le16(intents->planned ?: state_to_keep(replica));
	sb->mode = cpu_to_le16(replica->mode);
	sb->established_ms = cpu_to_le64(replica->when_established_ms);
	sb->synced_ms = cpu_to_le64(replica->when_synced_ms);
	sb->suspended_ms = cpu_to_le64(replica->when_suspended_ms);
	sb->next_job_id = cpu_to_le32(replica->next_job_id);
	flags = fill_job(replica, &sb->job) | fill_whole(replica->intents, with);
	if (replica->skewed_bytes)
		flags |= DM_REPLICA_SB_SKEWED;
	if (intents->planned ? intents->planned_back : replica->swap_back)
		flags |= DM_REPLICA_SB_SWAP_BACK;
	spin_unlock_irq(&replica->lock);
	return flags;
}

static u16 fill_labels(struct replica_intents *intents)
{
	struct dm_replica_superblock *sb = intents->meta->sb;
	u16 flags = 0;

	if (intents->meta->label_sector)
		flags |= DM_REPLICA_SB_LABEL;
	if (intents->label_pending)
		flags |= DM_REPLICA_SB_PENDING;
	sb->label_sector = cpu_to_le64(intents->meta->label_sector);
	sb->origin_label_sector = cpu_to_le64(intents->meta->origin_label_sector);
	if (sb->origin_label_sector || sb->swaps)
		sb->incompat |= cpu_to_le64(DM_REPLICA_FEATURE_INCOMPAT_ROLES);
	return flags;
}

int replica_intents_write_sb(struct replica_intents *intents, u16 flags)
{
	struct replica *replica = intents->replica;
	struct dm_replica_superblock *sb = intents->meta->sb;
	int r;

	if (replica_meta_busy(intents->meta))
		return -EBUSY;
	flags |= fill_state(replica, sb, flags) | fill_labels(intents);
	/* A version that does not know this state would copy everything, unasked. */
	if (sb->state == cpu_to_le16(DM_REPLICA_STATE_PREPARED))
		sb->incompat |= cpu_to_le64(DM_REPLICA_FEATURE_INCOMPAT_ROLES);
	fill_settings(replica, &sb->settings);
	if (replica->name[0])
		strscpy_pad((char *)sb->name, replica->name, sizeof(sb->name));
	sb->flags = cpu_to_le16(flags);
	r = replica_meta_write_sb(intents->meta);
	if (!r)
		WRITE_ONCE(intents->whole, flags & DM_REPLICA_SB_WHOLE ? REPLICA_LOG_WHOLE :
									 REPLICA_LOG_NOT_WHOLE);
	return r;
}

/*
 * Reading the log.
 */

static void mark_unit(struct replica_intents *intents, u64 first, const u8 *bitmap)
{
	struct replica *replica = intents->replica;
	u64 region, end = min(first + DM_REPLICA_BITS_PER_SECTOR, replica->log->nr_regions);

	for (region = first; region < end; region++) {
		u32 bit = region - first;

		if (bitmap && !bitmap[bit / 8]) {
			region |= 7;
			continue;
		}
		if (!bitmap || bitmap[bit / 8] & (1 << (bit % 8)))
			replica_log_mark(replica->log, region << replica->region_shift, 1);
	}
}

/* Return: log sectors that were damaged. */
static unsigned int read_bitmap(struct replica_intents *intents)
{
	struct replica_meta *meta = intents->meta;
	u64 region, nr = intents->replica->log->nr_regions;
	unsigned int damaged = 0;

	for (region = 0; region < nr; region += DM_REPLICA_BITS_PER_SECTOR) {
		unsigned int block, unit;
		struct dm_replica_log_sector *sector;

		sector = replica_meta_bitmap_sector(meta, region, &block);
		unit = (u32)region / DM_REPLICA_BITS_PER_SECTOR % DM_REPLICA_LOG_SECTORS_PER_BLOCK;
		if (replica_meta_sector_good(meta, block, unit)) {
			mark_unit(intents, region, sector->bitmap);
			continue;
		}
		mark_unit(intents, region, NULL);
		damaged++;
	}
	return damaged;
}

static bool read_intent(struct replica_intents *intents, u32 slot)
{
	struct replica *replica = intents->replica;
	struct dm_replica_log_sector *sector;
	unsigned int block;
	u32 region;

	sector = replica_meta_intent_sector(intents->meta, slot, &block);
	region = le32_to_cpu(sector->intents[slot % DM_REPLICA_INTENTS_PER_SECTOR]);
	if (region == DM_REPLICA_INTENT_NONE)
		return true;
	if (region >= replica->log->nr_regions)
		return false;
	replica_log_mark(replica->log, (sector_t)region << replica->region_shift, 1);
	return true;
}

/* Return: true when they are all readable. */
static bool read_intents(struct replica_intents *intents)
{
	struct replica_meta *meta = intents->meta;
	bool good = true;
	u32 slot;

	for (slot = 0; slot < intents->activity; slot++) {
		u32 unit = slot / DM_REPLICA_INTENTS_PER_SECTOR;

		if (slot % DM_REPLICA_INTENTS_PER_SECTOR == 0)
			good &= replica_meta_sector_good(meta, unit /
							 DM_REPLICA_LOG_SECTORS_PER_BLOCK, unit %
							 DM_REPLICA_LOG_SECTORS_PER_BLOCK);
		if (good)
			good = read_intent(intents, slot);
	}
	return good;
}

void replica_intents_everything(struct replica_intents *intents)
{
	intents->everything = true;
	replica_log_mark_all(intents->replica->log);
}

static void recover(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;
	u16 flags = le16_to_cpu(intents->meta->sb->flags);
	unsigned int damaged = read_bitmap(intents);

	if (damaged)
		DMWARN("%s: %u sectors of the dirty bitmap are damaged", replica->name, damaged);
	intents->everything = damaged;
	if (!(flags & DM_REPLICA_SB_CLEAN) && !read_intents(intents)) {
		DMWARN("%s: the intents are damaged: everything is copied", replica->name);
		replica_intents_everything(intents);
	}
	if (flags & DM_REPLICA_SB_LOST) {
		DMWARN("%s: the meta device had failed: everything is copied", replica->name);
		replica_intents_everything(intents);
	}
}

/* Images of what the log in memory says, without intents; those that changed are urgent. */
static int rewrite(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;
	u64 region;
	u32 slot;
	int r;

	for (slot = 0; slot < intents->meta->nr_blocks; slot++)
		memset(page_address(intents->meta->blocks[slot]), 0, DM_REPLICA_BLOCK_SIZE);
	bitmap_set(intents->meta->urgent, intents->meta->geometry.intent_blocks,
		   intents->meta->geometry.bitmap_blocks);
	for (region = replica_log_next_dirty(log, 0); region < log->nr_regions;
	     region = replica_log_next_dirty(log, region + 1))
		replica_intents_set_bit(intents, region, true);
	r = replica_meta_write_log(intents->meta, false);
	if (r)
		return r;
	for (slot = 0; slot < intents->meta->geometry.intent_blocks; slot++)
		memset(page_address(intents->meta->blocks[slot]), 0xff, DM_REPLICA_BLOCK_SIZE);
	bitmap_set(intents->meta->urgent, 0, intents->meta->geometry.intent_blocks);
	r = replica_meta_write_log(intents->meta, false);
	bitmap_copy(log->active, intents->on_disk, log->nr_regions);
	return r;
}

/* The device says already what the log in memory does, and has no intents. */
static bool is_as_it_was(struct replica_intents *intents, bool made, u16 flags)
{
	u64 before = replica_log_dirty_regions(intents->replica->log);

	/* An intent under CLEAN means nothing, and must not be sealed again as if it did. */
	return !made && flags & DM_REPLICA_SB_CLEAN && !before && read_intents(intents) &&
	       !replica_log_dirty_regions(intents->replica->log);
}

/*
 * Opening.
 */

char *replica_intents_too_small(struct block_device *bdev, u64 sectors, u32 region_sectors,
				u32 activity)
{
	struct replica_geometry geometry;

	replica_geometry_make(&geometry, sectors, region_sectors, activity);
	if (geometry.blocks * (DM_REPLICA_BLOCK_SIZE >> SECTOR_SHIFT) <= bdev_nr_sectors(bdev))
		return NULL;
	return "meta device is too small for a log of this size";
}

static void make_superblock(struct replica *replica, const struct replica_params *params,
			    struct dm_replica_superblock *sb)
{
	struct replica_geometry geometry;
	uuid_t uuid;

	replica_geometry_make(&geometry, replica->sectors, params->region_sectors,
			      params->activity);
	uuid_gen(&uuid);
	replica_sb_make(sb, &geometry, (const u8 *)&uuid);
	sb->created_ms = cpu_to_le64(ktime_to_ms(ktime_get_real()));
	sb->state = cpu_to_le16(DM_REPLICA_STATE_INITIALIZED);
	if (params->clone)
		sb->incompat = cpu_to_le64(DM_REPLICA_FEATURE_INCOMPAT_CLONE);
}

static struct replica_intents *make_intents(struct replica *replica)
{
	struct replica_intents *intents = kzalloc(sizeof(*intents), GFP_KERNEL);

	if (!intents)
		return NULL;
	intents->replica = replica;
	intents->wq = replica->log_wq;
	mutex_init(&intents->mutex);
	INIT_DELAYED_WORK(&intents->work, replica_intents_work);
	bio_list_init(&intents->waiting);
	intents->stopped = true;
	intents->last_tick = jiffies;
	intents->label_retry = jiffies;
	return intents;
}

static int allocate(struct replica_intents *intents)
{
	struct replica_log *log = intents->replica->log;

	intents->slots = kvmalloc_array(intents->activity, sizeof(u32), GFP_KERNEL);
	intents->victims = kvmalloc_array(intents->activity, sizeof(u32), GFP_KERNEL);
	intents->slotted = kvcalloc(BITS_TO_LONGS(log->nr_regions), sizeof(long), GFP_KERNEL);
	intents->on_disk = kvcalloc(BITS_TO_LONGS(log->nr_regions), sizeof(long), GFP_KERNEL);
	if (!intents->slots || !intents->victims || !intents->slotted || !intents->on_disk ||
	    replica_log_make_durable(log))
		return -ENOMEM;
	memset(intents->slots, 0xff, intents->activity * sizeof(u32));
	return 0;
}

/* A copy of which moment, if the log knows; the log had not failed before it ended. */
static void restore_whole(struct replica *replica, const struct dm_replica_superblock *sb)
{
	u16 flags = le16_to_cpu(sb->flags);
	s64 age_ms = ktime_to_ms(ktime_get_real()) - le64_to_cpu(sb->whole_ms);

	replica->intents->whole = flags & DM_REPLICA_SB_WHOLE ? REPLICA_LOG_WHOLE :
								REPLICA_LOG_NOT_WHOLE;
	replica->whole = flags & DM_REPLICA_SB_WHOLE && !(flags & DM_REPLICA_SB_LOST) &&
			 !replica->clone;
	if (replica->whole && sb->whole_ms && age_ms >= 0)
		replica->last_consistent = ktime_sub_ms(ktime_get(), age_ms);
}

static void restore(struct replica *replica, const struct dm_replica_superblock *sb, bool first)
{
	restore_whole(replica, sb);
	/* Whatever the table line says about equal legs: there is a log now. */
	replica->restored = le16_to_cpu(sb->state);
	if (replica->restored > DM_REPLICA_STATE_SKEWED ||
	    (!first && replica->restored == DM_REPLICA_STATE_INITIALIZED))
		replica->restored = DM_REPLICA_STATE_UNSYNCHRONIZED;
	/* Cut off before the failback had begun: another order may come now. */
	replica->swap_back = le16_to_cpu(sb->flags) & DM_REPLICA_SB_SWAP_BACK &&
			     replica->restored != DM_REPLICA_STATE_FAILEDOVER;
	replica->swaps = le32_to_cpu(sb->swaps);
	/*
	 * Which regions is not remembered: a resync that is ordered copies all of them.
	 * One that does so now leaves nothing of what was found.
	 */
	replica->skewed_bytes = 0;
	if ((le16_to_cpu(sb->flags) & DM_REPLICA_SB_SKEWED ||
	     replica->restored == DM_REPLICA_STATE_SKEWED) &&
	    replica_log_dirty_regions(replica->log) < replica_log_regions(replica->log))
		replica->skewed_bytes = (u64)replica->sectors << SECTOR_SHIFT;
	replica->next_job_id = max(le32_to_cpu(sb->next_job_id), replica->next_job_id);
	if (le64_to_cpu(sb->established_ms))
		replica->when_established_ms = le64_to_cpu(sb->established_ms);
	replica->when_synced_ms = le64_to_cpu(sb->synced_ms);
	replica->when_suspended_ms = le64_to_cpu(sb->suspended_ms);
	if (le16_to_cpu(sb->flags) & DM_REPLICA_SB_JOB && le32_to_cpu(sb->job.id) &&
	    replica_job_is_copy(le16_to_cpu(sb->job.type)))
		replica_job_restore(replica, le32_to_cpu(sb->job.id), le16_to_cpu(sb->job.type),
				    le64_to_cpu(sb->job.started_ms),
				    le64_to_cpu(sb->job.bytes_done),
				    le64_to_cpu(sb->job.elapsed_ms));
}

/*
 * What is to be copied is not guessed: a region copied twice may be of two instants.  The
 * superblock says so before the log, which is what tells of the damage, is written anew.
 */
static int note_loss(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;

	DMERR("%s: the point in time of the clone is lost", replica->name);
	replica->restored = DM_REPLICA_STATE_ABORTED;
	return replica_intents_write_sb(intents, 0);
}

static void restore_clone(struct replica *replica)
{
	replica->skewed_bytes = 0;
	replica_clone_opened(replica, replica->restored == DM_REPLICA_STATE_ABORTED);
}

/*
 * The superblock is good, or @made just now; the log in memory is clean.  The tool
 * makes superblocks too, with the log that belongs to them, and leaves the first
 * activation to us.
 */
#define OTHER_SWAPS		\
	"feature swaps and the log differ: the legs have changed places since the line was written"
#define NEEDS_SWAPS		\
	"the legs have changed places, and no label tells which is which: the line needs the feature swaps, as dmsetup table shows it"

/* Whoever writes a line by hand may not know; where there is a label it says so too. */
static const char *judge_swaps(struct replica_intents *intents,
			       const struct replica_params *params)
{
	u32 swaps = le32_to_cpu(intents->meta->sb->swaps);

	if (params->swaps_given && params->swaps != swaps)
		return OTHER_SWAPS;
	if (swaps && !params->swaps_given && !replica_meta_has_label(intents->meta))
		return NEEDS_SWAPS;
	return NULL;
}

static int take_into_use(struct replica_intents *intents, bool made,
			 const struct replica_params *params, const char **error)
{
	struct replica *replica = intents->replica;
	u16 flags = le16_to_cpu(intents->meta->sb->flags);
	bool first = !intents->meta->sb->activation;
	const char *why;
	int r = 0;

	if (!made) {
		r = replica_meta_read_log(intents->meta);
		if (r) {
			*error = "meta device cannot be read";
			return r;
		}
		recover(intents);
	} else if (!params->sync_skip) {
		replica_log_mark_all(replica->log);
	}
	why = judge_swaps(intents, params) ?: replica_label_check(intents, first);
	if (!why && replica->clone && intents->label_unread)
		why = "the label of the replica cannot be read: a clone does not go on without";
	if (why && !params->stale_accept) {
		*error = why;
		return -ESTALE;
	}
	if (why) {
		DMWARN("%s: %s; accepted, everything is copied", replica->name, why);
		replica_log_mark_all(replica->log);
		replica_label_replace(intents);
		/* A new line of generations, which begins here. */
		memset(intents->meta->sb->history, 0, sizeof(intents->meta->sb->history));
		intents->meta->sb->generation = 0;
		/* Nor was this replica ever in step, or to become the origin. */
		intents->meta->sb->synced_ms = 0;
		intents->meta->sb->flags &= cpu_to_le16((u16)~(DM_REPLICA_SB_SWAP_BACK |
							       DM_REPLICA_SB_WHOLE));
	}
	restore(replica, intents->meta->sb, first);
	if (replica->clone && intents->everything)
		r = note_loss(intents);
	if (!r && !is_as_it_was(intents, made, flags))
		r = rewrite(intents);
	if (!r && replica->clone)
		restore_clone(replica);
	if (!r)
		r = replica_label_begin(intents);
	if (r)
		*error = "meta device cannot be written";
	return r;
}

/* Return: 1 when there was none and @sb was made, 0 when there is one, or an errno. */
static int find_superblock(struct replica *replica, struct block_device *bdev,
			   const struct replica_params *params,
			   struct dm_replica_superblock *sb, const char **error)
{
	int verdict = replica_meta_peek(bdev, sb);
	struct replica_geometry geometry;

	if (verdict < 0) {
		*error = "meta device cannot be read";
		return verdict;
	}
	if (verdict == REPLICA_BLOCK_ZERO) {
		make_superblock(replica, params, sb);
		return 1;
	}
	if (verdict != REPLICA_BLOCK_GOOD) {
		*error = replica_verdict_sentence(verdict);
		return -EINVAL;
	}
	*error = replica_role_sentence(sb, replica->clone);
	if (*error)
		return -EINVAL;
	replica_geometry_read(&geometry, sb);
	if (geometry.blocks * (DM_REPLICA_BLOCK_SIZE >> SECTOR_SHIFT) > bdev_nr_sectors(bdev)) {
		*error = "meta device is smaller than its log";
		return -EINVAL;
	}
	if (le64_to_cpu(sb->sectors) != replica->sectors ||
	    le32_to_cpu(sb->region_sectors) != 1U << replica->region_shift) {
		*error = "meta device holds a log of another size";
		return -EINVAL;
	}
	return 0;
}

/* Status looks at it at any time. */
static void publish(struct replica *replica, struct replica_intents *intents)
{
	spin_lock_irq(&replica->lock);
	replica->intents = intents;
	spin_unlock_irq(&replica->lock);
}

static int open_with(struct replica *replica, struct block_device *bdev,
		     const struct replica_params *params, struct dm_replica_superblock *sb,
		     const char **error)
{
	struct replica_intents *intents;
	int made = find_superblock(replica, bdev, params, sb, error);
	int r;

	if (made < 0)
		return made;
	*error = "not enough memory for the log";
	intents = make_intents(replica);
	if (!intents)
		return -ENOMEM;
	intents->meta = replica_meta_create(replica, bdev, sb);
	if (!intents->meta) {
		kfree(intents);
		return -ENOMEM;
	}
	publish(replica, intents);
	intents->activity = intents->meta->geometry.activity;
	/* Greater than any that was used before. */
	intents->meta->label_sector = le64_to_cpu(sb->label_sector);
	intents->meta->origin_label_sector = replica_sb_origin_label(sb);
	intents->meta->seq = (le64_to_cpu(sb->activation) + 1) << 32;
	r = allocate(intents) ?: take_into_use(intents, made, params, error);
	if (r)
		return r;
	intents->stopped = false;
	queue_delayed_work(intents->wq, &intents->work, 0);
	return 0;
}

int replica_intents_open(struct replica *replica, struct block_device *bdev,
			 const struct replica_params *params, const char **error)
{
	struct dm_replica_superblock *sb = kmalloc(sizeof(*sb), GFP_KERNEL);
	int r;

	if (!sb) {
		*error = "not enough memory for the log";
		return -ENOMEM;
	}
	r = open_with(replica, bdev, params, sb, error);
	kfree(sb);
	return r;
}

/*
 * Suspend, resume, end.
 */

void replica_intents_suspend(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;
	int r;

	if (!intents)
		return;
	mutex_lock(&intents->mutex);
	intents->stopped = true;
	mutex_unlock(&intents->mutex);
	cancel_delayed_work_sync(&intents->work);
	mutex_lock(&intents->mutex);
	replica_origin_mark_lost(replica);
	if (!intents->failed) {
		r = replica_intents_empty(intents);
		if (!r)
			r = replica_intents_write_sb(intents, intents->nr_used ||
						     atomic_read(&replica->leg_commands) ?
						     0 : DM_REPLICA_SB_CLEAN);
		if (r)
			replica_intents_fail(intents, r);
	}
	mutex_unlock(&intents->mutex);
}

void replica_intents_resume(struct replica *replica, struct block_device *bdev)
{
	struct replica_intents *intents = replica->intents;
	int r;

	if (!intents)
		return;
	mutex_lock(&intents->mutex);
	intents->meta->bdev = bdev;
	if (!intents->failed) {
		/* Whatever is written from now on is not covered by CLEAN. */
		r = replica_intents_write_sb(intents, 0);
		if (r)
			replica_intents_fail(intents, r);
	}
	intents->stopped = false;
	intents->last_tick = jiffies;
	queue_delayed_work(intents->wq, &intents->work, 0);
	mutex_unlock(&intents->mutex);
}

bool replica_intents_busy(struct replica *replica)
{
	return replica->intents && replica->intents->meta &&
	       replica_meta_any_busy(replica->intents->meta);
}

void replica_intents_destroy(struct replica *replica)
{
	struct replica_intents *intents = replica->intents;

	if (!intents)
		return;
	cancel_delayed_work_sync(&intents->work);
	publish(replica, NULL);
	replica_meta_destroy(intents->meta);
	kvfree(intents->slots);
	kvfree(intents->victims);
	kvfree(intents->slotted);
	kvfree(intents->on_disk);
	kfree(intents);
}

/*
 * Growing.
 */

static unsigned long *longer(const unsigned long *from, u64 bits, u64 more)
{
	unsigned long *to = kvcalloc(BITS_TO_LONGS(more), sizeof(long), GFP_KERNEL);

	if (to)
		bitmap_copy(to, from, bits);
	return to;
}

static int grow_bits(struct replica_intents *intents, struct replica_log *log, u64 before)
{
	unsigned long *slotted = longer(intents->slotted, before, log->nr_regions);
	unsigned long *on_disk = longer(intents->on_disk, before, log->nr_regions);

	if (!slotted || !on_disk || replica_log_make_durable(log)) {
		kvfree(slotted);
		kvfree(on_disk);
		return -ENOMEM;
	}
	swap(slotted, intents->slotted);
	swap(on_disk, intents->on_disk);
	kvfree(slotted);
	kvfree(on_disk);
	intents->nr_on_disk = bitmap_weight(intents->on_disk, log->nr_regions);
	return 0;
}

/* What the larger log calls dirty, on the device before the superblock speaks of it. */
static int write_grown(struct replica_intents *intents, struct replica_log *log)
{
	struct replica_meta *meta = intents->meta;
	u64 region;

	for (region = replica_log_next_dirty(log, 0); region < log->nr_regions;
	     region = replica_log_next_dirty(log, region + 1))
		replica_intents_set_bit(intents, region, true);
	bitmap_copy(log->active, intents->on_disk, log->nr_regions);
	bitmap_set(meta->stale, meta->geometry.intent_blocks, meta->geometry.bitmap_blocks);
	return replica_meta_write_log(meta, true);
}

/* The device has grown over its label: another one comes before the superblock does. */
static void move_label(struct replica_intents *intents)
{
	struct replica_meta *meta = intents->meta;

	if ((!meta->label_sector || meta->label_sector >= meta->geometry.sectors) &&
	    (!meta->origin_label_sector || meta->origin_label_sector >= meta->geometry.sectors))
		return;
	replica_label_replace(intents);
	if (replica_meta_has_label(meta) && replica_meta_write_label(meta)) {
		DMWARN("%s: the legs have no labels from here on", intents->replica->name);
		meta->label_sector = 0;
		meta->origin_label_sector = 0;
	}
}

static int grow_to(struct replica_intents *intents, struct replica_log *log,
		   const struct replica_geometry *geometry, const char **error)
{
	struct replica_meta *meta = intents->meta;
	int r;

	*error = "not enough memory for the larger log";
	r = replica_meta_set_geometry(meta, geometry) ?:
	    grow_bits(intents, log, intents->replica->log->nr_regions);
	if (r)
		return r;
	meta->sb->sectors = cpu_to_le64(geometry->sectors);
	meta->sb->bitmap_blocks = cpu_to_le32(geometry->bitmap_blocks);
	if (intents->failed) {
		/* All of it is written when the meta device works again. */
		bitmap_fill(log->active, log->nr_regions);
		return 0;
	}
	*error = "meta device cannot be written";
	r = write_grown(intents, log);
	if (r)
		return r;
	move_label(intents);
	return replica_intents_write_sb(intents, intents->nr_used ? 0 : DM_REPLICA_SB_CLEAN);
}

int replica_intents_grow(struct replica *replica, struct replica_log *log, const char **error)
{
	struct replica_intents *intents = replica->intents;
	struct replica_geometry geometry;
	int r = -ENOSPC;

	mutex_lock(&intents->mutex);
	*error = "meta device has no room for the log of a larger device";
	if (replica_geometry_grow(&geometry, &intents->meta->geometry, log->sectors) &&
	    geometry.blocks * (DM_REPLICA_BLOCK_SIZE >> SECTOR_SHIFT) <=
	    bdev_nr_sectors(intents->meta->bdev))
		r = grow_to(intents, log, &geometry, error);
	mutex_unlock(&intents->mutex);
	return r;
}
