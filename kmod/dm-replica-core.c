// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making and freeing an association.
 */
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-compare.h"
#include "dm-replica-delta.h"
#include "dm-replica-event.h"
#include "dm-replica-intent.h"
#include "dm-replica-io.h"
#include "dm-replica-log.h"
#include "dm-replica-offload.h"
#include "dm-replica-protect.h"
#include "dm-replica-queue.h"
#include "dm-replica-swap.h"

/* The order of this function is the reverse of that of make(). */
static void unmake(struct replica *replica)
{
	cancel_delayed_work_sync(&replica->deferred_work);
	cancel_delayed_work_sync(&replica->timeout_work);
	cancel_delayed_work_sync(&replica->probe_work);
	cancel_work_sync(&replica->state_work);
	cancel_work_sync(&replica->protect_work);
	cancel_delayed_work_sync(&replica->back_work);
	replica_confirm_cancel(replica);
	cancel_work_sync(&replica->event_work);
	replica_event_ring_destroy(replica->events);
	replica_delta_destroy(replica->delta);
	replica_resync_destroy(replica->resync);
	replica_offload_destroy(replica->offload);
	replica_clone_destroy(replica->clone);
	replica_queue_destroy(replica->queue);
	replica_intents_destroy(replica);
	if (replica->wq)
		destroy_workqueue(replica->wq);
	if (replica->log_wq)
		destroy_workqueue(replica->log_wq);
	replica_leg_pool_exit(replica);
	replica_request_pool_exit(replica);
	replica_payload_pool_destroy(replica->payload);
	replica_diffs_free(replica->diffs);
	replica_log_destroy(replica->log);
	replica_range_lock_destroy(replica->ranges);
	replica_gate_exit(replica);
	free_percpu(replica->counters);
	kfree(replica);
}

static void release_work(struct work_struct *work)
{
	struct replica *replica = container_of(work, struct replica, release_work);

	if (!list_empty(&replica->link))
		replica_registry_remove(replica);
	if (replica->open_replica)
		compat_close_bdev(replica->open_replica);
	if (replica->open_origin)
		compat_close_bdev(replica->open_origin);
	if (replica->open_meta)
		compat_close_bdev(replica->open_meta);
	unmake(replica);
	module_put(THIS_MODULE);
}

static void release(struct kref *refs)
{
	struct replica *replica = container_of(refs, struct replica, refs);

	/* The last reference may go in an interrupt. */
	queue_work(replica_release_wq, &replica->release_work);
}

void replica_get(struct replica *replica)
{
	kref_get(&replica->refs);
}

void replica_put(struct replica *replica)
{
	kref_put(&replica->refs, release);
}

static void range_granted(struct replica_range *range, void *context)
{
	switch (range->kind) {
	case REPLICA_RANGE_WRITE:
		replica_io_granted(container_of(range, struct replica_io, range));
		break;
	case REPLICA_RANGE_WINDOW:
		replica_resync_granted(range);
		break;
	default:
		replica_drain_granted(range);
		break;
	}
}

static void init_fields(struct replica *replica, const struct replica_params *params,
			sector_t sectors)
{
	kref_init(&replica->refs);
	INIT_LIST_HEAD(&replica->link);
	INIT_LIST_HEAD(&replica->confirms);
	INIT_LIST_HEAD(&replica->unranged);
	INIT_LIST_HEAD(&replica->own_flushes);
	INIT_LIST_HEAD(&replica->resend);
	INIT_WORK(&replica->send_work, replica_leg_send_work);
	mutex_init(&replica->op_mutex);
	mutex_init(&replica->table_mutex);
	spin_lock_init(&replica->lock);
	init_waitqueue_head(&replica->quiet);
	bio_list_init(&replica->held);
	bio_list_init(&replica->deferred);
	bio_list_init(&replica->cbw.waiting);
	INIT_DELAYED_WORK(&replica->deferred_work, replica_io_deferred_work);
	INIT_DELAYED_WORK(&replica->timeout_work, replica_leg_timeout_work);
	INIT_DELAYED_WORK(&replica->probe_work, replica_leg_probe_work);
	INIT_DELAYED_WORK(&replica->confirm_work, replica_confirm_work);
	INIT_DELAYED_WORK(&replica->back_work, replica_swap_back_work);
	INIT_WORK(&replica->state_work, replica_state_work);
	INIT_WORK(&replica->lost_work, replica_origin_lost_work);
	INIT_WORK(&replica->protect_work, replica_protect_work);
	INIT_WORK(&replica->event_work, replica_event_work);
	INIT_WORK(&replica->release_work, release_work);

	replica->sectors = sectors;
	replica->region_shift = ilog2(params->region_sectors);
	replica->settings = params->settings;
	replica->discard = params->discard;
	replica->sync_skip = params->sync_skip;
	replica->sync_compare = params->sync_compare;
	replica->read_only = params->read_only;
	replica->mode = params->mode;
	replica->state = DM_REPLICA_STATE_INITIALIZED;
	strscpy(replica->reason, "table loaded", sizeof(replica->reason));
	replica->current_job = -1U;
	atomic64_set(&replica->flush_gen, 1);
	replica_durable_init(&replica->on_origin, replica, REPLICA_LEG_ORIGIN);
	replica_durable_init(&replica->on_replica, replica, REPLICA_LEG_REPLICA);
}

/* What only the clone role has. */
static bool make_clone(struct replica *replica, const struct replica_params *params)
{
	if (!params->clone)
		return true;
	replica->clone = replica_clone_create(replica);
	if (!replica->clone)
		return false;
	if (params->offload)
		replica->offload = replica_offload_create(replica, params->offload);
	return replica->offload || !params->offload;
}

static bool make(struct replica *replica, const struct replica_params *params)
{
	replica->counters = alloc_percpu(struct replica_counters);
	if (!replica->counters || replica_gate_init(replica))
		return false;
	replica->ranges = replica_range_lock_create(range_granted, replica);
	if (!replica->ranges)
		return false;
	replica->log = replica_log_create(replica->sectors, replica->region_shift);
	if (!replica->log)
		return false;
	replica->payload = replica_payload_pool_create();
	if (!replica->payload)
		return false;
	if (replica_request_pool_init(replica) || replica_leg_pool_init(replica))
		return false;
	replica->wq = alloc_workqueue("dm-replica", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!replica->wq)
		return false;
	replica->queue = replica_queue_create(replica);
	if (!replica->queue)
		return false;
	replica->resync = replica_resync_create(replica);
	if (!replica->resync)
		return false;
	replica->delta = replica_delta_create(replica);
	if (!replica->delta)
		return false;
	if (!make_clone(replica, params))
		return false;
	replica->events = replica_event_ring_create();
	return replica->events;
}

struct replica *replica_create(const struct replica_params *params, sector_t sectors,
			       dev_t origin, dev_t copy, char **error)
{
	struct replica *replica = kzalloc(sizeof(*replica), GFP_KERNEL);

	if (!replica) {
		*error = "not enough memory";
		return ERR_PTR(-ENOMEM);
	}
	init_fields(replica, params, sectors);
	replica->origin_dev = origin;
	replica->replica_dev = copy;
	if (!make(replica, params)) {
		*error = "not enough memory for the log and the pools";
		unmake(replica);
		return ERR_PTR(-ENOMEM);
	}
	__module_get(THIS_MODULE);
	return replica;
}
