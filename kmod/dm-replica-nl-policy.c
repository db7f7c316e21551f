// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a request may hold, command by command.  Anything else is refused by the
 * netlink core, with the attribute at fault, before a handler runs.
 */
#include <linux/fs.h>
#include <linux/module.h>

#include "dm-replica-nl-policy.h"

/* Not const: the kernel's policies point to mutable ranges before 6.8. */
static struct netlink_range_validation replica_a_minor_range = {
	.max	= MINORMASK,
};

static struct netlink_range_validation replica_a_timeout_range = {
	.min	= 1,
	.max	= DM_REPLICA_CONFIRM_MAX_MS,
};

static struct netlink_range_validation replica_s_resync_rate_range = {
	.max	= DM_REPLICA_RATE_MAX,
};

static struct netlink_range_validation replica_s_replica_timeout_range = {
	.max	= DM_REPLICA_TIMEOUT_MAX_MS,
};

static struct netlink_range_validation replica_s_queue_bytes_range = {
	.min	= DM_REPLICA_QUEUE_MIN,
	.max	= DM_REPLICA_QUEUE_MAX,
};

static struct netlink_range_validation replica_s_rpo_range = {
	.max	= DM_REPLICA_RPO_MAX_MS,
};

static struct netlink_range_validation replica_s_max_skew_range = {
	.max	= DM_REPLICA_QUEUE_MAX,
};

static struct netlink_range_validation replica_s_delta_range = {
	.max	= DM_REPLICA_DELTA_MAX_MS,
};

/* Attributes of DM_REPLICA_A_SETTINGS */
const struct nla_policy replica_settings_nl_policy[DM_REPLICA_S_MAX + 1] = {
	[DM_REPLICA_S_PAYLOAD] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_PAYLOAD_COPY,
						  DM_REPLICA_PAYLOAD_SHARED),
	[DM_REPLICA_S_ON_REPLICA_ERROR] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_ON_ERROR_TRACK,
							   DM_REPLICA_ON_ERROR_STOP),
	[DM_REPLICA_S_RECOVERY] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_RECOVERY_AUTOMATIC,
						   DM_REPLICA_RECOVERY_MANUAL),
	[DM_REPLICA_S_RESYNC_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_s_resync_rate_range),
	[DM_REPLICA_S_REPLICA_TIMEOUT] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &replica_s_replica_timeout_range),
	[DM_REPLICA_S_ON_META_ERROR] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_ON_META_CONTINUE,
							DM_REPLICA_ON_META_STOP),
	[DM_REPLICA_S_QUEUE_BYTES] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_s_queue_bytes_range),
	[DM_REPLICA_S_RPO] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_s_rpo_range),
	[DM_REPLICA_S_OVERFLOW] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_OVERFLOW_BLOCK,
						   DM_REPLICA_OVERFLOW_FAIL),
	[DM_REPLICA_S_MAX_SKEW] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_s_max_skew_range),
	[DM_REPLICA_S_COPY_PRIORITY] = NLA_POLICY_MAX(NLA_U8, DM_REPLICA_PRIORITY_URGENT),
	[DM_REPLICA_S_DELTA_MS] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_s_delta_range),
	[DM_REPLICA_S_PROTECT] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_PROTECT_NONE,
						  DM_REPLICA_PROTECT_SNAPSHOT),
};

/* The group of attributes that names a replica */
#define REPLICA_NL_POLICY_SELECT							\
	[DM_REPLICA_A_NAME] = { .type = NLA_NUL_STRING, .len = DM_REPLICA_NAME_LEN - 1, },	\
	[DM_REPLICA_A_MAJOR] = NLA_POLICY_MAX(NLA_U32, (1U << (32 - MINORBITS)) - 1),		\
	[DM_REPLICA_A_MINOR] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_a_minor_range)

/* DM_REPLICA_CMD_GET */
static const struct nla_policy replica_get_nl_policy[DM_REPLICA_A_MINOR + 1] = {
	REPLICA_NL_POLICY_SELECT,
};

/* DM_REPLICA_CMD_SET */
static const struct nla_policy replica_set_nl_policy[DM_REPLICA_A_SETTINGS + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_SETTINGS] = NLA_POLICY_NESTED(replica_settings_nl_policy),
};

/* DM_REPLICA_CMD_OPERATE */
static const struct nla_policy replica_operate_nl_policy[DM_REPLICA_A_COMPARE + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_OPERATION] = { .type = NLA_U16, },
	[DM_REPLICA_A_FORCE] = { .type = NLA_FLAG, },
	[DM_REPLICA_A_COMPARE] = { .type = NLA_FLAG, },
};

/* DM_REPLICA_CMD_JOB_GET */
static const struct nla_policy replica_job_get_nl_policy[DM_REPLICA_A_JOB_ID + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_JOB_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* DM_REPLICA_CMD_JOB_CANCEL */
static const struct nla_policy replica_job_cancel_nl_policy[DM_REPLICA_A_JOB_ID + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_JOB_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* DM_REPLICA_CMD_CONFIRM */
static const struct nla_policy replica_confirm_nl_policy[DM_REPLICA_A_TIMEOUT + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &replica_a_timeout_range),
};

/* DM_REPLICA_CMD_CAPS_GET */
static const struct nla_policy replica_caps_get_nl_policy[DM_REPLICA_A_MINOR + 1] = {
	REPLICA_NL_POLICY_SELECT,
};

/* DM_REPLICA_CMD_VERIFY */
static const struct nla_policy replica_verify_nl_policy[DM_REPLICA_A_MINOR + 1] = {
	REPLICA_NL_POLICY_SELECT,
};

/* DM_REPLICA_CMD_DIFF_GET */
static const struct nla_policy replica_diff_get_nl_policy[DM_REPLICA_A_MINOR + 1] = {
	REPLICA_NL_POLICY_SELECT,
};

/* DM_REPLICA_CMD_PROTECTED */
static const struct nla_policy replica_protected_nl_policy[DM_REPLICA_A_JOB_ID + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_REASON] = { .type = NLA_NUL_STRING, .len = DM_REPLICA_REASON_LEN - 1, },
	[DM_REPLICA_A_JOB_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* DM_REPLICA_CMD_OFFLOAD */
static const struct nla_policy replica_offload_nl_policy[DM_REPLICA_A_OFFLOAD + 1] = {
	REPLICA_NL_POLICY_SELECT,
	[DM_REPLICA_A_REASON] = { .type = NLA_NUL_STRING, .len = DM_REPLICA_REASON_LEN - 1, },
	[DM_REPLICA_A_SECTOR] = { .type = NLA_U64, },
	[DM_REPLICA_A_SECTORS] = { .type = NLA_U64, },
	[DM_REPLICA_A_OFFLOAD] = NLA_POLICY_RANGE(NLA_U8, DM_REPLICA_OFFLOAD_CLAIM,
						  DM_REPLICA_OFFLOAD_FINISH),
};

/*
 * GENL_ADMIN_PERM is not for these commands: it asks for CAP_NET_ADMIN, which
 * has no say over block devices, and refuses without a sentence.  pre_doit asks
 * for CAP_SYS_ADMIN instead where REPLICA_NL_ADMIN is set.
 */
static const struct genl_ops replica_nl_ops[] = {
	{
		.cmd		= DM_REPLICA_CMD_GET,
		.doit		= replica_nl_get_doit,
		.dumpit		= replica_nl_get_dumpit,
		.policy		= replica_get_nl_policy,
		.maxattr	= DM_REPLICA_A_MINOR,
		.internal_flags	= REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_SET,
		.doit		= replica_nl_set_doit,
		.policy		= replica_set_nl_policy,
		.maxattr	= DM_REPLICA_A_SETTINGS,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_OPERATE,
		.doit		= replica_nl_operate_doit,
		.policy		= replica_operate_nl_policy,
		.maxattr	= DM_REPLICA_A_COMPARE,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_JOB_GET,
		.doit		= replica_nl_job_get_doit,
		.dumpit		= replica_nl_job_get_dumpit,
		.policy		= replica_job_get_nl_policy,
		.maxattr	= DM_REPLICA_A_JOB_ID,
		.internal_flags	= REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_JOB_CANCEL,
		.doit		= replica_nl_job_cancel_doit,
		.policy		= replica_job_cancel_nl_policy,
		.maxattr	= DM_REPLICA_A_JOB_ID,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_CONFIRM,
		.doit		= replica_nl_confirm_doit,
		.policy		= replica_confirm_nl_policy,
		.maxattr	= DM_REPLICA_A_TIMEOUT,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_CAPS_GET,
		.doit		= replica_nl_caps_get_doit,
		.policy		= replica_caps_get_nl_policy,
		.maxattr	= DM_REPLICA_A_MINOR,
		.internal_flags	= REPLICA_NL_MAY_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_VERIFY,
		.doit		= replica_nl_verify_doit,
		.policy		= replica_verify_nl_policy,
		.maxattr	= DM_REPLICA_A_MINOR,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_DIFF_GET,
		.dumpit		= replica_nl_diff_get_dumpit,
		.policy		= replica_diff_get_nl_policy,
		.maxattr	= DM_REPLICA_A_MINOR,
		.internal_flags	= REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_PROTECTED,
		.doit		= replica_nl_protected_doit,
		.policy		= replica_protected_nl_policy,
		.maxattr	= DM_REPLICA_A_JOB_ID,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
	{
		.cmd		= DM_REPLICA_CMD_OFFLOAD,
		.doit		= replica_nl_offload_doit,
		.policy		= replica_offload_nl_policy,
		.maxattr	= DM_REPLICA_A_OFFLOAD,
		.internal_flags	= REPLICA_NL_ADMIN | REPLICA_NL_SELECT,
	},
};

static const struct genl_multicast_group replica_nl_mcgrps[] = {
	[REPLICA_NLGRP_EVENTS] = { DM_REPLICA_MCGRP_EVENTS, },
};

struct genl_family replica_nl_family __ro_after_init = {
	.name		= DM_REPLICA_GENL_NAME,
	.version	= DM_REPLICA_GENL_VERSION,
	.parallel_ops	= true,
	.resv_start_op	= DM_REPLICA_CMD_GET,
	.pre_doit	= replica_nl_pre_doit,
	.post_doit	= replica_nl_post_doit,
	.module		= THIS_MODULE,
	.ops		= replica_nl_ops,
	.n_ops		= ARRAY_SIZE(replica_nl_ops),
	.mcgrps		= replica_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(replica_nl_mcgrps),
};
