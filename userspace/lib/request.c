// SPDX-License-Identifier: LGPL-2.1-or-later
/* Requests to netlink messages, and what the kernel says when it refuses one. */
#include <errno.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>

#include "msg.h"

struct nl_msg *replica_msg_new(int family, uint8_t cmd, int flags,
			       const char *name)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0,
			 NLM_F_REQUEST | flags, cmd, DM_REPLICA_GENL_VERSION) ||
	    (name && nla_put_string(msg, DM_REPLICA_A_NAME, name) < 0)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int put_settings(struct nl_msg *msg, const struct replica_settings *s)
{
	int r = 0;

	if (s->present & REPLICA_SETTING_PAYLOAD)
		r |= nla_put_u8(msg, DM_REPLICA_S_PAYLOAD, s->payload);
	if (s->present & REPLICA_SETTING_ON_REPLICA_ERROR)
		r |= nla_put_u8(msg, DM_REPLICA_S_ON_REPLICA_ERROR,
				s->on_replica_error);
	if (s->present & REPLICA_SETTING_RECOVERY)
		r |= nla_put_u8(msg, DM_REPLICA_S_RECOVERY, s->recovery);
	if (s->present & REPLICA_SETTING_RESYNC_RATE)
		r |= nla_put_u32(msg, DM_REPLICA_S_RESYNC_RATE, s->resync_rate);
	if (s->present & REPLICA_SETTING_REPLICA_TIMEOUT)
		r |= nla_put_u32(msg, DM_REPLICA_S_REPLICA_TIMEOUT,
				 s->replica_timeout_ms);
	if (s->present & REPLICA_SETTING_ON_META_ERROR)
		r |= nla_put_u8(msg, DM_REPLICA_S_ON_META_ERROR, s->on_meta_error);
	if (s->present & REPLICA_SETTING_QUEUE_BYTES)
		r |= nla_put_u32(msg, DM_REPLICA_S_QUEUE_BYTES, s->queue_bytes);
	if (s->present & REPLICA_SETTING_RPO)
		r |= nla_put_u32(msg, DM_REPLICA_S_RPO, s->rpo_ms);
	if (s->present & REPLICA_SETTING_OVERFLOW)
		r |= nla_put_u8(msg, DM_REPLICA_S_OVERFLOW, s->overflow);
	if (s->present & REPLICA_SETTING_MAX_SKEW)
		r |= nla_put_u32(msg, DM_REPLICA_S_MAX_SKEW, s->max_skew);
	if (s->present & REPLICA_SETTING_COPY_PRIORITY)
		r |= nla_put_u8(msg, DM_REPLICA_S_COPY_PRIORITY, s->copy_priority);
	if (s->present & REPLICA_SETTING_DELTA_MS)
		r |= nla_put_u32(msg, DM_REPLICA_S_DELTA_MS, s->delta_ms);
	if (s->present & REPLICA_SETTING_PROTECT)
		r |= nla_put_u8(msg, DM_REPLICA_S_PROTECT, s->protect);
	return r;
}

int replica_msg_put_settings(struct nl_msg *msg,
			     const struct replica_settings *settings)
{
	struct nlattr *nest = nla_nest_start(msg, NLA_F_NESTED |
					     DM_REPLICA_A_SETTINGS);

	if (!nest || put_settings(msg, settings))
		return -ENOMEM;
	nla_nest_end(msg, nest);
	return 0;
}

int replica_msg_put_operation(struct nl_msg *msg, unsigned int operation,
			      unsigned int flags)
{
	int r = nla_put_u16(msg, DM_REPLICA_A_OPERATION, operation);

	if (flags & REPLICA_RESYNC_FORCE)
		r |= nla_put_flag(msg, DM_REPLICA_A_FORCE);
	if (flags & REPLICA_RESYNC_COMPARE)
		r |= nla_put_flag(msg, DM_REPLICA_A_COMPARE);
	return r ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------------ */
/* Refusals */

/* Attributes of an error start behind the copy of the request, if there is one. */
static size_t ack_attrs_offset(const struct nlmsghdr *nlh,
			       const struct nlmsgerr *e)
{
	size_t offset = NLMSG_HDRLEN + sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && e->error &&
	    e->msg.nlmsg_len > NLMSG_HDRLEN)
		offset += NLMSG_ALIGN(e->msg.nlmsg_len - NLMSG_HDRLEN);
	return offset;
}

static void take_ack_attrs(const struct nlattr *attr, int len,
			   struct replica_ack *ack)
{
	size_t room = sizeof(ack->message) - 1;

	for (; nla_ok(attr, len); attr = nla_next(attr, &len)) {
		if (nla_type(attr) == NLMSGERR_ATTR_MSG) {
			size_t n = nla_len(attr) < (int)room ?
				   (size_t)nla_len(attr) : room;

			memcpy(ack->message, nla_data(attr), n);
			ack->message[n] = '\0';
		} else if (nla_type(attr) == NLMSGERR_ATTR_OFFS &&
			   nla_len(attr) == sizeof(ack->offset)) {
			memcpy(&ack->offset, nla_data(attr), sizeof(ack->offset));
		}
	}
}

int replica_msg_parse_ack(const struct nlmsghdr *nlh, struct replica_ack *ack)
{
	const struct nlmsgerr *e = nlmsg_data(nlh);
	size_t offset;

	memset(ack, 0, sizeof(*ack));
	if (nlh->nlmsg_len < NLMSG_HDRLEN + sizeof(*e) ||
	    e->error > 0 || e->error < -4095)
		return -EPROTO;
	ack->err = -e->error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return 0;
	offset = ack_attrs_offset(nlh, e);
	if (offset > nlh->nlmsg_len)
		return -EPROTO;
	take_ack_attrs((const void *)((const char *)nlh + offset),
		       nlh->nlmsg_len - offset, ack);
	return 0;
}

static const struct {
	uint16_t attr;
	const char *name;
} request_names[] = {
	{ DM_REPLICA_A_NAME, "Name" },
	{ DM_REPLICA_A_MAJOR, "Major" },
	{ DM_REPLICA_A_MINOR, "Minor" },
	{ DM_REPLICA_A_SETTINGS, "ReplicationSettings" },
	{ DM_REPLICA_A_OPERATION, "Operation" },
	{ DM_REPLICA_A_FORCE, "Force" },
	{ DM_REPLICA_A_COMPARE, "Compare" },
	{ DM_REPLICA_A_JOB_ID, "JobID" },
	{ DM_REPLICA_A_TIMEOUT, "WaitTime" },
	{ DM_REPLICA_A_REASON, "Reason" },
}, setting_names[] = {
	{ DM_REPLICA_S_PAYLOAD, "payload" },
	{ DM_REPLICA_S_ON_REPLICA_ERROR, "on_replica_error" },
	{ DM_REPLICA_S_RECOVERY, "recovery" },
	{ DM_REPLICA_S_RESYNC_RATE, "resync_rate" },
	{ DM_REPLICA_S_REPLICA_TIMEOUT, "replica_timeout" },
	{ DM_REPLICA_S_ON_META_ERROR, "on_meta_error" },
	{ DM_REPLICA_S_QUEUE_BYTES, "queue_bytes" },
	{ DM_REPLICA_S_RPO, "rpo" },
	{ DM_REPLICA_S_OVERFLOW, "overflow" },
	{ DM_REPLICA_S_MAX_SKEW, "max_skew" },
	{ DM_REPLICA_S_COPY_PRIORITY, "copy_priority" },
	{ DM_REPLICA_S_DELTA_MS, "delta_ms" },
	{ DM_REPLICA_S_PROTECT, "protect" },
};

static const char *setting_at(const struct nlattr *nest, const char *at)
{
	struct nlattr *attr;
	int rem;

	nla_for_each_nested(attr, nest, rem) {
		if ((const char *)attr != at)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(setting_names); i++)
			if (setting_names[i].attr == nla_type(attr))
				return setting_names[i].name;
	}
	return NULL;
}

const char *replica_msg_attr_at(const struct nlmsghdr *request, uint32_t offset)
{
	const char *at = (const char *)request + offset;
	struct nlattr *attr;
	int rem;

	if (!offset)
		return NULL;
	nlmsg_for_each_attr(attr, request, GENL_HDRLEN, rem) {
		if ((const char *)attr != at) {
			if (nla_type(attr) == DM_REPLICA_A_SETTINGS &&
			    setting_at(attr, at))
				return setting_at(attr, at);
			continue;
		}
		for (size_t i = 0; i < ARRAY_SIZE(request_names); i++)
			if (request_names[i].attr == nla_type(attr))
				return request_names[i].name;
	}
	return NULL;
}

const char *replica_msg_name(const struct nlmsghdr *request)
{
	struct nlattr *name = nlmsg_find_attr((struct nlmsghdr *)request, GENL_HDRLEN,
					      DM_REPLICA_A_NAME);

	return name ? nla_get_string(name) : NULL;
}
