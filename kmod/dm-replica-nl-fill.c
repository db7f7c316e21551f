// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of the netlink family: attributes first, then whole messages.
 */
#include "dm-replica.h"
#include "dm-replica-compare.h"
#include "dm-replica-event.h"
#include "dm-replica-nl-fill.h"
#include "dm-replica-nl-policy.h"
#include "dm-replica-offload.h"
#include "dm-replica-ondisk.h"

/* SyncType Mirror, local, in CIM's SupportedReplicationTypes. */
#define REPLICA_TYPE_MIRROR_SYNC_LOCAL	2
#define REPLICA_TYPE_MIRROR_ASYNC_LOCAL	3
#define REPLICA_TYPE_CLONE_LOCAL		10
#define REPLICA_TYPE_MIRROR_ADAPTIVE_LOCAL	18

/*--------------------------------------------------------------------------
 * Attributes
 *--------------------------------------------------------------------------
 */

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, DM_REPLICA_A_PAD);
}

static int put_dev(struct sk_buff *skb, int type, dev_t dev)
{
	char text[24];

	snprintf(text, sizeof(text), "%u:%u", MAJOR(dev), MINOR(dev));
	return nla_put_string(skb, type, text);
}

/**
 * replica_nl_put_name - put the name of a replica
 * @skb: the message
 * @replica: whose
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_put_name(struct sk_buff *skb, struct replica *replica)
{
	char name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN];
	int err = replica_registry_name(replica, name, uuid);

	return err ?: nla_put_string(skb, DM_REPLICA_A_NAME, name);
}

/* How a message tells what it is about; the uuid is for GET alone. */
static int put_identity(struct sk_buff *skb, struct replica *replica, bool with_uuid)
{
	char name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN];
	int err = replica_registry_name(replica, name, uuid);

	err = err ?: nla_put_string(skb, DM_REPLICA_A_NAME, name) ?:
		     nla_put_u32(skb, DM_REPLICA_A_MAJOR, MAJOR(replica->dev)) ?:
		     nla_put_u32(skb, DM_REPLICA_A_MINOR, MINOR(replica->dev));
	if (!err && with_uuid && *uuid)
		err = nla_put_string(skb, DM_REPLICA_A_UUID, uuid);
	return err;
}

static int put_settings(struct sk_buff *skb, const struct replica_settings *settings)
{
	struct nlattr *nest = nla_nest_start(skb, DM_REPLICA_A_SETTINGS);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put_u8(skb, DM_REPLICA_S_PAYLOAD, settings->payload) ?:
	      nla_put_u8(skb, DM_REPLICA_S_ON_REPLICA_ERROR, settings->on_replica_error) ?:
	      nla_put_u8(skb, DM_REPLICA_S_RECOVERY, settings->recovery) ?:
	      nla_put_u32(skb, DM_REPLICA_S_RESYNC_RATE, settings->resync_rate) ?:
	      nla_put_u32(skb, DM_REPLICA_S_REPLICA_TIMEOUT, settings->replica_timeout) ?:
	      nla_put_u8(skb, DM_REPLICA_S_ON_META_ERROR, settings->on_meta_error) ?:
	      nla_put_u32(skb, DM_REPLICA_S_QUEUE_BYTES, settings->queue_bytes) ?:
	      nla_put_u32(skb, DM_REPLICA_S_RPO, settings->rpo) ?:
	      nla_put_u8(skb, DM_REPLICA_S_OVERFLOW, settings->overflow) ?:
	      nla_put_u32(skb, DM_REPLICA_S_MAX_SKEW, settings->max_skew) ?:
	      nla_put_u8(skb, DM_REPLICA_S_COPY_PRIORITY, settings->copy_priority) ?:
	      nla_put_u32(skb, DM_REPLICA_S_DELTA_MS, settings->delta_ms) ?:
	      nla_put_u8(skb, DM_REPLICA_S_PROTECT, settings->protect);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

static int put_queue_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, DM_REPLICA_Q_PAD);
}

static int put_queue_marks(struct sk_buff *skb, const struct replica_queue_status *queue)
{
	return put_queue_u64(skb, DM_REPLICA_Q_ENTRIES, queue->entries) ?:
	       put_queue_u64(skb, DM_REPLICA_Q_BYTES, queue->bytes) ?:
	       put_queue_u64(skb, DM_REPLICA_Q_HIGH_ENTRIES, queue->high_entries) ?:
	       put_queue_u64(skb, DM_REPLICA_Q_HIGH_BYTES, queue->high_bytes) ?:
	       put_queue_u64(skb, DM_REPLICA_Q_HIGH_AGE, queue->high_age_ms) ?:
	       put_queue_u64(skb, DM_REPLICA_Q_RATE_IN, queue->rate_in) ?:
	       put_queue_u64(skb, DM_REPLICA_Q_RATE_OUT, queue->rate_out);
}

static int put_queue_modes(struct sk_buff *skb, const struct replica_queue_status *queue)
{
	int err = put_queue_u64(skb, DM_REPLICA_Q_SWITCHES, queue->switches) ?:
		  put_queue_u64(skb, DM_REPLICA_Q_SYNC_TIME, queue->sync_ms) ?:
		  put_queue_u64(skb, DM_REPLICA_Q_ASYNC_TIME, queue->async_ms);

	if (!err && queue->reason)
		err = nla_put_string(skb, DM_REPLICA_Q_SWITCH_REASON, queue->reason);
	return err;
}

static int put_queue(struct sk_buff *skb, const struct replica_queue_status *queue)
{
	struct nlattr *nest = nla_nest_start(skb, DM_REPLICA_A_QUEUE);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put_u16(skb, DM_REPLICA_Q_ACK, queue->ack) ?:
	      put_queue_marks(skb, queue) ?:
	      nla_put_u8(skb, DM_REPLICA_Q_PENDING, queue->pending) ?:
	      put_queue_u64(skb, DM_REPLICA_Q_OVERFLOWS, queue->overflows) ?:
	      put_queue_u64(skb, DM_REPLICA_Q_RPO_MISSED, queue->rpo_missed) ?:
	      nla_put(skb, DM_REPLICA_Q_DELAYS, sizeof(queue->delays), queue->delays) ?:
	      put_queue_modes(skb, queue);
	if (!err && queue->has_drain)
		err = put_queue_u64(skb, DM_REPLICA_Q_DRAIN, queue->drain_ms);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

static int put_mode(struct sk_buff *skb, const struct replica_event *event)
{
	struct nlattr *nest;
	int err = nla_put_u16(skb, DM_REPLICA_A_MODE, event->mode) ?:
		  nla_put_string(skb, DM_REPLICA_A_REASON, event->reason);

	nest = err ? NULL : nla_nest_start(skb, DM_REPLICA_A_QUEUE);
	if (!nest)
		return err ?: -EMSGSIZE;
	err = nla_put_u16(skb, DM_REPLICA_Q_ACK, event->ack);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

/**
 * replica_nl_parse_settings - the settings of a request that is well formed
 * @attrs: by enum dm_replica_setting_attr
 * @settings: gets those that are there
 *
 * Return: which are: bits by number.
 */
u32 replica_nl_parse_settings(struct nlattr **attrs, struct replica_settings *settings)
{
	u32 mask = 0;
	int i;

	for (i = 1; i <= DM_REPLICA_S_MAX; i++)
		if (attrs[i])
			mask |= BIT(i);
	if (mask & REPLICA_SET_PAYLOAD)
		settings->payload = nla_get_u8(attrs[DM_REPLICA_S_PAYLOAD]);
	if (mask & REPLICA_SET_ON_REPLICA_ERROR)
		settings->on_replica_error = nla_get_u8(attrs[DM_REPLICA_S_ON_REPLICA_ERROR]);
	if (mask & REPLICA_SET_RECOVERY)
		settings->recovery = nla_get_u8(attrs[DM_REPLICA_S_RECOVERY]);
	if (mask & REPLICA_SET_ON_META_ERROR)
		settings->on_meta_error = nla_get_u8(attrs[DM_REPLICA_S_ON_META_ERROR]);
	if (mask & REPLICA_SET_RESYNC_RATE)
		settings->resync_rate = nla_get_u32(attrs[DM_REPLICA_S_RESYNC_RATE]);
	if (mask & REPLICA_SET_REPLICA_TIMEOUT)
		settings->replica_timeout = nla_get_u32(attrs[DM_REPLICA_S_REPLICA_TIMEOUT]);
	if (mask & REPLICA_SET_QUEUE_BYTES)
		settings->queue_bytes = nla_get_u32(attrs[DM_REPLICA_S_QUEUE_BYTES]);
	if (mask & REPLICA_SET_RPO)
		settings->rpo = nla_get_u32(attrs[DM_REPLICA_S_RPO]);
	if (mask & REPLICA_SET_OVERFLOW)
		settings->overflow = nla_get_u8(attrs[DM_REPLICA_S_OVERFLOW]);
	if (mask & REPLICA_SET_MAX_SKEW)
		settings->max_skew = nla_get_u32(attrs[DM_REPLICA_S_MAX_SKEW]);
	if (mask & REPLICA_SET_COPY_PRIORITY)
		settings->copy_priority = nla_get_u8(attrs[DM_REPLICA_S_COPY_PRIORITY]);
	if (mask & REPLICA_SET_DELTA)
		settings->delta_ms = nla_get_u32(attrs[DM_REPLICA_S_DELTA_MS]);
	if (mask & REPLICA_SET_PROTECT)
		settings->protect = nla_get_u8(attrs[DM_REPLICA_S_PROTECT]);
	return mask;
}

static int put_counters(struct sk_buff *skb, const u64 *counters)
{
	struct nlattr *nest = nla_nest_start(skb, DM_REPLICA_A_COUNTERS);
	int err = 0, i;

	if (!nest)
		return -EMSGSIZE;
	for (i = DM_REPLICA_C_PAD + 1; !err && i <= DM_REPLICA_C_MAX; i++)
		err = nla_put_u64_64bit(skb, i, counters[i], DM_REPLICA_C_PAD);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

static int put_job_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, DM_REPLICA_J_PAD);
}

static int put_job_outcome(struct sk_buff *skb, const struct replica_job *job)
{
	u64 eta_ms;
	int err = 0;

	if (replica_job_eta_ms(job, &eta_ms))
		err = put_job_u64(skb, DM_REPLICA_J_ETA, eta_ms);
	err = err ?: nla_put_u32(skb, DM_REPLICA_J_ERROR_CODE, job->error_code);
	if (!err && *job->error_text)
		err = nla_put_string(skb, DM_REPLICA_J_ERROR_TEXT, job->error_text);
	if (!err && job->type == DM_REPLICA_JOB_VERIFY)
		err = put_job_u64(skb, DM_REPLICA_J_DIFFERS, job->differs);
	if (!err && job->offloaded)
		err = put_job_u64(skb, DM_REPLICA_J_OFFLOADED, job->offloaded);
	return err;
}

static int put_job(struct sk_buff *skb, const struct replica_job *job)
{
	struct nlattr *nest = nla_nest_start(skb, DM_REPLICA_A_JOB);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put_u32(skb, DM_REPLICA_J_ID, job->id) ?:
	      nla_put_u16(skb, DM_REPLICA_J_TYPE, job->type) ?:
	      nla_put_u16(skb, DM_REPLICA_J_STATE, job->state) ?:
	      nla_put_u16(skb, DM_REPLICA_J_PERCENT, replica_job_percent(job)) ?:
	      put_job_u64(skb, DM_REPLICA_J_BYTES_DONE, job->bytes_done) ?:
	      put_job_u64(skb, DM_REPLICA_J_BYTES_TOTAL, job->bytes_total) ?:
	      put_job_u64(skb, DM_REPLICA_J_START_TIME, job->started_ms) ?:
	      put_job_u64(skb, DM_REPLICA_J_ELAPSED, replica_job_elapsed_ms(job)) ?:
	      put_job_outcome(skb, job);
	if (!err)
		nla_nest_end(skb, nest);
	return err;
}

/* An array of the numbers of the bits that are set. */
static int put_operations(struct sk_buff *skb, int type, u64 mask)
{
	u16 numbers[64];
	unsigned int bit, n = 0;

	for (bit = 0; bit < 64; bit++)
		if (mask & BIT_ULL(bit))
			numbers[n++] = bit;
	return nla_put(skb, type, n * sizeof(numbers[0]), numbers);
}

static int put_geometry(struct sk_buff *skb, struct replica *replica,
			const struct replica_status *status)
{
	dev_t origin, copy;

	/* They may be changing places. */
	spin_lock_irq(&replica->lock);
	origin = replica->origin_dev;
	copy = replica->replica_dev;
	spin_unlock_irq(&replica->lock);
	return put_dev(skb, DM_REPLICA_A_ORIGIN, origin) ?:
	       put_dev(skb, DM_REPLICA_A_REPLICA, copy) ?:
	       put_u64(skb, DM_REPLICA_A_SIZE, status->size) ?:
	       nla_put_u32(skb, DM_REPLICA_A_REGION_SIZE, status->region_size) ?:
	       nla_put_u16(skb, DM_REPLICA_A_SYNC_TYPE, status->clone ?
			   DM_REPLICA_SYNC_TYPE_CLONE : DM_REPLICA_SYNC_TYPE_MIRROR) ?:
	       nla_put_u16(skb, DM_REPLICA_A_MODE, status->mode) ?:
	       nla_put_u8(skb, DM_REPLICA_A_READ_ONLY, status->read_only ?
			  DM_REPLICA_SB_READ_ONLY_SOURCE : 0);
}

static int put_state(struct sk_buff *skb, const struct replica_status *status)
{
	return nla_put_u16(skb, DM_REPLICA_A_COPY_STATE, status->state) ?:
	       nla_put_u16(skb, DM_REPLICA_A_REQUESTED_COPY_STATE, status->requested) ?:
	       nla_put_u16(skb, DM_REPLICA_A_PROGRESS_STATUS, status->progress) ?:
	       nla_put_u16(skb, DM_REPLICA_A_PERCENT_SYNCED, status->percent) ?:
	       nla_put_string(skb, DM_REPLICA_A_REASON, status->reason) ?:
	       nla_put_u8(skb, DM_REPLICA_A_WHOLE, status->whole) ?:
	       nla_put_u8(skb, DM_REPLICA_A_WAITS_PROTECTED,
			  status->guard == REPLICA_GUARD_WAITS) ?:
	       nla_put_u8(skb, DM_REPLICA_A_DM_SUSPENDED, status->dm_suspended);
}

static int put_difference(struct sk_buff *skb, const struct replica_status *status)
{
	int err = put_u64(skb, DM_REPLICA_A_DIRTY_REGIONS, status->dirty_regions) ?:
		  put_u64(skb, DM_REPLICA_A_DIRTY_BYTES, status->dirty_bytes) ?:
		  nla_put_u8(skb, DM_REPLICA_A_CONSISTENT_NOW, status->consistent_now) ?:
		  put_u64(skb, DM_REPLICA_A_LAG_BYTES, status->lag_bytes) ?:
		  put_u64(skb, DM_REPLICA_A_LAG_MS, status->lag_ms);

	if (!err && status->ever_consistent)
		err = put_u64(skb, DM_REPLICA_A_CONSISTENT_AGE, status->consistent_age_ms);
	return err;
}

static int put_delta(struct sk_buff *skb, const struct replica_delta_status *delta)
{
	int err = 0;

	if (delta->has_point)
		err = put_u64(skb, DM_REPLICA_A_POINT_AGE, delta->point_age_ms);
	if (!err && delta->has_due)
		err = put_u64(skb, DM_REPLICA_A_DELTA_DUE, delta->due_ms);
	return err;
}

static int put_meta(struct sk_buff *skb, struct replica *replica,
		    const struct replica_status *status)
{
	int err = put_u64(skb, DM_REPLICA_A_EXPOSED_BYTES, status->exposed_bytes);

	if (err || !status->has_meta)
		return err;
	return put_dev(skb, DM_REPLICA_A_META, replica->meta_dev) ?:
	       nla_put_u8(skb, DM_REPLICA_A_META_FAILED, status->meta_failed) ?:
	       put_u64(skb, DM_REPLICA_A_ACTIVE_REGIONS, status->active_regions);
}

static int put_offload(struct sk_buff *skb, const struct replica_status *status)
{
	int err;

	if (!status->offload)
		return 0;
	err = nla_put_u8(skb, DM_REPLICA_A_OFFLOAD_STATE, status->offload);
	if (!err && *status->offload_reason)
		err = nla_put_string(skb, DM_REPLICA_A_OFFLOAD_REASON, status->offload_reason);
	return err;
}

static int put_times(struct sk_buff *skb, const struct replica_status *status)
{
	return put_u64(skb, DM_REPLICA_A_WHEN_ESTABLISHED, status->when_established_ms) ?:
	       put_u64(skb, DM_REPLICA_A_WHEN_SYNCED, status->when_synced_ms) ?:
	       put_u64(skb, DM_REPLICA_A_WHEN_SUSPENDED, status->when_suspended_ms) ?:
	       put_u64(skb, DM_REPLICA_A_EVENT_SEQ, status->event_seq);
}

/*--------------------------------------------------------------------------
 * Messages
 *--------------------------------------------------------------------------
 */

/**
 * replica_nl_fill - add a whole message, or nothing
 * @skb: where to
 * @message: what it says, and to whom
 * @replica: what it is about, NULL for CAPS_GET of the module
 * @cb: the dump that it is part of, or NULL
 *
 * May sleep.
 *
 * Return: 0, or -EMSGSIZE when there is no room left.
 */
int replica_nl_fill(struct sk_buff *skb, const struct replica_nl_message *message,
		    struct replica *replica, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, message->portid, message->seq, &replica_nl_family,
				   message->flags, message->cmd);
	int err;

	if (!header)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, header);
	err = message->fill(skb, replica, message->data);
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

/**
 * replica_nl_fill_status - all that GET tells
 * @skb: the message
 * @replica: whose
 * @data: not used
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_status(struct sk_buff *skb, struct replica *replica, const void *data)
{
	struct replica_status status;
	int err;

	replica_status_fill(replica, &status);
	err = put_identity(skb, replica, true) ?:
	      put_geometry(skb, replica, &status) ?:
	      put_state(skb, &status) ?:
	      put_difference(skb, &status) ?:
	      put_delta(skb, &status.delta) ?:
	      put_meta(skb, replica, &status) ?:
	      put_offload(skb, &status) ?:
	      put_times(skb, &status) ?:
	      put_settings(skb, &status.settings) ?:
	      put_queue(skb, &status.queue) ?:
	      put_counters(skb, status.counters);
	if (!err && status.has_job)
		err = put_job(skb, &status.job);
	return err;
}

/**
 * replica_nl_fill_job - one job, and whose it is
 * @skb: the message
 * @replica: whose
 * @data: struct replica_job
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_job(struct sk_buff *skb, struct replica *replica, const void *data)
{
	return put_identity(skb, replica, false) ?: put_job(skb, data);
}

/**
 * replica_nl_fill_diff - one range that a verify found different
 * @skb: the message
 * @replica: whose
 * @data: struct replica_nl_diff
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_diff(struct sk_buff *skb, struct replica *replica, const void *data)
{
	const struct replica_nl_diff *found = data;

	return put_identity(skb, replica, false) ?:
	       nla_put_u32(skb, DM_REPLICA_A_JOB_ID, found->job_id) ?:
	       put_u64(skb, DM_REPLICA_A_SECTOR, found->range.sector) ?:
	       put_u64(skb, DM_REPLICA_A_SECTORS, found->range.sectors);
}

/**
 * replica_nl_fill_claim - what was claimed for the devices to copy
 * @skb: the message
 * @replica: not used
 * @data: struct replica_offload_call
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_claim(struct sk_buff *skb, struct replica *replica, const void *data)
{
	const struct replica_offload_call *call = data;

	return put_u64(skb, DM_REPLICA_A_SECTOR, call->first) ?:
	       put_u64(skb, DM_REPLICA_A_SECTORS, call->sectors);
}

/**
 * replica_nl_fill_operated - what an operation led to
 * @skb: the message
 * @replica: what it was done to
 * @data: u32, the job that was started, 0 if none
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_operated(struct sk_buff *skb, struct replica *replica, const void *data)
{
	const u32 *job_id = data;
	struct replica_job job;
	int err = nla_put_u16(skb, DM_REPLICA_A_COPY_STATE, READ_ONCE(replica->state));

	if (!err && *job_id && replica_job_read(replica, *job_id, &job))
		err = put_job(skb, &job);
	return err;
}

/**
 * replica_nl_fill_caps - what the module, and a replica just now, can do
 * @skb: the message
 * @replica: NULL when the request named none
 * @data: not used
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_caps(struct sk_buff *skb, struct replica *replica, const void *data)
{
	static const u16 types[] = {
		REPLICA_TYPE_MIRROR_SYNC_LOCAL,
		REPLICA_TYPE_MIRROR_ASYNC_LOCAL,
		REPLICA_TYPE_CLONE_LOCAL,
		REPLICA_TYPE_MIRROR_ADAPTIVE_LOCAL,
	};
	u64 plain, forced;
	int err = nla_put(skb, DM_REPLICA_A_REPLICATION_TYPES, sizeof(types), types) ?:
		  nla_put_string(skb, DM_REPLICA_A_MODULE_VERSION, REPLICA_VERSION_STRING);

	if (err || !replica)
		return err;
	replica_operations_possible(replica, &plain, &forced);
	return replica_nl_put_name(skb, replica) ?:
	       nla_put_u16(skb, DM_REPLICA_A_COPY_STATE, READ_ONCE(replica->state)) ?:
	       put_operations(skb, DM_REPLICA_A_OPERATIONS, plain) ?:
	       put_operations(skb, DM_REPLICA_A_OPERATIONS_FORCE, forced);
}

static int put_event_details(struct sk_buff *skb, const struct replica_event *event)
{
	switch (event->type) {
	case DM_REPLICA_EVENT_STATE:
		return nla_put_u16(skb, DM_REPLICA_A_OLD_COPY_STATE, event->old_state) ?:
		       nla_put_string(skb, DM_REPLICA_A_REASON, event->reason);
	case DM_REPLICA_EVENT_JOB:
		return put_job(skb, &event->job);
	case DM_REPLICA_EVENT_PROTECT:
		return nla_put_string(skb, DM_REPLICA_A_REASON, event->reason) ?:
		       put_job(skb, &event->job);
	case DM_REPLICA_EVENT_MODE:
		return put_mode(skb, event);
	case DM_REPLICA_EVENT_RPO:
	case DM_REPLICA_EVENT_ROLES:
		return nla_put_string(skb, DM_REPLICA_A_REASON, event->reason);
	case DM_REPLICA_EVENT_REPLICA_ERROR:
	case DM_REPLICA_EVENT_ORIGIN_ERROR:
	case DM_REPLICA_EVENT_READ_FAILOVER:
	case DM_REPLICA_EVENT_META_ERROR:
	case DM_REPLICA_EVENT_META_BACK:
		return put_u64(skb, DM_REPLICA_A_SECTOR, event->sector) ?:
		       nla_put_u32(skb, DM_REPLICA_A_ERRNO, event->error) ?:
		       nla_put_string(skb, DM_REPLICA_A_REASON, event->reason);
	default:
		return 0;
	}
}

/**
 * replica_nl_fill_event - one event
 * @skb: the message
 * @replica: what it happened to
 * @data: struct replica_event
 *
 * May sleep.
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_fill_event(struct sk_buff *skb, struct replica *replica, const void *data)
{
	const struct replica_event *event = data;

	return put_u64(skb, DM_REPLICA_A_EVENT_SEQ, event->seq) ?:
	       nla_put_u16(skb, DM_REPLICA_A_EVENT_TYPE, event->type) ?:
	       put_u64(skb, DM_REPLICA_A_EVENT_TIME, event->time_ms) ?:
	       put_identity(skb, replica, false) ?:
	       nla_put_u16(skb, DM_REPLICA_A_COPY_STATE, event->state) ?:
	       put_event_details(skb, event);
}
