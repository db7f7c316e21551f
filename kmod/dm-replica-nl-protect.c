// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink command PROTECTED.
 */
#include "dm-replica.h"
#include "dm-replica-nl-policy.h"
#include "dm-replica-protect.h"

/**
 * replica_nl_protected_doit - DM_REPLICA_CMD_PROTECTED
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_protected_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[DM_REPLICA_A_JOB_ID];
	struct nlattr *reason = info->attrs[DM_REPLICA_A_REASON];
	const char *sentence = NULL;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_JOB_ID)) {
		GENL_SET_ERR_MSG(info, "job_id is missing: which job?");
		return -EINVAL;
	}
	err = replica_protected(info->user_ptr[0], nla_get_u32(id),
				reason ? nla_data(reason) : NULL, &sentence);
	if (err && info->extack) {
		NL_SET_BAD_ATTR(info->extack, id);
		info->extack->_msg = sentence;
	}
	return err;
}
