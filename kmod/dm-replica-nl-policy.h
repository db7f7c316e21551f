/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of the netlink family, and the handlers that they name.  They say
 * the same as Documentation/netlink/specs/dm_replica.yaml and have the shape of
 * what the kernel's generator makes of such a file; a selftest compares them.
 */
#ifndef DM_REPLICA_NL_POLICY_H
#define DM_REPLICA_NL_POLICY_H

#include "compat/netlink.h"

#include <linux/dm-replica.h>

/* What pre_doit does before a command, in genl_ops.internal_flags. */
#define REPLICA_NL_ADMIN	BIT(0)	/* refuses all but CAP_SYS_ADMIN */
#define REPLICA_NL_SELECT	BIT(1)	/* looks up the replica that the request names */
#define REPLICA_NL_MAY_SELECT	BIT(2)	/* the same, if it names one */

enum {
	REPLICA_NLGRP_EVENTS,
};

extern const struct nla_policy replica_settings_nl_policy[DM_REPLICA_S_MAX + 1];
extern struct genl_family replica_nl_family;

int replica_nl_pre_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
			struct genl_info *info);
void replica_nl_post_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
			  struct genl_info *info);

int replica_nl_get_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int replica_nl_set_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_operate_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_job_get_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_job_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int replica_nl_job_cancel_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_protected_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_confirm_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_caps_get_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_verify_doit(struct sk_buff *skb, struct genl_info *info);
int replica_nl_diff_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int replica_nl_offload_doit(struct sk_buff *skb, struct genl_info *info);

/* nl-offload.c: hear of sockets that are closed.  May sleep. */
int replica_nl_offload_init(void);
void replica_nl_offload_exit(void);

#endif /* DM_REPLICA_NL_POLICY_H */
