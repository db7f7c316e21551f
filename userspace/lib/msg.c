// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Netlink messages to structures, one row of a table for each attribute.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>
#include <netlink/attr.h>

#include "fields.h"
#include "msg.h"

#define INFO_REQ(a, k, m)	REQ(struct replica_info, DM_REPLICA_A_##a, k, m)
#define INFO_OPT(a, k, m)	OPT(struct replica_info, DM_REPLICA_A_##a, k, m)

static const struct replica_field info_fields[] = {
	INFO_REQ(NAME, KIND_STRING, name),
	INFO_REQ(MAJOR, KIND_U32, major),
	INFO_REQ(MINOR, KIND_U32, minor),
	INFO_OPT(UUID, KIND_STRING, uuid),
	INFO_REQ(ORIGIN, KIND_STRING, origin),
	INFO_REQ(REPLICA, KIND_STRING, replica),
	INFO_OPT(META, KIND_STRING, meta),
	INFO_REQ(SIZE, KIND_U64, size),
	INFO_REQ(REGION_SIZE, KIND_U32_WIDE, region_size),
	INFO_REQ(SYNC_TYPE, KIND_U16, sync_type),
	INFO_REQ(MODE, KIND_U16, mode),
	INFO_REQ(COPY_STATE, KIND_U16, copy_state),
	INFO_REQ(REQUESTED_COPY_STATE, KIND_U16, requested_copy_state),
	INFO_REQ(PROGRESS_STATUS, KIND_U16, progress_status),
	INFO_REQ(PERCENT_SYNCED, KIND_U16, percent_synced),
	INFO_OPT(REASON, KIND_STRING, reason),
	INFO_REQ(DIRTY_REGIONS, KIND_U64, dirty_regions),
	INFO_REQ(DIRTY_BYTES, KIND_U64, dirty_bytes),
	INFO_REQ(CONSISTENT_NOW, KIND_BOOL, consistent_now),
	HAS(struct replica_info, DM_REPLICA_A_CONSISTENT_AGE, KIND_U64,
	    consistent_age_ms, has_consistent_age),
	INFO_OPT(LAG_BYTES, KIND_U64, lag_bytes),
	INFO_OPT(LAG_MS, KIND_U64, lag_ms),
	INFO_OPT(WHEN_ESTABLISHED, KIND_U64, when_established),
	INFO_OPT(WHEN_SYNCED, KIND_U64, when_synced),
	INFO_OPT(WHEN_SUSPENDED, KIND_U64, when_suspended),
	INFO_REQ(EVENT_SEQ, KIND_U64, event_seq),
	INFO_OPT(DM_SUSPENDED, KIND_BOOL, dm_suspended),
	INFO_OPT(META_FAILED, KIND_BOOL, meta_failed),
	INFO_OPT(ACTIVE_REGIONS, KIND_U64, active_regions),
	INFO_OPT(EXPOSED_BYTES, KIND_U64, exposed_bytes),
	INFO_OPT(READ_ONLY, KIND_U8, read_only),
	HAS(struct replica_info, DM_REPLICA_A_POINT_AGE, KIND_U64, point_age_ms, has_point),
	HAS(struct replica_info, DM_REPLICA_A_DELTA_DUE, KIND_U64, delta_due_ms, has_delta_due),
	INFO_OPT(WHOLE, KIND_BOOL, whole),
	INFO_OPT(WAITS_PROTECTED, KIND_BOOL, waits_protected),
	INFO_OPT(OFFLOAD_STATE, KIND_U8, offload_state),
	INFO_OPT(OFFLOAD_REASON, KIND_STRING, offload_reason),
	{ .attr = 0 },
};

#define SETTING(a, k, m) \
	{ DM_REPLICA_S_##a, k, false, offsetof(struct replica_settings, m), 0, \
	  REPLICA_SETTING_##a }

static const struct replica_field settings_fields[] = {
	SETTING(PAYLOAD, KIND_U8, payload),
	SETTING(ON_REPLICA_ERROR, KIND_U8, on_replica_error),
	SETTING(RECOVERY, KIND_U8, recovery),
	SETTING(RESYNC_RATE, KIND_U32, resync_rate),
	SETTING(REPLICA_TIMEOUT, KIND_U32, replica_timeout_ms),
	SETTING(ON_META_ERROR, KIND_U8, on_meta_error),
	SETTING(QUEUE_BYTES, KIND_U32_WIDE, queue_bytes),
	SETTING(RPO, KIND_U32, rpo_ms),
	SETTING(OVERFLOW, KIND_U8, overflow),
	SETTING(MAX_SKEW, KIND_U32_WIDE, max_skew),
	SETTING(COPY_PRIORITY, KIND_U8, copy_priority),
	SETTING(DELTA_MS, KIND_U32, delta_ms),
	SETTING(PROTECT, KIND_U8, protect),
	{ .attr = 0 },
};

#define QUEUE_OPT(a, k, m)	OPT(struct replica_queue, DM_REPLICA_Q_##a, k, m)

static const struct replica_field queue_fields[] = {
	REQ(struct replica_queue, DM_REPLICA_Q_ACK, KIND_U16, ack_mode),
	QUEUE_OPT(ENTRIES, KIND_U64, entries),
	QUEUE_OPT(BYTES, KIND_U64, bytes),
	QUEUE_OPT(HIGH_ENTRIES, KIND_U64, high_entries),
	QUEUE_OPT(HIGH_BYTES, KIND_U64, high_bytes),
	QUEUE_OPT(HIGH_AGE, KIND_U64, high_age_ms),
	QUEUE_OPT(RATE_IN, KIND_U64, rate_in),
	QUEUE_OPT(RATE_OUT, KIND_U64, rate_out),
	HAS(struct replica_queue, DM_REPLICA_Q_DRAIN, KIND_U64, drain_ms, has_drain),
	QUEUE_OPT(PENDING, KIND_BOOL, pending),
	QUEUE_OPT(OVERFLOWS, KIND_U64, overflows),
	QUEUE_OPT(RPO_MISSED, KIND_U64, rpo_missed),
	QUEUE_OPT(SWITCHES, KIND_U64, switches),
	QUEUE_OPT(SYNC_TIME, KIND_U64, sync_time_ms),
	QUEUE_OPT(ASYNC_TIME, KIND_U64, async_time_ms),
	QUEUE_OPT(SWITCH_REASON, KIND_STRING, switch_reason),
	{ .attr = 0 },
};

#define JOB_REQ(a, k, m)	REQ(struct replica_job, DM_REPLICA_J_##a, k, m)
#define JOB_OPT(a, k, m)	OPT(struct replica_job, DM_REPLICA_J_##a, k, m)

static const struct replica_field job_fields[] = {
	JOB_REQ(ID, KIND_U32, id),
	JOB_REQ(TYPE, KIND_U16, type),
	JOB_REQ(STATE, KIND_U16, state),
	JOB_OPT(PERCENT, KIND_U16, percent),
	JOB_OPT(BYTES_DONE, KIND_U64, bytes_done),
	JOB_OPT(BYTES_TOTAL, KIND_U64, bytes_total),
	JOB_OPT(START_TIME, KIND_U64, start_time),
	JOB_OPT(ELAPSED, KIND_U64, elapsed_ms),
	HAS(struct replica_job, DM_REPLICA_J_ETA, KIND_U64, eta_ms, has_eta),
	JOB_OPT(ERROR_CODE, KIND_U32, error_code),
	JOB_OPT(ERROR_TEXT, KIND_STRING, error_text),
	JOB_OPT(DIFFERS, KIND_U64, differs),
	JOB_OPT(OFFLOADED, KIND_U64, offloaded),
	{ .attr = 0 },
};

static const struct replica_field job_owner_fields[] = {
	REQ(struct replica_job, DM_REPLICA_A_NAME, KIND_STRING, name),
	{ .attr = 0 },
};

#define EVENT_REQ(a, k, m)	REQ(struct replica_event, DM_REPLICA_A_##a, k, m)
#define EVENT_OPT(a, k, m)	OPT(struct replica_event, DM_REPLICA_A_##a, k, m)

static const struct replica_field event_fields[] = {
	EVENT_REQ(EVENT_TYPE, KIND_U16, type),
	EVENT_REQ(EVENT_SEQ, KIND_U64, seq),
	EVENT_OPT(EVENT_TIME, KIND_U64, time),
	EVENT_REQ(NAME, KIND_STRING, name),
	EVENT_REQ(MAJOR, KIND_U32, major),
	EVENT_REQ(MINOR, KIND_U32, minor),
	EVENT_OPT(COPY_STATE, KIND_U16, copy_state),
	EVENT_OPT(OLD_COPY_STATE, KIND_U16, old_copy_state),
	EVENT_OPT(REASON, KIND_STRING, reason),
	EVENT_OPT(SECTOR, KIND_U64, sector),
	EVENT_OPT(ERRNO, KIND_U32, error),
	EVENT_OPT(MODE, KIND_U16, mode),
	{ .attr = 0 },
};

static const struct replica_field caps_fields[] = {
	OPT(struct replica_capabilities, DM_REPLICA_A_MODULE_VERSION, KIND_STRING,
	    module_version),
	OPT(struct replica_capabilities, DM_REPLICA_A_NAME, KIND_STRING, name),
	OPT(struct replica_capabilities, DM_REPLICA_A_COPY_STATE, KIND_U16,
	    copy_state),
	{ .attr = 0 },
};

static const struct replica_field operate_fields[] = {
	REQ(struct replica_operate_reply, DM_REPLICA_A_COPY_STATE, KIND_U16,
	    copy_state),
	{ .attr = 0 },
};

static const struct replica_field diff_fields[] = {
	REQ(struct replica_diff_reply, DM_REPLICA_A_JOB_ID, KIND_U32, job_id),
	REQ(struct replica_diff_reply, DM_REPLICA_A_SECTOR, KIND_U64, sector),
	REQ(struct replica_diff_reply, DM_REPLICA_A_SECTORS, KIND_U64, sectors),
	{ .attr = 0 },
};

static const struct replica_field operate_job_fields[] = {
	REQ(struct replica_operate_reply, DM_REPLICA_J_ID, KIND_U32, job_id),
	{ .attr = 0 },
};

static const struct replica_field confirm_fields[] = {
	REQ(struct replica_confirm_reply, DM_REPLICA_A_RESULT, KIND_U32, result),
	{ .attr = 0 },
};

/* ------------------------------------------------------------------------ */

uint8_t replica_msg_cmd(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = nlmsg_data(nlh);

	return nlh->nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN ? 0 : genl->cmd;
}

static int get_job(const struct nlattr *nest, struct replica_job **out)
{
	struct nlattr *tb[DM_REPLICA_J_MAX + 1];
	struct replica_job *job;
	int r;

	r = replica_fields_nest(tb, DM_REPLICA_J_MAX, nest);
	if (r)
		return r;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	r = replica_fields_get(tb, job_fields, job);
	if (r) {
		replica_job_free(job);
		return r;
	}
	*out = job;
	return 0;
}

/* Counters are optional each, and in the structure in the order of the enum. */
static int get_counters(const struct nlattr *nest, struct replica_counters *c)
{
	struct nlattr *tb[DM_REPLICA_C_MAX + 1];
	uint64_t *values = (uint64_t *)c;
	int r;

	static_assert(sizeof(*c) == sizeof(uint64_t) *
		      (DM_REPLICA_C_MAX - DM_REPLICA_C_READS + 1),
		      "struct replica_counters mirrors the enumeration");
	r = replica_fields_nest(tb, DM_REPLICA_C_MAX, nest);
	for (int i = DM_REPLICA_C_READS; !r && i <= DM_REPLICA_C_MAX; i++) {
		if (!tb[i])
			continue;
		if (nla_len(tb[i]) != sizeof(uint64_t))
			return -EPROTO;
		values[i - DM_REPLICA_C_READS] = replica_fields_number(tb[i], KIND_U64);
	}
	return r;
}

static int get_settings(const struct nlattr *nest, struct replica_settings *s)
{
	struct nlattr *tb[DM_REPLICA_S_MAX + 1];
	int r = replica_fields_nest(tb, DM_REPLICA_S_MAX, nest);

	return r ? r : replica_fields_get(tb, settings_fields, s);
}

/* A newer module may count in finer steps: what does not fit is dropped. */
static int get_delays(const struct nlattr *attr, struct replica_queue *q)
{
	size_t size;

	if (!attr)
		return 0;
	if (nla_len(attr) % sizeof(q->delays[0]))
		return -EPROTO;
	size = nla_len(attr);
	memcpy(q->delays, nla_data(attr), size < sizeof(q->delays) ? size : sizeof(q->delays));
	return 0;
}

static int get_queue(const struct nlattr *nest, struct replica_queue *q)
{
	struct nlattr *tb[DM_REPLICA_Q_MAX + 1];
	int r = replica_fields_nest(tb, DM_REPLICA_Q_MAX, nest);

	if (!r)
		r = replica_fields_get(tb, queue_fields, q);
	return r ? r : get_delays(tb[DM_REPLICA_Q_DELAYS], q);
}

/* Of an event: only how writes are acknowledged. */
static int get_ack(const struct nlattr *nest, uint32_t *ack_mode)
{
	struct replica_queue queue = { .ack_mode = 0 };
	int r = get_queue(nest, &queue);

	free(queue.switch_reason);
	*ack_mode = queue.ack_mode;
	return r;
}

static int get_info(struct nlattr **tb, struct replica_info *info)
{
	int r = replica_fields_get(tb, info_fields, info);

	if (!r && tb[DM_REPLICA_A_SETTINGS])
		r = get_settings(tb[DM_REPLICA_A_SETTINGS], &info->settings);
	if (!r && tb[DM_REPLICA_A_QUEUE])
		r = get_queue(tb[DM_REPLICA_A_QUEUE], &info->queue);
	if (!r && tb[DM_REPLICA_A_COUNTERS])
		r = get_counters(tb[DM_REPLICA_A_COUNTERS], &info->counters);
	if (!r && tb[DM_REPLICA_A_JOB])
		r = get_job(tb[DM_REPLICA_A_JOB], &info->job);
	if (r)
		return r;
	info->settings.region_size = info->region_size;
	info->settings.present |= REPLICA_SETTING_REGION_SIZE;
	return 0;
}

int replica_msg_parse_info(const struct nlmsghdr *nlh, struct replica_info **out)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	struct replica_info *info;
	int r;

	r = replica_fields_message(tb, nlh);
	if (r)
		return r;
	info = calloc(1, sizeof(*info));
	if (!info)
		return -ENOMEM;
	r = get_info(tb, info);
	if (r) {
		replica_info_free(info);
		return r;
	}
	*out = info;
	return 0;
}

int replica_msg_parse_job(const struct nlmsghdr *nlh, struct replica_job **out)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	struct replica_job *job;
	int r;

	r = replica_fields_message(tb, nlh);
	if (!r && !tb[DM_REPLICA_A_JOB])
		r = -EPROTO;
	if (!r)
		r = get_job(tb[DM_REPLICA_A_JOB], &job);
	if (r)
		return r;
	r = replica_fields_get(tb, job_owner_fields, job);
	if (r) {
		replica_job_free(job);
		return r;
	}
	*out = job;
	return 0;
}

int replica_msg_parse_event(const struct nlmsghdr *nlh,
			    struct replica_event **out)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	struct replica_event *event;
	int r;

	r = replica_fields_message(tb, nlh);
	if (r)
		return r;
	event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	r = replica_fields_get(tb, event_fields, event);
	if (!r && tb[DM_REPLICA_A_JOB])
		r = get_job(tb[DM_REPLICA_A_JOB], &event->job);
	if (!r && tb[DM_REPLICA_A_QUEUE])
		r = get_ack(tb[DM_REPLICA_A_QUEUE], &event->ack_mode);
	if (r) {
		replica_event_free(event);
		return r;
	}
	*out = event;
	return 0;
}

/* What does not fit is dropped: a newer module may know more. */
static int get_u16s(const struct nlattr *attr, uint16_t *values, size_t *count)
{
	if (!attr)
		return 0;
	if (nla_len(attr) % sizeof(*values))
		return -EPROTO;
	*count = nla_len(attr) / sizeof(*values);
	if (*count > REPLICA_CAPS_MAX)
		*count = REPLICA_CAPS_MAX;
	memcpy(values, nla_data(attr), *count * sizeof(*values));
	return 0;
}

static int get_caps(struct nlattr **tb, struct replica_capabilities *c)
{
	int r = replica_fields_get(tb, caps_fields, c);

	if (!r)
		r = get_u16s(tb[DM_REPLICA_A_REPLICATION_TYPES],
			     c->replication_types, &c->nr_replication_types);
	if (!r)
		r = get_u16s(tb[DM_REPLICA_A_OPERATIONS], c->operations,
			     &c->nr_operations);
	if (!r)
		r = get_u16s(tb[DM_REPLICA_A_OPERATIONS_FORCE],
			     c->operations_force, &c->nr_operations_force);
	return r;
}

int replica_msg_parse_caps(const struct nlmsghdr *nlh,
			   struct replica_capabilities **out)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	struct replica_capabilities *caps;
	int r;

	r = replica_fields_message(tb, nlh);
	if (r)
		return r;
	caps = calloc(1, sizeof(*caps));
	if (!caps)
		return -ENOMEM;
	r = get_caps(tb, caps);
	if (r) {
		replica_capabilities_free(caps);
		return r;
	}
	*out = caps;
	return 0;
}

int replica_msg_parse_operate(const struct nlmsghdr *nlh,
			      struct replica_operate_reply *reply)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1], *job[DM_REPLICA_J_MAX + 1];
	int r;

	memset(reply, 0, sizeof(*reply));
	r = replica_fields_message(tb, nlh);
	if (!r)
		r = replica_fields_get(tb, operate_fields, reply);
	if (!r && tb[DM_REPLICA_A_JOB])
		r = replica_fields_nest(job, DM_REPLICA_J_MAX, tb[DM_REPLICA_A_JOB]);
	if (!r && tb[DM_REPLICA_A_JOB])
		r = replica_fields_get(job, operate_job_fields, reply);
	return r;
}

int replica_msg_parse_verify(const struct nlmsghdr *nlh, uint32_t *job_id)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1], *job[DM_REPLICA_J_MAX + 1];
	struct replica_operate_reply reply = { .job_id = 0 };
	int r;

	r = replica_fields_message(tb, nlh);
	if (!r && !tb[DM_REPLICA_A_JOB])
		r = -EPROTO;
	if (!r)
		r = replica_fields_nest(job, DM_REPLICA_J_MAX, tb[DM_REPLICA_A_JOB]);
	if (!r)
		r = replica_fields_get(job, operate_job_fields, &reply);
	*job_id = reply.job_id;
	return r;
}

int replica_msg_parse_diff(const struct nlmsghdr *nlh, struct replica_diff_reply *reply)
{
	const uint64_t max = UINT64_MAX >> SECTOR_SHIFT;
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	int r;

	memset(reply, 0, sizeof(*reply));
	r = replica_fields_message(tb, nlh);
	if (!r)
		r = replica_fields_get(tb, diff_fields, reply);
	if (!r && (!reply->sectors || reply->sector > max || reply->sectors > max - reply->sector))
		r = -EPROTO;
	return r;
}

int replica_msg_parse_confirm(const struct nlmsghdr *nlh,
			      struct replica_confirm_reply *reply)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	int r;

	memset(reply, 0, sizeof(*reply));
	r = replica_fields_message(tb, nlh);
	if (!r)
		r = replica_fields_get(tb, confirm_fields, reply);
	return r;
}
