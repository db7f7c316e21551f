/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel says: one function for each kind of content, and the same one
 * for a reply, a dump and an event, so that these cannot differ.  All may sleep.
 */
#ifndef DM_REPLICA_NL_FILL_H
#define DM_REPLICA_NL_FILL_H

#include "dm-replica-compare.h"
#include "dm-replica.h"

struct netlink_callback;
struct nlattr;
struct sk_buff;

/**
 * struct replica_nl_message - where a message goes, and what it says
 * @portid: of the receiver, 0 for an event
 * @seq: of the request, 0 for an event
 * @flags: of the netlink header
 * @cmd: enum dm_replica_cmd
 * @fill: puts the attributes: one of replica_nl_fill_*()
 * @data: for @fill
 */
struct replica_nl_message {
	u32 portid;
	u32 seq;
	int flags;
	u8 cmd;
	int (*fill)(struct sk_buff *skb, struct replica *replica, const void *data);
	const void *data;
};

int replica_nl_fill(struct sk_buff *skb, const struct replica_nl_message *message,
		    struct replica *replica, struct netlink_callback *cb);

/* The name alone, for the answer to CONFIRM. */
int replica_nl_put_name(struct sk_buff *skb, struct replica *replica);

/* GET.  @data is not used. */
int replica_nl_fill_status(struct sk_buff *skb, struct replica *replica, const void *data);
/* JOB_GET.  @data: struct replica_job. */
int replica_nl_fill_job(struct sk_buff *skb, struct replica *replica, const void *data);
/* OPERATE.  @data: u32, the job that was started, 0 if none. */
/**
 * struct replica_nl_diff - what replica_nl_fill_diff() puts
 * @job_id: the verify
 * @range: sectors that it found different
 */
struct replica_nl_diff {
	u32 job_id;
	struct replica_diff range;
};

int replica_nl_fill_diff(struct sk_buff *skb, struct replica *replica, const void *data);
/* OFFLOAD, a claim.  @data: struct replica_offload_call. */
int replica_nl_fill_claim(struct sk_buff *skb, struct replica *replica, const void *data);
int replica_nl_fill_operated(struct sk_buff *skb, struct replica *replica, const void *data);
/* CAPS_GET.  @replica: NULL when the request named none; @data is not used. */
int replica_nl_fill_caps(struct sk_buff *skb, struct replica *replica, const void *data);
/* EVENT.  @data: struct replica_event. */
int replica_nl_fill_event(struct sk_buff *skb, struct replica *replica, const void *data);

u32 replica_nl_parse_settings(struct nlattr **attrs, struct replica_settings *settings);

#endif /* DM_REPLICA_NL_FILL_H */
