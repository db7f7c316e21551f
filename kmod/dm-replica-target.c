// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device-mapper target: suspend and resume, adoption of an older table's
 * association, limits.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-meta.h"
#include "dm-replica-offload.h"
#include "dm-replica-protect.h"
#include "dm-replica-queue.h"
#include "dm-replica-target.h"

/*
 * Life of an association.
 */

/* Guards rt->replica where a status or message meets an adoption.  Innermost. */
static DEFINE_SPINLOCK(adoption_lock);

struct replica *replica_target_get(struct replica_target *rt)
{
	struct replica *replica;

	spin_lock(&adoption_lock);
	replica = rt->replica;
	replica_get(replica);
	spin_unlock(&adoption_lock);
	return replica;
}

void replica_target_swap(struct replica_target *rt, u32 swaps)
{
	spin_lock(&adoption_lock);
	swap(rt->origin, rt->copy);
	WRITE_ONCE(rt->replica->swaps, swaps);
	spin_unlock(&adoption_lock);
}

static void raise_simple(struct replica *replica, u16 type)
{
	struct replica_event event = {
		.type = type,
		.state = READ_ONCE(replica->state),
	};

	replica_event_raise(replica, &event);
}

/* From here on events go to this table, or to none. */
static void set_table(struct replica *replica, struct dm_table *table)
{
	mutex_lock(&replica->table_mutex);
	replica->table = table;
	mutex_unlock(&replica->table_mutex);
}

/*
 * Requests that nobody waits for are still out: keep the devices open until they
 * come back, and remember that some may still reach the replica.
 */
static void orphan(struct replica *replica)
{
	replica->open_origin = compat_open_bdev(replica->origin_dev);
	replica->open_replica = compat_open_bdev(replica->replica_dev);
	if (replica_intents_busy(replica))
		replica->open_meta = compat_open_bdev(replica->meta_dev);
	replica_registry_add_orphan(replica);
}

/* Take the association off its mapped device.  No I/O but what nobody waits for. */
static void retire(struct replica *replica)
{
	/* The name that is told is the one that the mapped device has now. */
	replica_registry_name(replica, NULL, NULL);
	mutex_lock(&replica->op_mutex);
	spin_lock_irq(&replica->lock);
	WRITE_ONCE(replica->md, NULL);
	spin_unlock_irq(&replica->lock);
	replica->owner = NULL;
	mutex_unlock(&replica->op_mutex);
	/* No barrier is taken on without a mapped device. */
	replica_confirm_cancel(replica);
	cancel_delayed_work_sync(&replica->back_work);
	replica_registry_remove(replica);
	/* Only now: whoever hears it must not find the replica, and wait for another event. */
	replica_event_removed(replica);
	set_table(replica, NULL);
	if (atomic_read(&replica->detached) || atomic_read(&replica->asked_origin) ||
	    atomic_read(&replica->leg_commands) || replica_intents_busy(replica))
		orphan(replica);
}

static void replica_dtr(struct dm_target *ti)
{
	struct replica_target *rt = ti->private;

	if (rt->replica->owner == rt)
		retire(rt->replica);
	else if (!rt->replica->owner && replica_intents_busy(rt->replica))
		orphan(rt->replica);	/* an activation that failed */
	replica_target_put(ti, rt);
}

/* The log follows a device of another size.  old->op_mutex held. */
static int adopt_size(struct replica *old, struct replica *fresh)
{
	const char *error;
	int r;

	if (old->sectors == fresh->sectors)
		return 0;
	if (old->clone) {
		DMERR("%s: a clone keeps the size of its point in time", old->name);
		return -EINVAL;
	}
	replica_log_import(fresh->log, old->log);
	if (old->intents) {
		r = replica_intents_grow(old, fresh->log, &error);
		if (r) {
			DMERR("%s: %s (%d)", old->name, error, r);
			return r;
		}
	}
	replica_state_end_verify(old, "the device has another size now");
	spin_lock_irq(&old->lock);
	/* An update under way is begun anew: what is frozen is that of the other log. */
	__replica_delta_restart(old);
	swap(old->log, fresh->log);
	old->sectors = fresh->sectors;
	replica_resync_resized(old);
	spin_unlock_irq(&old->lock);
	return 0;
}

/*
 * What is new is of no point in time, whenever the next update is due.  Where updates end with
 * this table what they leave is carried when it is resumed, as the settings of now want it.
 */
static void carry_grown(struct replica *old)
{
	lockdep_assert_held(&old->op_mutex);
	if (replica_delta_on(old) && old->settings.delta_ms)
		replica_resync_start(old, REPLICA_VERIFY_STATES, DM_REPLICA_JOB_RESYNC,
				     REPLICA_WALK_COPY, "device was grown");
}

/* The association of the table that this one replaces goes on with our parameters. */
static int adopt(struct replica_target *rt, struct replica *old)
{
	struct replica *fresh = rt->replica;
	bool grows;
	int r;

	mutex_lock(&old->op_mutex);
	grows = old->sectors != fresh->sectors;
	r = adopt_size(old, fresh);
	if (r) {
		mutex_unlock(&old->op_mutex);
		return r;
	}
	old->settings = rt->params.settings;
	old->discard = rt->params.discard;
	old->read_only = rt->params.read_only;
	rt->params.offload = replica_offload_adopt(old, rt->params.offload);
	old->owner = rt;
	if (old->mode != rt->params.mode) {
		WRITE_ONCE(old->mode, rt->params.mode);
		replica_queue_set_mode(old);
	}
	replica_queue_refresh(old);
	replica_state_refresh(old);
	if (grows)
		carry_grown(old);
	mutex_unlock(&old->op_mutex);
	set_table(old, rt->ti->table);

	spin_lock(&adoption_lock);
	rt->replica = old;
	spin_unlock(&adoption_lock);
	replica_put(fresh);
	raise_simple(old, DM_REPLICA_EVENT_SETTINGS);
	return 0;
}

static void introduce(struct replica_target *rt, struct mapped_device *md)
{
	struct replica *replica = rt->replica;

	replica->dev = disk_devt(dm_disk(md));
	replica->owner = rt;
	WRITE_ONCE(replica->md, md);
	set_table(replica, rt->ti->table);
	if (!replica->when_established_ms)
		replica->when_established_ms = ktime_to_ms(ktime_get_real());
	replica_registry_add(replica);
	replica_registry_name(replica, NULL, NULL);
	raise_simple(replica, DM_REPLICA_EVENT_ADDED);
}

/* An association with other legs or regions: nothing of it is taken over. */
static void replace(struct replica_target *rt, struct replica *old)
{
	retire(old);
	replica_event_continue(rt->replica, old);
	replica_put(old);
}

static void disbelieve(struct replica_target *rt)
{
	rt->params.sync_skip = false;
	rt->replica->sync_skip = false;
}

/* Are the legs equal for all that is known? */
static bool believable(struct replica *old)
{
	return !old->clone && !replica_delta_behind(old) &&
	       READ_ONCE(old->state) == DM_REPLICA_STATE_SYNCHRONIZED &&
	       !atomic_read(&old->leg_commands) && !replica_durable_doubt(&old->on_origin) &&
	       !replica_log_dirty_regions(old->log);
}

/* What the I/O path needs to know of the devices, which a new table opens anew. */
static void set_devices(struct replica_target *rt)
{
	struct replica *replica = rt->replica;

	replica->origin_bdev = rt->origin->bdev;
	replica->replica_bdev = rt->copy->bdev;
	replica->origin_volatile = !rt->params.clone && bdev_write_cache(rt->origin->bdev);
	replica->replica_volatile = bdev_write_cache(rt->copy->bdev);
}

/*
 * What the origin has in a volatile cache belongs to the instant of a clone: a power cut
 * must not take it away while what is not copied yet is read from there.  Otherwise it is as if
 * it had been written just now: nobody knows what is there until a flush has ended well.
 */
static int settle_origin(struct replica_target *rt)
{
	struct block_device *origin = rt->origin->bdev;
	struct replica *replica = rt->replica;
	int r = 0;

	if (replica->origin_volatile)
		replica_durable_note(&replica->on_origin, 0, replica->sectors);
	if (rt->params.clone && bdev_write_cache(origin))
		r = blkdev_issue_flush(origin);
	if (r)
		DMERR("origin could not be flushed (%d): it has no instant to be cloned", r);
	return r;
}

/* The log of a new association.  On failure nothing has changed but the device. */
static int open_log(struct replica_target *rt, struct mapped_device *md)
{
	struct replica *replica = rt->replica;
	const char *error;
	int r;

	if (!rt->meta) {
		/* Nothing is known to be equal until it has been copied. */
		if (!replica->sync_skip)
			replica_log_mark_all(replica->log);
		return 0;
	}
	if (replica_intents_busy(replica)) {
		DMERR("%s: meta device has not yet returned earlier requests", replica->name);
		return -EBUSY;
	}
	/* Left by an attempt that failed. */
	replica_intents_destroy(replica);
	dm_copy_name_and_uuid(md, replica->name, replica->uuid);
	r = replica_intents_open(replica, rt->meta->bdev, &rt->params, &error);
	if (r)
		DMERR("%s: %s (%d)", replica->name, error, r);
	return r;
}

static int preresume_new(struct replica_target *rt, struct mapped_device *md,
			 struct replica *old)
{
	int r;

	if (old && rt->params.sync_skip && !believable(old)) {
		DMWARN("%s: sync skip is not believed, the legs were not equal", old->name);
		disbelieve(rt);
	}
	set_devices(rt);
	r = settle_origin(rt) ?: open_log(rt, md);
	if (r)
		return r;
	if (old)
		replace(rt, old);
	introduce(rt, md);
	return 0;
}

static int preresume_adopt(struct replica_target *rt, struct replica *old)
{
	int r = adopt(rt, old);

	if (r)
		return r;
	set_devices(rt);
	if (rt->meta)
		replica_intents_resume(rt->replica, rt->meta->bdev);
	return 0;
}

static int preresume_first(struct dm_target *ti, struct replica_target *rt)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	bool crossed = false;
	struct replica *old;
	int r;

	if (replica_target_in_other(ti, rt)) {
		DMERR("%s: a leg was taken by another replica meanwhile",
		      dm_table_device_name(ti->table));
		return -EBUSY;
	}

	old = replica_registry_find_dev(disk_devt(dm_disk(md)));
	if (old && replica_target_crossed(old, rt->replica->origin_dev, rt->replica->replica_dev)) {
		/* Loaded before a swap, and resumed after it. */
		replica_target_swap(rt, old->swaps);
		swap(rt->replica->origin_dev, rt->replica->replica_dev);
		crossed = true;
	}
	if (old && replica_target_can_adopt(old, rt->replica)) {
		r = preresume_adopt(rt, old);
	} else if (crossed) {
		DMERR("%s: the legs have changed places since this table was loaded", old->name);
		r = -EINVAL;
	} else if (replica_target_owed(old, rt->replica)) {
		DMERR("%s: a leg has not yet returned requests that were given up",
		      dm_table_device_name(ti->table));
		r = -EBUSY;
	} else {
		r = preresume_new(rt, md, old);
	}
	rt->resumed = !r;
	if (!r) {
		replica_news_send(rt->came);
		rt->came = NULL;
	} else if (old) {
		/* It goes with its table now, and the next resume cannot ask it. */
		disbelieve(rt);
		replica_put(old);
	}
	return r;
}

static int replica_preresume(struct dm_target *ti)
{
	struct replica_target *rt = ti->private;
	unsigned int noio;
	int r = 0;

	/* Memory that waits for writes to this very device would wait for ever. */
	noio = memalloc_noio_save();
	if (!rt->resumed)
		r = preresume_first(ti, rt);
	else if (rt->meta)
		replica_intents_resume(rt->replica, rt->meta->bdev);
	memalloc_noio_restore(noio);
	return r;
}

/* How the first copy goes. */
static enum replica_walk first_walk(const struct replica *replica)
{
	return replica->sync_compare ? REPLICA_WALK_COMPARE : REPLICA_WALK_COPY;
}

/* What may differ is copied, and nothing else. */
static void start_logged(struct replica *replica, u16 job_type, const char *reason,
			 const char *equal)
{
	if (replica_log_dirty_regions(replica->log))
		replica_resync_start(replica, BIT(DM_REPLICA_STATE_INITIALIZED), job_type,
				     job_type == DM_REPLICA_JOB_INITIAL_COPY ?
				     first_walk(replica) : REPLICA_WALK_COPY, reason);
	else if (replica->skewed_bytes)
		replica_state_set(replica, DM_REPLICA_STATE_SKEWED,
				  "what a verify found still differs");
	else
		replica_state_set(replica, DM_REPLICA_STATE_SYNCHRONIZED, equal);
}

/* The meta device remembers the association: it goes on where it was. */
static void start_again(struct replica *replica)
{
	switch (replica->restored) {
	case DM_REPLICA_STATE_FRACTURED:
	case DM_REPLICA_STATE_SPLIT:
	case DM_REPLICA_STATE_INACTIVE:
	case DM_REPLICA_STATE_SUSPENDED:
	case DM_REPLICA_STATE_FAILEDOVER:
	case DM_REPLICA_STATE_PREPARED:
	case DM_REPLICA_STATE_ABORTED:
		replica_state_set(replica, replica->restored, "as it was before the restart");
		break;
	case DM_REPLICA_STATE_INITIALIZED:
		start_logged(replica, DM_REPLICA_JOB_INITIAL_COPY, "initial copy",
			     "legs are known to be equal");
		break;
	default:
		start_logged(replica, DM_REPLICA_JOB_RESYNC, "restarted",
			     "restarted, legs are equal");
	}
	replica_leg_ship_barrier(replica);
}

/* The first start of an association. */
static void start(struct replica *replica)
{
	if (replica->intents) {
		start_again(replica);
		return;
	}
	if (replica->sync_skip) {
		replica_state_set(replica, DM_REPLICA_STATE_SYNCHRONIZED,
				  "legs are known to be equal");
		replica_leg_ship_barrier(replica);
		return;
	}
	replica_log_mark_all(replica->log);
	replica_resync_start(replica, BIT(DM_REPLICA_STATE_INITIALIZED),
			     DM_REPLICA_JOB_INITIAL_COPY, first_walk(replica), "initial copy");
}

static void replica_resume(struct dm_target *ti)
{
	struct replica_target *rt = ti->private;
	struct replica *replica = rt->replica;

	mutex_lock(&replica->op_mutex);
	spin_lock_irq(&replica->lock);
	replica->suspending = false;
	WRITE_ONCE(replica->ticking, true);
	spin_unlock_irq(&replica->lock);
	replica->suspended = false;
	replica_state_refresh(replica);
	replica_resync_continue(replica);
	replica_clone_resume(replica);
	replica_queue_resume(replica);
	replica_delta_resume(replica);
	queue_delayed_work(replica->wq, &replica->timeout_work, 0);
	queue_delayed_work(replica->wq, &replica->probe_work, 0);
	queue_delayed_work(replica_aux_wq, &replica->confirm_work, 0);
	if (replica->state == DM_REPLICA_STATE_INITIALIZED) {
		if (replica->mode != DM_REPLICA_MODE_SYNC)
			replica_queue_set_mode(replica);
		start(replica);
	} else if (replica_log_dirty_regions(replica->log)) {
		replica_state_unsynced(replica, "device was grown");
	}
	replica_protect_refresh(replica);
	mutex_unlock(&replica->op_mutex);
}

static void replica_presuspend(struct dm_target *ti)
{
	struct replica_target *rt = ti->private;
	struct replica *replica = rt->replica;

	spin_lock_irq(&replica->lock);
	WRITE_ONCE(replica->suspend_began, jiffies);
	/* Pairs with replica_leg_timeout_work(), which would take an older time for it. */
	smp_store_release(&replica->suspending, true);
	replica->noflush = dm_noflush_suspending(ti);
	spin_unlock_irq(&replica->lock);
	/* Whoever lets the legs change places gives it up. */
	wake_up_all(&replica->quiet);
	replica_delta_presuspend(replica);
	if (replica->noflush)
		replica_hold_release(replica, true);
	replica_intents_note(replica);
	/* Without it held writes go on; and messages that wait are answered. */
	replica_state_refresh(replica);
}

static void replica_presuspend_undo(struct dm_target *ti)
{
	struct replica_target *rt = ti->private;

	spin_lock_irq(&rt->replica->lock);
	rt->replica->suspending = false;
	spin_unlock_irq(&rt->replica->lock);
	replica_state_refresh(rt->replica);
	replica_queue_resume(rt->replica);
}

/* All bios of the mapped device are over.  The clock runs until we are quiet too. */
static void replica_postsuspend(struct dm_target *ti)
{
	struct replica_target *rt = ti->private;
	struct replica *replica = rt->replica;

	/* No barrier that runs now sends a flush yet; then wait for those that are out. */
	cancel_delayed_work_sync(&replica->confirm_work);
	queue_delayed_work(replica_aux_wq, &replica->confirm_work, 0);
	replica_queue_suspend(replica);
	replica_resync_quiesce(replica);
	replica_delta_suspend(replica);
	replica_clone_suspend(replica);
	/* No operation changes anything from here on: it would not be written down. */
	mutex_lock(&replica->op_mutex);
	replica->suspended = true;
	mutex_unlock(&replica->op_mutex);
	/* What a table that does not adopt us asks: are the legs equal? */
	flush_work(&replica->lost_work);
	/* While the clock runs: it flushes the legs. */
	replica_intents_suspend(replica);
	wait_event(replica->quiet, replica_leg_quiet(replica));

	spin_lock_irq(&replica->lock);
	WRITE_ONCE(replica->ticking, false);
	spin_unlock_irq(&replica->lock);
	cancel_delayed_work_sync(&replica->timeout_work);
	cancel_delayed_work_sync(&replica->probe_work);
	cancel_delayed_work_sync(&replica->deferred_work);
	cancel_work_sync(&replica->protect_work);
	flush_work(&replica->state_work);
}

/*
 * The rest of the target.
 */

static int replica_map(struct dm_target *ti, struct bio *bio)
{
	struct replica_target *rt = ti->private;

	/* The block layer does no more than warn of who writes all the same. */
	if (unlikely(rt->params.read_only) && bio_op(bio) != REQ_OP_READ &&
	    bio->bi_iter.bi_size)
		return DM_MAPIO_KILL;
	return replica_io_map(rt->replica, bio);
}

static int replica_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	return replica_io_end(bio, error);
}

static void replica_status(struct dm_target *ti, status_type_t type, unsigned int flags,
			   char *result, unsigned int maxlen)
{
	struct replica_target *rt = ti->private;
	struct replica *replica = replica_target_get(rt);
	struct replica_status status;
	unsigned int sz = 0;
	bool behind;

	switch (type) {
	case STATUSTYPE_INFO:
		replica_status_fill(replica, &status);
		replica_status_emit(&status, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		behind = replica_delta_behind(replica);
		/* Whoever loads the line again must not be told what is no longer so. */
		spin_lock(&adoption_lock);
		replica_table_emit(rt, &replica->settings,
				   rt->resumed ? replica->mode : rt->params.mode,
				   rt->params.sync_skip &&
				   (!rt->resumed ||
				    (replica->state == DM_REPLICA_STATE_SYNCHRONIZED && !behind)),
				   result, maxlen);
		spin_unlock(&adoption_lock);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",origin=%s,replica=%s,mode=%s;", rt->origin->name, rt->copy->name,
		       replica_mode_name(replica->mode));
		break;
	}
	replica_put(replica);
}

static int replica_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn,
				   void *data)
{
	struct replica_target *rt = ti->private;
	struct dm_dev *origin, *copy;

	/* As they are at one moment: the legs may be changing places. */
	spin_lock(&adoption_lock);
	origin = rt->origin;
	copy = rt->copy;
	spin_unlock(&adoption_lock);
	/* The meta device is not one: its limits do not concern the data. */
	return fn(ti, origin, 0, ti->len, data) ?: fn(ti, copy, 0, ti->len, data);
}

static void replica_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct replica_target *rt = ti->private;

	compat_hint_stable_writes(limits);
	if (rt->params.discard == REPLICA_DISCARD_ZERO && ti->num_discard_bios)
		compat_hint_discard(limits, limits->max_write_zeroes_sectors);
}

struct target_type replica_target_type = {
	.name = "replica",
	.version = { REPLICA_VERSION_MAJOR, REPLICA_VERSION_MINOR, REPLICA_VERSION_PATCH },
	.module = THIS_MODULE,
	.features = DM_TARGET_SINGLETON,
	.ctr = replica_target_ctr,
	.dtr = replica_dtr,
	.map = replica_map,
	.end_io = replica_end_io,
	.presuspend = replica_presuspend,
	.presuspend_undo = replica_presuspend_undo,
	.postsuspend = replica_postsuspend,
	.preresume = replica_preresume,
	.resume = replica_resume,
	.status = replica_status,
	.message = replica_message,
	.iterate_devices = replica_iterate_devices,
	.io_hints = replica_io_hints,
};
