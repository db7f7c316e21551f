// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "messages.h"

struct nl_msg *start_msg(uint8_t cmd)
{
	struct nl_msg *msg = replica_msg_new(FAMILY, cmd, 0, NULL);

	if (!msg)
		abort();
	return msg;
}

static void put_job(struct nl_msg *msg)
{
	struct nlattr *nest = nla_nest_start(msg, DM_REPLICA_A_JOB);

	nla_put_u32(msg, DM_REPLICA_J_ID, 3);
	nla_put_u16(msg, DM_REPLICA_J_TYPE, DM_REPLICA_JOB_RESYNC);
	nla_put_u16(msg, DM_REPLICA_J_STATE, DM_REPLICA_JOB_EXCEPTION);
	nla_put_u16(msg, DM_REPLICA_J_PERCENT, 42);
	nla_put_u64(msg, DM_REPLICA_J_BYTES_DONE, 42000);
	nla_put_u64(msg, DM_REPLICA_J_BYTES_TOTAL, 100000);
	nla_put_u64(msg, DM_REPLICA_J_START_TIME, 1700000000000ULL);
	nla_put_u64(msg, DM_REPLICA_J_ELAPSED, 1234);
	nla_put_u64(msg, DM_REPLICA_J_ETA, 4321);
	nla_put_u32(msg, DM_REPLICA_J_ERROR_CODE, 4);
	nla_put_string(msg, DM_REPLICA_J_ERROR_TEXT, "read error");
	nla_put_u64(msg, DM_REPLICA_J_DIFFERS, 8192);
	nla_put_u64(msg, DM_REPLICA_J_OFFLOADED, 4096);
	nla_nest_end(msg, nest);
}

static void put_device(struct nl_msg *msg)
{
	nla_put_string(msg, DM_REPLICA_A_NAME, "vol");
	nla_put_u32(msg, DM_REPLICA_A_MAJOR, 253);
	nla_put_u32(msg, DM_REPLICA_A_MINOR, 7);
}

static void put_queue(struct nl_msg *msg)
{
	struct nlattr *nest = nla_nest_start(msg, DM_REPLICA_A_QUEUE);
	uint64_t delays[DM_REPLICA_DELAYS];

	for (uint64_t i = 0; i < DM_REPLICA_DELAYS; i++)
		delays[i] = i * i;
	nla_put_u16(msg, DM_REPLICA_Q_ACK, DM_REPLICA_MODE_ASYNC);
	for (int i = DM_REPLICA_Q_ENTRIES; i <= DM_REPLICA_Q_DRAIN; i++)
		nla_put_u64(msg, i, 2000 + i);
	nla_put_u8(msg, DM_REPLICA_Q_PENDING, 1);
	nla_put_u64(msg, DM_REPLICA_Q_OVERFLOWS, 2);
	nla_put(msg, DM_REPLICA_Q_DELAYS, sizeof(delays), delays);
	for (int i = DM_REPLICA_Q_SWITCHES; i <= DM_REPLICA_Q_ASYNC_TIME; i++)
		nla_put_u64(msg, i, 2000 + i);
	nla_put_string(msg, DM_REPLICA_Q_SWITCH_REASON, "slow");
	nla_put_u64(msg, DM_REPLICA_Q_RPO_MISSED, 3);
	nla_nest_end(msg, nest);
}

static void put_nests(struct nl_msg *msg)
{
	struct nlattr *nest = nla_nest_start(msg, DM_REPLICA_A_SETTINGS);

	nla_put_u8(msg, DM_REPLICA_S_PAYLOAD, DM_REPLICA_PAYLOAD_SHARED);
	nla_put_u8(msg, DM_REPLICA_S_ON_REPLICA_ERROR, DM_REPLICA_ON_ERROR_STOP);
	nla_put_u8(msg, DM_REPLICA_S_RECOVERY, DM_REPLICA_RECOVERY_MANUAL);
	nla_put_u32(msg, DM_REPLICA_S_RESYNC_RATE, 77);
	nla_put_u32(msg, DM_REPLICA_S_REPLICA_TIMEOUT, 30000);
	nla_put_u8(msg, DM_REPLICA_S_ON_META_ERROR, DM_REPLICA_ON_META_STOP);
	nla_put_u32(msg, DM_REPLICA_S_QUEUE_BYTES, 8 << 20);
	nla_put_u32(msg, DM_REPLICA_S_RPO, 500);
	nla_put_u8(msg, DM_REPLICA_S_OVERFLOW, DM_REPLICA_OVERFLOW_TRACK);
	nla_put_u32(msg, DM_REPLICA_S_MAX_SKEW, 4096);
	nla_nest_end(msg, nest);
	put_queue(msg);
	nest = nla_nest_start(msg, DM_REPLICA_A_COUNTERS);
	for (int i = DM_REPLICA_C_READS; i <= DM_REPLICA_C_MAX; i++)
		nla_put_u64(msg, i, 1000 + i);
	nla_nest_end(msg, nest);
}

struct nl_msg *info_msg(void)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_GET);

	put_device(msg);
	nla_put_string(msg, DM_REPLICA_A_UUID, "REPLICA-x");
	nla_put_string(msg, DM_REPLICA_A_ORIGIN, "8:16");
	nla_put_string(msg, DM_REPLICA_A_REPLICA, "8:32");
	nla_put_u64(msg, DM_REPLICA_A_SIZE, 1ULL << 40);
	nla_put_u32(msg, DM_REPLICA_A_REGION_SIZE, 1 << 20);
	nla_put_u16(msg, DM_REPLICA_A_SYNC_TYPE, DM_REPLICA_SYNC_TYPE_MIRROR);
	nla_put_u16(msg, DM_REPLICA_A_MODE, DM_REPLICA_MODE_SYNC);
	nla_put_u16(msg, DM_REPLICA_A_COPY_STATE, DM_REPLICA_STATE_UNSYNCHRONIZED);
	nla_put_u16(msg, DM_REPLICA_A_REQUESTED_COPY_STATE,
		    DM_REPLICA_STATE_SYNCHRONIZED);
	nla_put_u16(msg, DM_REPLICA_A_PROGRESS_STATUS,
		    DM_REPLICA_PROGRESS_RESYNCING);
	nla_put_u16(msg, DM_REPLICA_A_PERCENT_SYNCED, 42);
	nla_put_string(msg, DM_REPLICA_A_REASON, "resync");
	nla_put_u64(msg, DM_REPLICA_A_DIRTY_REGIONS, 10);
	nla_put_u64(msg, DM_REPLICA_A_DIRTY_BYTES, 10 << 20);
	nla_put_u8(msg, DM_REPLICA_A_CONSISTENT_NOW, 0);
	nla_put_u64(msg, DM_REPLICA_A_CONSISTENT_AGE, 99);
	nla_put_u64(msg, DM_REPLICA_A_LAG_BYTES, 5);
	nla_put_u64(msg, DM_REPLICA_A_LAG_MS, 6);
	nla_put_u64(msg, DM_REPLICA_A_WHEN_ESTABLISHED, 1);
	nla_put_u64(msg, DM_REPLICA_A_WHEN_SYNCED, 2);
	nla_put_u64(msg, DM_REPLICA_A_WHEN_SUSPENDED, 3);
	nla_put_u64(msg, DM_REPLICA_A_EVENT_SEQ, 55);
	nla_put_u8(msg, DM_REPLICA_A_DM_SUSPENDED, 1);
	nla_put_string(msg, DM_REPLICA_A_META, "8:48");
	nla_put_u8(msg, DM_REPLICA_A_META_FAILED, 1);
	nla_put_u64(msg, DM_REPLICA_A_ACTIVE_REGIONS, 7);
	nla_put_u64(msg, DM_REPLICA_A_EXPOSED_BYTES, 7 << 20);
	put_nests(msg);
	put_job(msg);
	return msg;
}

struct nl_msg *job_msg(void)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_JOB_GET);

	put_device(msg);
	put_job(msg);
	return msg;
}

struct nl_msg *event_msg(void)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_EVENT);

	nla_put_u64(msg, DM_REPLICA_A_EVENT_SEQ, 9);
	nla_put_u16(msg, DM_REPLICA_A_EVENT_TYPE, DM_REPLICA_EVENT_REPLICA_ERROR);
	nla_put_u64(msg, DM_REPLICA_A_EVENT_TIME, 1700000000000ULL);
	put_device(msg);
	nla_put_u16(msg, DM_REPLICA_A_COPY_STATE, DM_REPLICA_STATE_BROKEN);
	nla_put_u16(msg, DM_REPLICA_A_OLD_COPY_STATE,
		    DM_REPLICA_STATE_SYNCHRONIZED);
	nla_put_string(msg, DM_REPLICA_A_REASON, "replica write error");
	nla_put_u64(msg, DM_REPLICA_A_SECTOR, 8);
	nla_put_u32(msg, DM_REPLICA_A_ERRNO, 5);
	put_job(msg);
	return msg;
}

struct nl_msg *caps_msg(void)
{
	static const uint16_t types[] = { 2 }, ops[] = { 12, 21, 22 };
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_CAPS_GET);

	nla_put(msg, DM_REPLICA_A_REPLICATION_TYPES, sizeof(types), types);
	nla_put_string(msg, DM_REPLICA_A_MODULE_VERSION, "1.0.0");
	nla_put_string(msg, DM_REPLICA_A_NAME, "vol");
	nla_put_u16(msg, DM_REPLICA_A_COPY_STATE, DM_REPLICA_STATE_SYNCHRONIZED);
	nla_put(msg, DM_REPLICA_A_OPERATIONS, sizeof(ops), ops);
	nla_put(msg, DM_REPLICA_A_OPERATIONS_FORCE, 0, ops);
	return msg;
}

struct nl_msg *operate_msg(void)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_OPERATE);

	nla_put_u16(msg, DM_REPLICA_A_COPY_STATE, DM_REPLICA_STATE_UNSYNCHRONIZED);
	put_job(msg);
	return msg;
}

struct nl_msg *confirm_msg(void)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_CONFIRM);

	nla_put_string(msg, DM_REPLICA_A_NAME, "vol");
	nla_put_u32(msg, DM_REPLICA_A_RESULT, 7);
	return msg;
}

struct nl_msg *diff_msg(uint32_t job, uint64_t sector, uint64_t sectors)
{
	struct nl_msg *msg = start_msg(DM_REPLICA_CMD_DIFF_GET);

	put_device(msg);
	nla_put_u32(msg, DM_REPLICA_A_JOB_ID, job);
	nla_put_u64(msg, DM_REPLICA_A_SECTOR, sector);
	nla_put_u64(msg, DM_REPLICA_A_SECTORS, sectors);
	return msg;
}

struct nl_msg *ack_msg(int error, bool capped)
{
	struct nl_msg *request = replica_msg_new(FAMILY, DM_REPLICA_CMD_GET, 0,
						 "vol");
	struct nl_msg *msg = nlmsg_alloc_simple(NLMSG_ERROR, NLM_F_ACK_TLVS |
						(capped ? NLM_F_CAPPED : 0));
	size_t len = capped ? NLMSG_HDRLEN : nlmsg_hdr(request)->nlmsg_len;
	char *data = nlmsg_reserve(msg, sizeof(int) + len, NLMSG_ALIGNTO);
	const uint32_t offset = NLMSG_HDRLEN + GENL_HDRLEN;

	memcpy(data, &error, sizeof(error));
	memcpy(data + sizeof(error), nlmsg_hdr(request), len);
	nla_put_string(msg, NLMSGERR_ATTR_MSG, "there is no such replica");
	nla_put_u32(msg, NLMSGERR_ATTR_OFFS, offset);
	nlmsg_free(request);
	return msg;
}
