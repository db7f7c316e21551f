// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink face of the module, as include/uapi/linux/dm-replica.h tells it.
 *
 * Order of this file: what a request names, dumps, commands, events.
 *
 * The family lives in the initial network namespace alone (netnsok is unset):
 * block devices belong to no other.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "dm-replica.h"
#include "dm-replica-compare.h"
#include "dm-replica-event.h"
#include "dm-replica-nl-fill.h"
#include "dm-replica-nl-policy.h"

MODULE_ALIAS_GENL_FAMILY(DM_REPLICA_GENL_NAME);

/* Requests of CONFIRM that may be under way at a time, in the whole module. */
#define REPLICA_NL_CONFIRMS_MAX		1024

static atomic_t confirms_under_way = ATOMIC_INIT(0);

/*
 * Puts a sentence and the attribute at fault into the acknowledgment.  It is
 * sent after the handler is gone, so the sentence has to be a constant.
 */
static void explain(struct netlink_ext_ack *extack, const struct nlattr *attr,
		    const char *sentence)
{
	if (!extack)
		return;
	if (attr)
		NL_SET_BAD_ATTR(extack, attr);
	if (sentence)
		extack->_msg = sentence;
}

/*--------------------------------------------------------------------------
 * What a request names
 *--------------------------------------------------------------------------
 */

static bool selects(struct nlattr **attrs)
{
	return attrs[DM_REPLICA_A_NAME] || attrs[DM_REPLICA_A_MAJOR] || attrs[DM_REPLICA_A_MINOR];
}

static struct nlattr *missing_half(struct nlattr **attrs)
{
	if (attrs[DM_REPLICA_A_MAJOR] && attrs[DM_REPLICA_A_MINOR])
		return NULL;
	return attrs[DM_REPLICA_A_MAJOR] ?: attrs[DM_REPLICA_A_MINOR];
}

static dev_t attrs_dev(struct nlattr **attrs)
{
	return MKDEV(nla_get_u32(attrs[DM_REPLICA_A_MAJOR]),
		     nla_get_u32(attrs[DM_REPLICA_A_MINOR]));
}

static struct replica *find_by_name(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *name = attrs[DM_REPLICA_A_NAME];
	struct replica *replica = replica_registry_find_name(nla_data(name));

	if (!replica) {
		NL_SET_ERR_MSG_ATTR(extack, name, "no active replica has this name");
		return ERR_PTR(-ENODEV);
	}
	if (attrs[DM_REPLICA_A_MAJOR] && attrs_dev(attrs) != replica->dev) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[DM_REPLICA_A_MAJOR],
				    "major and minor are not those of the device that name tells");
		replica_put(replica);
		return ERR_PTR(-EINVAL);
	}
	return replica;
}

/* The replica that the attributes name, with a reference, or an ERR_PTR. */
static struct replica *find_replica(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *half = missing_half(attrs);
	struct replica *replica;

	if (half) {
		NL_SET_ERR_MSG_ATTR(extack, half, "major and minor come together or not at all");
		return ERR_PTR(-EINVAL);
	}
	if (attrs[DM_REPLICA_A_NAME])
		return find_by_name(attrs, extack);
	replica = replica_registry_find_dev(attrs_dev(attrs));
	if (!replica) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[DM_REPLICA_A_MINOR],
				    "no active replica has this major and minor");
		return ERR_PTR(-ENODEV);
	}
	return replica;
}

/**
 * replica_nl_pre_doit - check the sender and look up what the request names
 * @ops: the command
 * @skb: the request
 * @info: the request; user_ptr[0] becomes the replica
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_pre_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
			struct genl_info *info)
{
	struct replica *replica;

	if ((ops->internal_flags & REPLICA_NL_ADMIN) && !netlink_capable(skb, CAP_SYS_ADMIN)) {
		GENL_SET_ERR_MSG(info, "this command needs CAP_SYS_ADMIN");
		return -EPERM;
	}
	if (!selects(info->attrs)) {
		if (ops->internal_flags & REPLICA_NL_MAY_SELECT)
			return 0;
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, DM_REPLICA_A_NAME);
		GENL_SET_ERR_MSG(info, "name, or major and minor, is missing: which replica?");
		return -EINVAL;
	}
	replica = find_replica(info->attrs, info->extack);
	if (IS_ERR(replica))
		return PTR_ERR(replica);
	info->user_ptr[0] = replica;
	return 0;
}

/**
 * replica_nl_post_doit - drop what replica_nl_pre_doit() took
 * @ops: the command
 * @skb: the request
 * @info: the request
 */
void replica_nl_post_doit(const struct genl_split_ops *ops, struct sk_buff *skb,
			  struct genl_info *info)
{
	if (info->user_ptr[0])
		replica_put(info->user_ptr[0]);
}

static int reply(struct genl_info *info, const struct replica_nl_message *content,
		 struct replica *replica)
{
	struct replica_nl_message message = *content;
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	int err;

	if (!skb)
		return -ENOMEM;
	message.portid = info->snd_portid;
	message.seq = info->snd_seq;
	message.cmd = info->genlhdr->cmd;
	err = replica_nl_fill(skb, &message, replica, NULL);
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	return genlmsg_reply(skb, info);
}

/*--------------------------------------------------------------------------
 * Dumps
 *--------------------------------------------------------------------------
 */

/**
 * struct dump_cursor - how far a dump has come, in netlink_callback.ctx
 * @dev: the last replica that is done, 0 at the beginning
 * @only: the one replica whose jobs are asked for, 0 for all
 * @job_dev: the replica whose jobs are being dumped
 * @job: the last job of it that is done; of a dump of differences: the verify
 * @index: ranges of it that are done
 * @started: the request has been checked
 *
 * It holds no reference: whoever opens a dump and never reads it pins nothing.
 */
struct dump_cursor {
	dev_t dev;
	dev_t only;
	dev_t job_dev;
	u32 job;
	u32 index;
	bool started;
};

static struct dump_cursor *dump_cursor(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct dump_cursor) > sizeof(cb->ctx));
	return (struct dump_cursor *)cb->ctx;
}

static int dump_message(struct sk_buff *skb, struct netlink_callback *cb, struct replica *replica,
			const struct replica_nl_message *content)
{
	struct replica_nl_message message = *content;

	message.portid = NETLINK_CB(cb->skb).portid;
	message.seq = cb->nlh->nlmsg_seq;
	message.flags = NLM_F_MULTI;
	return replica_nl_fill(skb, &message, replica, cb);
}

/*
 * Ends one step of a dump.  The generation is read anew, so that the next step,
 * or the end of the dump, tells of a change that came in the middle of this one.
 */
static int dump_step(struct sk_buff *skb, struct netlink_callback *cb, int err)
{
	cb->seq = replica_registry_generation();
	if (err && !(err == -EMSGSIZE && skb->len))
		return err;
	return skb->len;
}

/*
 * Requests are checked in the first step, not in a start callback: sentences
 * written there are lost on older kernels, those written here never are.
 */
static int get_dump_begin(struct netlink_callback *cb)
{
	struct nlattr **attrs = replica_dump_attrs(cb);
	int i;

	for (i = DM_REPLICA_A_NAME; i <= DM_REPLICA_A_MINOR; i++) {
		if (attrs[i]) {
			NL_SET_ERR_MSG_ATTR(cb->extack, attrs[i],
					    "a dump shows all replicas and takes no attribute");
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * replica_nl_get_dumpit - DM_REPLICA_CMD_GET of all replicas, one step
 * @skb: the message to fill
 * @cb: the dump
 *
 * Return: bytes filled, 0 at the end, or a negative errno.
 */
int replica_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct replica_nl_message message = {
		.cmd = DM_REPLICA_CMD_GET,
		.fill = replica_nl_fill_status,
	};
	struct dump_cursor *cursor = dump_cursor(cb);
	struct replica *replica;
	int err = cursor->started ? 0 : get_dump_begin(cb);

	cursor->started = true;
	cb->seq = replica_registry_generation();
	while (!err && (replica = replica_registry_next(cursor->dev))) {
		err = dump_message(skb, cb, replica, &message);
		if (!err)
			cursor->dev = replica->dev;
		replica_put(replica);
	}
	return dump_step(skb, cb, err);
}

static int job_dump_begin(struct netlink_callback *cb, struct dump_cursor *cursor)
{
	struct nlattr **attrs = replica_dump_attrs(cb);
	struct replica *replica;

	if (attrs[DM_REPLICA_A_JOB_ID]) {
		NL_SET_ERR_MSG_ATTR(cb->extack, attrs[DM_REPLICA_A_JOB_ID],
				    "a dump shows all jobs and takes no job_id");
		return -EINVAL;
	}
	if (!selects(attrs))
		return 0;
	replica = find_replica(attrs, cb->extack);
	if (IS_ERR(replica))
		return PTR_ERR(replica);
	cursor->only = replica->dev;
	replica_put(replica);
	return 0;
}

static struct replica *job_dump_next(const struct dump_cursor *cursor)
{
	if (!cursor->only)
		return replica_registry_next(cursor->dev);
	if (cursor->dev == cursor->only)
		return NULL;
	return replica_registry_find_dev(cursor->only);
}

static int dump_jobs(struct sk_buff *skb, struct netlink_callback *cb, struct replica *replica,
		     struct dump_cursor *cursor)
{
	struct replica_job job;
	const struct replica_nl_message message = {
		.cmd = DM_REPLICA_CMD_JOB_GET,
		.fill = replica_nl_fill_job,
		.data = &job,
	};
	int err = 0;

	if (cursor->job_dev != replica->dev) {
		cursor->job_dev = replica->dev;
		cursor->job = 0;
	}
	while (!err && replica_job_next(replica, cursor->job, &job)) {
		err = dump_message(skb, cb, replica, &message);
		if (!err)
			cursor->job = job.id;
	}
	return err;
}

/**
 * replica_nl_job_get_dumpit - DM_REPLICA_CMD_JOB_GET of many jobs, one step
 * @skb: the message to fill
 * @cb: the dump
 *
 * Return: bytes filled, 0 at the end, or a negative errno.
 */
int replica_nl_job_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_cursor *cursor = dump_cursor(cb);
	struct replica *replica;
	int err = cursor->started ? 0 : job_dump_begin(cb, cursor);

	cursor->started = true;
	cb->seq = replica_registry_generation();
	while (!err && (replica = job_dump_next(cursor))) {
		err = dump_jobs(skb, cb, replica, cursor);
		if (!err)
			cursor->dev = replica->dev;
		replica_put(replica);
	}
	return dump_step(skb, cb, err);
}

static int diff_dump_begin(struct netlink_callback *cb, struct dump_cursor *cursor)
{
	struct nlattr **attrs = replica_dump_attrs(cb);
	struct replica *replica;
	struct replica_nl_diff found;
	int err;

	if (!selects(attrs)) {
		NL_SET_ERR_MSG(cb->extack,
			       "name, or major and minor, is missing: which replica?");
		return -EINVAL;
	}
	replica = find_replica(attrs, cb->extack);
	if (IS_ERR(replica))
		return PTR_ERR(replica);
	cursor->only = replica->dev;
	err = replica_verify_read(replica, 0, &found.job_id, &found.range);
	cursor->job = err ? 0 : found.job_id;
	replica_put(replica);
	if (err == -ENOENT)
		NL_SET_ERR_MSG(cb->extack, "no verify has ended since the replica was activated");
	return err == -ERANGE ? 0 : err;
}

static int dump_diffs(struct sk_buff *skb, struct netlink_callback *cb, struct replica *replica,
		      struct dump_cursor *cursor)
{
	struct replica_nl_diff found;
	const struct replica_nl_message message = {
		.cmd = DM_REPLICA_CMD_DIFF_GET,
		.fill = replica_nl_fill_diff,
		.data = &found,
	};
	int err = 0;

	while (!err && !replica_verify_read(replica, cursor->index, &found.job_id, &found.range)) {
		/* Another verify ended meanwhile: half of each would be of none. */
		if (found.job_id != cursor->job)
			return -EINTR;
		err = dump_message(skb, cb, replica, &message);
		if (!err)
			cursor->index++;
	}
	return err;
}

/**
 * replica_nl_diff_get_dumpit - DM_REPLICA_CMD_DIFF_GET, one step
 * @skb: the message to fill
 * @cb: the dump
 *
 * Return: bytes filled, 0 at the end, or a negative errno.
 */
int replica_nl_diff_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_cursor *cursor = dump_cursor(cb);
	struct replica *replica;
	int err = cursor->started ? 0 : diff_dump_begin(cb, cursor);

	cursor->started = true;
	cb->seq = replica_registry_generation();
	replica = err ? NULL : replica_registry_find_dev(cursor->only);
	if (replica) {
		err = dump_diffs(skb, cb, replica, cursor);
		replica_put(replica);
	}
	return dump_step(skb, cb, err);
}

/*--------------------------------------------------------------------------
 * Commands
 *--------------------------------------------------------------------------
 */

/**
 * replica_nl_get_doit - DM_REPLICA_CMD_GET of one replica
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct replica_nl_message message = { .fill = replica_nl_fill_status };

	return reply(info, &message, info->user_ptr[0]);
}

/**
 * replica_nl_set_doit - DM_REPLICA_CMD_SET
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[DM_REPLICA_S_MAX + 1], *nest = info->attrs[DM_REPLICA_A_SETTINGS];
	struct replica_settings settings = {};
	const char *sentence = NULL;
	unsigned int bad = 0;
	u32 mask;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_SETTINGS)) {
		GENL_SET_ERR_MSG(info, "settings is missing: what shall change?");
		return -EINVAL;
	}
	err = nla_parse_nested(attrs, DM_REPLICA_S_MAX, nest, replica_settings_nl_policy,
			       info->extack);
	if (err)
		return err;
	mask = replica_nl_parse_settings(attrs, &settings);
	if (!mask) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest, "settings is empty: what shall change?");
		return -EINVAL;
	}
	err = replica_settings_apply(info->user_ptr[0], &settings, mask, &bad, &sentence);
	if (err)
		explain(info->extack, bad && bad <= DM_REPLICA_S_MAX ? attrs[bad] : nest, sentence);
	return err;
}

static unsigned int operate_flags(struct genl_info *info)
{
	return (nla_get_flag(info->attrs[DM_REPLICA_A_FORCE]) ? REPLICA_OPERATE_FORCE : 0) |
	       (nla_get_flag(info->attrs[DM_REPLICA_A_COMPARE]) ? REPLICA_OPERATE_COMPARE : 0);
}

/*
 * struct order - something that may start a job, and the answer to whoever wants it
 * @cmd: enum dm_replica_cmd
 * @job_id: the job, 0 if there is none
 * @answer: allocated first: what was done has to be told
 */
struct order {
	u8 cmd;
	u32 job_id;
	struct sk_buff *answer;
};

static int order_begin(struct genl_info *info, struct order *order)
{
	order->answer = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	return order->answer ? 0 : -ENOMEM;
}

static int order_end(struct genl_info *info, struct order *order, struct replica *replica, int err)
{
	const struct replica_nl_message message = {
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.cmd = order->cmd,
		.fill = replica_nl_fill_operated,
		.data = &order->job_id,
	};

	err = err ?: replica_nl_fill(order->answer, &message, replica, NULL);
	if (err) {
		nlmsg_free(order->answer);
		return err;
	}
	/* It took place, whether there is room for the answer at the other end or not. */
	genlmsg_reply(order->answer, info);
	return 0;
}

/**
 * replica_nl_operate_doit - DM_REPLICA_CMD_OPERATE
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_operate_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *operation = info->attrs[DM_REPLICA_A_OPERATION];
	struct order order = { .cmd = DM_REPLICA_CMD_OPERATE };
	struct replica *replica = info->user_ptr[0];
	const char *sentence = NULL;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_OPERATION)) {
		GENL_SET_ERR_MSG(info, "operation is missing: what shall be done?");
		return -EINVAL;
	}
	err = order_begin(info, &order);
	if (err)
		return err;
	err = replica_operate(replica, nla_get_u16(operation), operate_flags(info),
			      &order.job_id, &sentence);
	if (err)
		explain(info->extack, operation, sentence);
	return order_end(info, &order, replica, err);
}

/**
 * replica_nl_verify_doit - DM_REPLICA_CMD_VERIFY
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_verify_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *which = info->attrs[DM_REPLICA_A_NAME] ?: info->attrs[DM_REPLICA_A_MINOR];
	struct replica *replica = info->user_ptr[0];
	struct order order = { .cmd = DM_REPLICA_CMD_VERIFY };
	const char *sentence = NULL;
	int err = order_begin(info, &order);

	if (err)
		return err;
	err = replica_verify(replica, &order.job_id, &sentence);
	if (err)
		explain(info->extack, which, sentence);
	return order_end(info, &order, replica, err);
}

static int need_job_id(struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_JOB_ID)) {
		GENL_SET_ERR_MSG(info, "job_id is missing: which job?");
		return -EINVAL;
	}
	return 0;
}

/**
 * replica_nl_job_get_doit - DM_REPLICA_CMD_JOB_GET of one job
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_job_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct replica_job job;
	const struct replica_nl_message message = { .fill = replica_nl_fill_job, .data = &job };
	int err = need_job_id(info);

	if (err)
		return err;
	if (!replica_job_read(info->user_ptr[0], nla_get_u32(info->attrs[DM_REPLICA_A_JOB_ID]),
			      &job)) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[DM_REPLICA_A_JOB_ID],
				    "the replica has no job of this number, or has forgotten it");
		return -ENOENT;
	}
	return reply(info, &message, info->user_ptr[0]);
}

/**
 * replica_nl_job_cancel_doit - DM_REPLICA_CMD_JOB_CANCEL
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_job_cancel_doit(struct sk_buff *skb, struct genl_info *info)
{
	const char *sentence = NULL;
	int err = need_job_id(info);

	if (err)
		return err;
	err = replica_job_cancel(info->user_ptr[0],
				 nla_get_u32(info->attrs[DM_REPLICA_A_JOB_ID]), &sentence);
	if (err)
		explain(info->extack, info->attrs[DM_REPLICA_A_JOB_ID], sentence);
	return err;
}

/**
 * replica_nl_caps_get_doit - DM_REPLICA_CMD_CAPS_GET
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_caps_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct replica_nl_message message = { .fill = replica_nl_fill_caps };

	return reply(info, &message, info->user_ptr[0]);
}

/**
 * struct confirmation - a CONFIRM whose barrier is under way
 * @skb: the answer, complete but for the result, so that it needs no memory later
 * @header: of the message in @skb
 * @portid: where it goes
 */
struct confirmation {
	struct sk_buff *skb;
	void *header;
	u32 portid;
};

static void confirmation_free(struct confirmation *confirmation)
{
	nlmsg_free(confirmation->skb);
	kfree(confirmation);
	atomic_dec(&confirms_under_way);
}

static struct confirmation *confirmation_create(struct genl_info *info)
{
	struct confirmation *confirmation = kzalloc(sizeof(*confirmation), GFP_KERNEL);

	atomic_inc(&confirms_under_way);
	if (!confirmation)
		goto err_count;
	confirmation->portid = info->snd_portid;
	confirmation->skb = genlmsg_new(nla_total_size(DM_REPLICA_NAME_LEN) +
					nla_total_size(sizeof(u32)), GFP_KERNEL);
	if (!confirmation->skb)
		goto err_confirmation;
	confirmation->header = genlmsg_put_reply(confirmation->skb, info, &replica_nl_family, 0,
						 DM_REPLICA_CMD_CONFIRM);
	return confirmation;

err_confirmation:
	kfree(confirmation);
err_count:
	atomic_dec(&confirms_under_way);
	return NULL;
}

/* The answer that takes place later, with the sequence number of the request. */
static void confirm_done(void *context, unsigned int result)
{
	struct confirmation *confirmation = context;

	if (!nla_put_u32(confirmation->skb, DM_REPLICA_A_RESULT, result)) {
		genlmsg_end(confirmation->skb, confirmation->header);
		genlmsg_unicast(&init_net, confirmation->skb, confirmation->portid);
		confirmation->skb = NULL;
	}
	confirmation_free(confirmation);
}

/**
 * replica_nl_confirm_doit - DM_REPLICA_CMD_CONFIRM
 * @skb: the request
 * @info: the request
 *
 * Return: 0 or a negative errno.
 */
int replica_nl_confirm_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct replica *replica = info->user_ptr[0];
	struct confirmation *confirmation;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, DM_REPLICA_A_TIMEOUT)) {
		GENL_SET_ERR_MSG(info, "timeout is missing: how long may it take?");
		return -EINVAL;
	}
	if (atomic_read(&confirms_under_way) >= REPLICA_NL_CONFIRMS_MAX) {
		GENL_SET_ERR_MSG(info, "too many confirmations are under way");
		return -EBUSY;
	}
	confirmation = confirmation_create(info);
	if (!confirmation)
		return -ENOMEM;
	err = replica_nl_put_name(confirmation->skb, replica) ?:
	      replica_confirm_start(replica, nla_get_u32(info->attrs[DM_REPLICA_A_TIMEOUT]),
				    confirm_done, confirmation);
	if (err)
		confirmation_free(confirmation);
	return err;
}

/*--------------------------------------------------------------------------
 * Events, and the family
 *--------------------------------------------------------------------------
 */

/**
 * replica_netlink_event - send one event to the multicast group
 * @replica: what it happened to
 * @event: what happened
 *
 * May sleep.  The device may be short of memory that only its own writes can
 * free: the allocation neither waits for I/O nor tries hard, and an event that
 * finds no memory is missing from the numbers that listeners see.
 */
void replica_netlink_event(struct replica *replica, const struct replica_event *event)
{
	const gfp_t gfp = GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN;
	const struct replica_nl_message message = {
		.cmd = DM_REPLICA_CMD_EVENT,
		.fill = replica_nl_fill_event,
		.data = event,
	};
	struct sk_buff *skb;
	int err;

	if (!genl_has_listeners(&replica_nl_family, &init_net, REPLICA_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, gfp);
	err = skb ? replica_nl_fill(skb, &message, replica, NULL) : -ENOMEM;
	if (err)
		nlmsg_free(skb);
	else
		err = genlmsg_multicast(&replica_nl_family, skb, 0, REPLICA_NLGRP_EVENTS, gfp);
	/* No listener is no loss. */
	if (err && err != -ESRCH)
		replica_count(replica, DM_REPLICA_C_EVENTS_DROPPED, 1);
}

/**
 * replica_netlink_init - register the family
 *
 * Return: 0 or a negative errno.
 */
int replica_netlink_init(void)
{
	int r = replica_nl_offload_init();

	if (r)
		return r;
	r = genl_register_family(&replica_nl_family);
	if (r)
		replica_nl_offload_exit();
	return r;
}

/**
 * replica_netlink_exit - unregister the family
 *
 * Every replica is gone, and with it every event and every confirmation.
 */
void replica_netlink_exit(void)
{
	genl_unregister_family(&replica_nl_family);
	replica_nl_offload_exit();
	WARN_ON_ONCE(atomic_read(&confirms_under_way));
}
