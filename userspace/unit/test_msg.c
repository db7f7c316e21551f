// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages of the kernel, well formed ones and strange ones. */
#include <errno.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>

#include "ktap.h"
#include "messages.h"

static void check_queue(const struct replica_queue *q)
{
	CHECK_INT(q->ack_mode, DM_REPLICA_MODE_ASYNC);
	CHECK_INT(q->entries, 2000 + DM_REPLICA_Q_ENTRIES);
	CHECK_INT(q->bytes, 2000 + DM_REPLICA_Q_BYTES);
	CHECK_INT(q->high_entries, 2000 + DM_REPLICA_Q_HIGH_ENTRIES);
	CHECK_INT(q->high_bytes, 2000 + DM_REPLICA_Q_HIGH_BYTES);
	CHECK_INT(q->high_age_ms, 2000 + DM_REPLICA_Q_HIGH_AGE);
	CHECK_INT(q->rate_in, 2000 + DM_REPLICA_Q_RATE_IN);
	CHECK_INT(q->rate_out, 2000 + DM_REPLICA_Q_RATE_OUT);
	CHECK(q->has_drain);
	CHECK_INT(q->drain_ms, 2000 + DM_REPLICA_Q_DRAIN);
	CHECK(q->pending);
	CHECK_INT(q->overflows, 2);
	CHECK_INT(q->rpo_missed, 3);
	for (uint64_t i = 0; i < DM_REPLICA_DELAYS; i++)
		CHECK_INT(q->delays[i], i * i);
	CHECK_INT(q->switches, 2000 + DM_REPLICA_Q_SWITCHES);
	CHECK_INT(q->sync_time_ms, 2000 + DM_REPLICA_Q_SYNC_TIME);
	CHECK_INT(q->async_time_ms, 2000 + DM_REPLICA_Q_ASYNC_TIME);
	CHECK_STR(q->switch_reason, "slow");
}

static void whole_info(void)
{
	struct nl_msg *msg = info_msg();
	struct replica_info *i = NULL;
	const char *name;
	uint64_t value;

	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &i), 0);
	nlmsg_free(msg);
	if (!CHECK(i))
		return;
	CHECK_STR(i->name, "vol");
	CHECK_STR(i->uuid, "REPLICA-x");
	CHECK_INT(i->major, 253);
	CHECK_INT(i->minor, 7);
	CHECK_STR(i->origin, "8:16");
	CHECK_STR(i->replica, "8:32");
	CHECK_INT(i->size, 1LL << 40);
	CHECK_INT(i->region_size, 1 << 20);
	CHECK_INT(i->mode, 2);
	CHECK_INT(i->copy_state, 3);
	CHECK_INT(i->requested_copy_state, 4);
	CHECK_INT(i->progress_status, 7);
	CHECK_INT(i->percent_synced, 42);
	CHECK_STR(i->reason, "resync");
	CHECK_INT(i->dirty_regions, 10);
	CHECK_INT(i->dirty_bytes, 10 << 20);
	CHECK(!i->consistent_now);
	CHECK(i->has_consistent_age);
	CHECK_INT(i->consistent_age_ms, 99);
	CHECK_INT(i->lag_bytes, 5);
	CHECK_INT(i->lag_ms, 6);
	CHECK_INT(i->when_established, 1);
	CHECK_INT(i->when_synced, 2);
	CHECK_INT(i->when_suspended, 3);
	CHECK_INT(i->event_seq, 55);
	CHECK(i->dm_suspended);
	CHECK_STR(i->meta, "8:48");
	CHECK(i->meta_failed);
	CHECK_INT(i->active_regions, 7);
	CHECK_INT(i->exposed_bytes, 7 << 20);
	CHECK_INT(i->settings.present, 0x1ebf);
	CHECK_INT(i->settings.on_meta_error, 2);
	CHECK_INT(i->settings.payload, 2);
	CHECK_INT(i->settings.on_replica_error, 2);
	CHECK_INT(i->settings.recovery, 3);
	CHECK_INT(i->settings.resync_rate, 77);
	CHECK_INT(i->settings.replica_timeout_ms, 30000);
	CHECK_INT(i->settings.region_size, 1 << 20);
	CHECK_INT(i->settings.queue_bytes, 8 << 20);
	CHECK_INT(i->settings.rpo_ms, 500);
	CHECK_INT(i->settings.overflow, DM_REPLICA_OVERFLOW_TRACK);
	CHECK_INT(i->settings.max_skew, 4096);
	check_queue(&i->queue);
	for (size_t n = 0; !replica_counter_entry(&i->counters, n, &name, &value);
	     n++)
		CHECK_INT(value, 1000 + DM_REPLICA_C_READS + n);
	if (CHECK(i->job))
		CHECK_INT(i->job->id, 3);
	replica_info_free(i);
}

static void whole_job(void)
{
	struct nl_msg *msg = job_msg();
	struct replica_job *job = NULL;

	CHECK_INT(replica_msg_parse_job(nlmsg_hdr(msg), &job), 0);
	nlmsg_free(msg);
	if (!CHECK(job))
		return;
	CHECK_STR(job->name, "vol");
	CHECK_INT(job->id, 3);
	CHECK_INT(job->type, DM_REPLICA_JOB_RESYNC);
	CHECK_INT(job->state, DM_REPLICA_JOB_EXCEPTION);
	CHECK_INT(job->percent, 42);
	CHECK_INT(job->bytes_done, 42000);
	CHECK_INT(job->bytes_total, 100000);
	CHECK_INT(job->start_time, 1700000000000LL);
	CHECK_INT(job->elapsed_ms, 1234);
	CHECK(job->has_eta);
	CHECK_INT(job->eta_ms, 4321);
	CHECK_INT(job->error_code, 4);
	CHECK_STR(job->error_text, "read error");
	CHECK_INT(job->differs, 8192);
	CHECK_INT(job->offloaded, 4096);
	replica_job_free(job);
}

static void whole_event(void)
{
	struct nl_msg *msg = event_msg();
	struct replica_event *e = NULL;

	CHECK_INT(replica_msg_cmd(nlmsg_hdr(msg)), DM_REPLICA_CMD_EVENT);
	CHECK_INT(replica_msg_parse_event(nlmsg_hdr(msg), &e), 0);
	nlmsg_free(msg);
	if (!CHECK(e))
		return;
	CHECK_INT(e->type, DM_REPLICA_EVENT_REPLICA_ERROR);
	CHECK_INT(e->seq, 9);
	CHECK_INT(e->time, 1700000000000LL);
	CHECK_STR(e->name, "vol");
	CHECK_INT(e->major, 253);
	CHECK_INT(e->minor, 7);
	CHECK_INT(e->copy_state, 5);
	CHECK_INT(e->old_copy_state, 4);
	CHECK_STR(e->reason, "replica write error");
	CHECK_INT(e->sector, 8);
	CHECK_INT(e->error, 5);
	CHECK(e->job && e->job->id == 3);
	replica_event_free(e);
}

/* Leaves one attribute of the top level out. */
static struct nl_msg *without(struct nl_msg *full, int type)
{
	struct nl_msg *msg = start_msg(replica_msg_cmd(nlmsg_hdr(full)));
	struct nlattr *attr;
	int rem;

	nlmsg_for_each_attr(attr, nlmsg_hdr(full), GENL_HDRLEN, rem)
		if (nla_type(attr) != type)
			nla_put(msg, attr->nla_type, nla_len(attr),
				nla_data(attr));
	nlmsg_free(full);
	return msg;
}

/* Only the queue's Q_ACK comes with it. */
static void mode_event(void)
{
	struct nl_msg *msg = without(event_msg(), DM_REPLICA_A_EVENT_TYPE);
	struct replica_event *e = NULL;
	struct nlattr *nest;

	nla_put_u16(msg, DM_REPLICA_A_EVENT_TYPE, DM_REPLICA_EVENT_MODE);
	nla_put_u16(msg, DM_REPLICA_A_MODE, DM_REPLICA_MODE_ADAPTIVE);
	nest = nla_nest_start(msg, DM_REPLICA_A_QUEUE);
	nla_put_u16(msg, DM_REPLICA_Q_ACK, DM_REPLICA_MODE_ASYNC);
	nla_nest_end(msg, nest);
	CHECK_INT(replica_msg_parse_event(nlmsg_hdr(msg), &e), 0);
	nlmsg_free(msg);
	if (!CHECK(e))
		return;
	CHECK_INT(e->type, DM_REPLICA_EVENT_MODE);
	CHECK_INT(e->mode, DM_REPLICA_MODE_ADAPTIVE);
	CHECK_INT(e->ack_mode, DM_REPLICA_MODE_ASYNC);
	CHECK_STR(e->reason, "replica write error");
	replica_event_free(e);
}

/* A queue with that attribute instead of all that there are. */
static int parse_queue(int type, size_t size, struct replica_info **info)
{
	static const uint64_t values[DM_REPLICA_DELAYS + 2] = { 1, 2, 3 };
	struct nl_msg *msg = without(info_msg(), DM_REPLICA_A_QUEUE);
	struct nlattr *nest = nla_nest_start(msg, DM_REPLICA_A_QUEUE);
	int r;

	if (type != DM_REPLICA_Q_ACK)
		nla_put_u16(msg, DM_REPLICA_Q_ACK, DM_REPLICA_MODE_SYNC);
	nla_put(msg, type, size, values);
	nla_nest_end(msg, nest);
	*info = NULL;
	r = replica_msg_parse_info(nlmsg_hdr(msg), info);
	nlmsg_free(msg);
	return r;
}

static void queues(void)
{
	const size_t all = DM_REPLICA_DELAYS * sizeof(uint64_t);
	struct replica_info *info;

	CHECK_INT(parse_queue(DM_REPLICA_Q_DELAYS, all - 1, &info), -EPROTO);
	CHECK_INT(parse_queue(DM_REPLICA_Q_ACK, 4, &info), -EPROTO);
	CHECK_INT(parse_queue(DM_REPLICA_Q_DRAIN, 4, &info), -EPROTO);
	CHECK(!info);
	CHECK_INT(parse_queue(DM_REPLICA_Q_DELAYS, 16, &info), 0);
	if (CHECK(info)) {
		CHECK_INT(info->queue.ack_mode, DM_REPLICA_MODE_SYNC);
		CHECK(!info->queue.has_drain && !info->queue.switch_reason);
		CHECK_INT(info->queue.delays[1], 2);
		CHECK_INT(info->queue.delays[2], 0);
	}
	replica_info_free(info);
	CHECK_INT(parse_queue(DM_REPLICA_Q_DELAYS, all + 16, &info), 0);
	if (CHECK(info)) {
		CHECK_INT(info->queue.delays[2], 3);
		CHECK_INT(info->queue.switches, 0);
	}
	replica_info_free(info);
}

static void whole_caps(void)
{
	struct nl_msg *msg = caps_msg();
	struct replica_capabilities *c = NULL;

	CHECK_INT(replica_msg_parse_caps(nlmsg_hdr(msg), &c), 0);
	nlmsg_free(msg);
	if (!CHECK(c))
		return;
	CHECK_STR(c->module_version, "1.0.0");
	CHECK_STR(c->name, "vol");
	CHECK_INT(c->copy_state, 4);
	CHECK_INT(c->nr_replication_types, 1);
	CHECK_INT(c->replication_types[0], 2);
	CHECK_INT(c->nr_operations, 3);
	CHECK_INT(c->operations[2], 22);
	CHECK_INT(c->nr_operations_force, 0);
	replica_capabilities_free(c);
}

static void more_capabilities_than_room(void)
{
	static const uint16_t many[REPLICA_CAPS_MAX + 10];
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_CAPS_GET);
	struct replica_capabilities *c = NULL;

	nla_put(msg, DM_REPLICA_A_OPERATIONS, sizeof(many), many);
	CHECK_INT(replica_msg_parse_caps(nlmsg_hdr(msg), &c), 0);
	nlmsg_free(msg);
	if (CHECK(c))
		CHECK_INT(c->nr_operations, REPLICA_CAPS_MAX);
	replica_capabilities_free(c);
	c = NULL;
	msg = start_msg(DM_REPLICA_CMD_CAPS_GET);
	nla_put(msg, DM_REPLICA_A_OPERATIONS, 3, many);		/* one and a half */
	CHECK_INT(replica_msg_parse_caps(nlmsg_hdr(msg), &c), -EPROTO);
	CHECK(!c);
	nlmsg_free(msg);
}

static void operate_and_confirm(void)
{
	struct nl_msg *msg = operate_msg();
	struct replica_operate_reply operate;
	struct replica_confirm_reply confirm;

	CHECK_INT(replica_msg_parse_operate(nlmsg_hdr(msg), &operate), 0);
	CHECK_INT(operate.copy_state, 3);
	CHECK_INT(operate.job_id, 3);
	CHECK_INT(replica_msg_parse_confirm(nlmsg_hdr(msg), &confirm), -EPROTO);
	nlmsg_free(msg);
	msg = confirm_msg();
	CHECK_INT(replica_msg_parse_confirm(nlmsg_hdr(msg), &confirm), 0);
	CHECK_INT(confirm.result, 7);
	CHECK_INT(replica_msg_parse_operate(nlmsg_hdr(msg), &operate), -EPROTO);
	nlmsg_free(msg);
}

static void what_must_be_there(void)
{
	static const int required[] = {
		DM_REPLICA_A_NAME, DM_REPLICA_A_MAJOR, DM_REPLICA_A_MINOR,
		DM_REPLICA_A_ORIGIN, DM_REPLICA_A_REPLICA, DM_REPLICA_A_SIZE,
		DM_REPLICA_A_COPY_STATE, DM_REPLICA_A_EVENT_SEQ,
	};
	static const int optional[] = {
		DM_REPLICA_A_UUID, DM_REPLICA_A_CONSISTENT_AGE, DM_REPLICA_A_JOB,
		DM_REPLICA_A_COUNTERS, DM_REPLICA_A_SETTINGS, DM_REPLICA_A_REASON,
	};
	struct replica_info *info;
	struct nl_msg *msg;

	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		info = NULL;
		msg = without(info_msg(), required[i]);
		CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), -EPROTO);
		CHECK(!info);
		nlmsg_free(msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++) {
		info = NULL;
		msg = without(info_msg(), optional[i]);
		CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), 0);
		if (CHECK(info) && optional[i] == DM_REPLICA_A_CONSISTENT_AGE)
			CHECK(!info->has_consistent_age);
		if (info && optional[i] == DM_REPLICA_A_JOB)
			CHECK(!info->job);
		replica_info_free(info);
		nlmsg_free(msg);
	}
}

/* A newer module: attributes that we do not know are passed over. */
static void unknown_attributes(void)
{
	struct nl_msg *msg = event_msg();
	struct replica_event *e = NULL;

	nla_put_u64(msg, DM_REPLICA_A_MAX + 1, 1);
	nla_put_string(msg, 0x3fff, "new");
	CHECK_INT(replica_msg_parse_event(nlmsg_hdr(msg), &e), 0);
	replica_event_free(e);
	nlmsg_free(msg);
}

static void wrong_lengths(void)
{
	struct replica_info *info = NULL;
	struct nl_msg *msg;

	msg = without(info_msg(), DM_REPLICA_A_SIZE);
	nla_put_u32(msg, DM_REPLICA_A_SIZE, 1);
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
	msg = without(info_msg(), DM_REPLICA_A_NAME);
	nla_put(msg, DM_REPLICA_A_NAME, 3, "vol");		/* no zero */
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
	msg = without(info_msg(), DM_REPLICA_A_NAME);
	nla_put(msg, DM_REPLICA_A_NAME, 0, "");			/* nothing at all */
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
	msg = without(info_msg(), DM_REPLICA_A_JOB);
	nla_put_u32(msg, DM_REPLICA_A_JOB, 7);			/* no nest */
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
	CHECK(!info);
}

static void acks(void)
{
	struct replica_ack ack;
	struct nl_msg *msg;

	for (int capped = 0; capped < 2; capped++) {
		msg = ack_msg(-ENODEV, capped);
		CHECK_INT(replica_msg_parse_ack(nlmsg_hdr(msg), &ack), 0);
		CHECK_INT(ack.err, ENODEV);
		CHECK_STR(ack.message, "there is no such replica");
		CHECK_INT(ack.offset, NLMSG_HDRLEN + GENL_HDRLEN);
		nlmsg_hdr(msg)->nlmsg_flags = 0;
		CHECK_INT(replica_msg_parse_ack(nlmsg_hdr(msg), &ack), 0);
		CHECK_STR(ack.message, "");
		nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN + 4;
		CHECK_INT(replica_msg_parse_ack(nlmsg_hdr(msg), &ack), -EPROTO);
		nlmsg_free(msg);
	}
	msg = ack_msg(0, true);
	CHECK_INT(replica_msg_parse_ack(nlmsg_hdr(msg), &ack), 0);
	CHECK_INT(ack.err, 0);
	nlmsg_free(msg);
	msg = ack_msg(ENODEV, true);		/* positive: no kernel says that */
	CHECK_INT(replica_msg_parse_ack(nlmsg_hdr(msg), &ack), -EPROTO);
	nlmsg_free(msg);
	msg = ack_msg(INT32_MIN, true);
	CHECK_INT(replica_msg_parse_ack(nlmsg_hdr(msg), &ack), -EPROTO);
	nlmsg_free(msg);
}

static void queue_setting_at_fault(void)
{
	static const char *const names[] = { "queue_bytes", "rpo", "overflow", "max_skew",
						"copy_priority", "delta_ms" };
	const struct replica_settings s = {
		.present = 0x3e00 | REPLICA_SETTING_DELTA_MS, .overflow = 1,
	};
	struct nl_msg *msg = replica_msg_new(FAMILY, DM_REPLICA_CMD_SET, 0, "vol");
	uint32_t at = NLMSG_HDRLEN + GENL_HDRLEN + NLA_HDRLEN + 4 + NLA_HDRLEN;

	CHECK_INT(replica_msg_put_settings(msg, &s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++, at += 8)
		CHECK_STR(replica_msg_attr_at(nlmsg_hdr(msg), at), names[i]);
	nlmsg_free(msg);
}

static void attribute_at_fault(void)
{
	const struct replica_settings s = {
		.present = 0x1f, .payload = 1, .on_replica_error = 1, .recovery = 2,
	};
	struct nl_msg *msg = replica_msg_new(FAMILY, DM_REPLICA_CMD_SET, 0, "vol");
	const struct nlmsghdr *nlh = nlmsg_hdr(msg);
	const uint32_t name = NLMSG_HDRLEN + GENL_HDRLEN;
	const uint32_t nest = name + NLA_HDRLEN + 4;

	CHECK_INT(replica_msg_put_settings(msg, &s), 0);
	CHECK_STR(replica_msg_attr_at(nlh, name), "Name");
	CHECK_STR(replica_msg_attr_at(nlh, nest), "ReplicationSettings");
	CHECK_STR(replica_msg_attr_at(nlh, nest + NLA_HDRLEN), "payload");
	CHECK_STR(replica_msg_attr_at(nlh, nest + NLA_HDRLEN + 3 * 8),
		  "resync_rate");
	CHECK(!replica_msg_attr_at(nlh, 0));
	queue_setting_at_fault();
	for (uint32_t offset = 1; offset < 200; offset++) {
		const char *what = replica_msg_attr_at(nlh, offset);

		CHECK(!what || offset % 4 == 0);
	}
	CHECK(!replica_msg_attr_at(nlh, ~0u));
	nlmsg_free(msg);
}

static void settings_survive(void)
{
	const struct replica_settings s = {
		.present = 0x3e9f | REPLICA_SETTING_DELTA_MS | REPLICA_SETTING_PROTECT,
		.payload = 2, .on_replica_error = 2,
		.recovery = 3, .resync_rate = 9, .replica_timeout_ms = 1000,
		.on_meta_error = 2, .queue_bytes = 4 << 20, .rpo_ms = 100, .overflow = 3,
		.max_skew = 1, .copy_priority = DM_REPLICA_PRIORITY_URGENT, .delta_ms = 5000,
		.protect = DM_REPLICA_PROTECT_SNAPSHOT,
	};
	struct nl_msg *msg = without(info_msg(), DM_REPLICA_A_SETTINGS);
	struct replica_info *info = NULL;

	CHECK_INT(replica_msg_put_settings(msg, &s), 0);
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), 0);
	if (CHECK(info)) {
		CHECK_INT(info->settings.payload, 2);
		CHECK_INT(info->settings.on_replica_error, 2);
		CHECK_INT(info->settings.recovery, 3);
		CHECK_INT(info->settings.resync_rate, 9);
		CHECK_INT(info->settings.on_meta_error, 2);
		CHECK_INT(info->settings.replica_timeout_ms, 1000);
		CHECK_INT(info->settings.queue_bytes, 4 << 20);
		CHECK_INT(info->settings.rpo_ms, 100);
		CHECK_INT(info->settings.overflow, 3);
		CHECK_INT(info->settings.max_skew, 1);
		CHECK_INT(info->settings.copy_priority, DM_REPLICA_PRIORITY_URGENT);
		CHECK_INT(info->settings.delta_ms, 5000);
		CHECK_INT(info->settings.protect, DM_REPLICA_PROTECT_SNAPSHOT);
	}
	replica_info_free(info);
	nlmsg_free(msg);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(whole_info), T(whole_job), T(whole_event), T(mode_event),
		T(queues), T(whole_caps),
		T(more_capabilities_than_room), T(operate_and_confirm),
		T(what_must_be_there), T(unknown_attributes), T(wrong_lengths),
		T(acks), T(attribute_at_fault), T(settings_survive),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
