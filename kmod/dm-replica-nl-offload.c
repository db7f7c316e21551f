// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink command OFFLOAD, and the end of the sockets that use it.
 */
#include <linux/capability.h>
#include <linux/notifier.h>

#include "dm-replica.h"
#include "dm-replica-nl-fill.h"
#include "dm-replica-nl-policy.h"
#include "dm-replica-offload.h"

static int need_range(struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_SECTOR) ||
	    GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_SECTORS)) {
		GENL_SET_ERR_MSG(info, "sector or sectors is missing: which range?");
		return -EINVAL;
	}
	return 0;
}

static int read_call(struct genl_info *info, struct replica_offload_call *call)
{
	struct nlattr **attrs = info->attrs;

	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_OFFLOAD)) {
		GENL_SET_ERR_MSG(info, "offload is missing: which step?");
		return -EINVAL;
	}
	call->portid = info->snd_portid;
	call->step = nla_get_u8(attrs[DM_REPLICA_A_OFFLOAD]);
	if (call->step == DM_REPLICA_OFFLOAD_FINISH && attrs[DM_REPLICA_A_REASON])
		call->reason = nla_data(attrs[DM_REPLICA_A_REASON]);
	if (call->step != DM_REPLICA_OFFLOAD_CLAIM && call->step != DM_REPLICA_OFFLOAD_COPIED)
		return 0;
	if (need_range(info))
		return -EINVAL;
	call->first = nla_get_u64(attrs[DM_REPLICA_A_SECTOR]);
	call->sectors = nla_get_u64(attrs[DM_REPLICA_A_SECTORS]);
	return 0;
}

/* A claim that nobody hears of is kept until the socket is closed. */
static int answer_claim(struct genl_info *info, struct sk_buff *skb,
			struct replica_offload_call *call)
{
	const struct replica_nl_message message = {
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.cmd = DM_REPLICA_CMD_OFFLOAD,
		.fill = replica_nl_fill_claim,
		.data = call,
	};
	int err = replica_nl_fill(skb, &message, info->user_ptr[0], NULL);

	if (err) {
		nlmsg_free(skb);
		return err;
	}
	return genlmsg_reply(skb, info);
}

/**
 * replica_nl_offload_doit - DM_REPLICA_CMD_OFFLOAD
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_offload_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct replica_offload_call call = {};
	struct sk_buff *answer = NULL;
	int err = read_call(info, &call);

	if (err)
		return err;
	if (call.step == DM_REPLICA_OFFLOAD_CLAIM) {
		answer = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
		if (!answer)
			return -ENOMEM;
	}
	err = replica_offload_call(info->user_ptr[0], &call);
	if (!err)
		return answer ? answer_claim(info, answer, &call) : 0;
	nlmsg_free(answer);
	if (info->extack) {
		NL_SET_BAD_ATTR(info->extack, info->attrs[err == -EINVAL ? DM_REPLICA_A_SECTOR :
								    DM_REPLICA_A_OFFLOAD]);
		/* A constant: it is sent when all this is gone. */
		info->extack->_msg = call.error;
	}
	return err;
}

/* Who dies closes his sockets, and does so when his last command is over. */
static int socket_event(struct notifier_block *block, unsigned long event, void *data)
{
	const struct netlink_notify *notify = data;

	if (event == NETLINK_URELEASE && notify->protocol == NETLINK_GENERIC &&
	    net_eq(notify->net, &init_net))
		replica_offload_closed(notify->portid);
	return NOTIFY_DONE;
}

static struct notifier_block sockets = {
	.notifier_call = socket_event,
};

int replica_nl_offload_init(void)
{
	return netlink_register_notifier(&sockets);
}

void replica_nl_offload_exit(void)
{
	netlink_unregister_notifier(&sockets);
}
