// SPDX-License-Identifier: LGPL-2.1-or-later
/* Operations on a replica, and the drain barrier. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/attr.h>

#include "dm.h"
#include "remove.h"
#include "genl.h"
#include "info.h"
#include "msg.h"
#include "snapshot.h"

/* The kernel keeps the time of a confirm; its answer may need a little more. */
#define CONFIRM_GRACE_MS	5000

/* Results of a confirm (ConfirmTargetData). */
#define CONFIRM_DONE		0
#define CONFIRM_TIMEOUT		3

static int read_operate(const struct nlmsghdr *nlh, void *data)
{
	return replica_msg_parse_operate(nlh, data);
}

/* name is a dm name; flags are of enum replica_resync_flags. */
static int operate(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
		   enum dm_replica_operation operation, unsigned int flags,
		   uint32_t *job_id, uint32_t *copy_state)
{
	struct replica_operate_reply reply = { .job_id = 0 };
	struct nl_msg *msg;
	int ret;

	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_OPERATE, 0, name);
	if (!msg || replica_msg_put_operation(msg, operation, flags)) {
		nlmsg_free(msg);
		return replica_fail_memory(ctx);
	}
	ret = replica_genl_request(ctx, g, msg, read_operate, &reply);
	if (ret)
		return ret;
	if (job_id)
		*job_id = reply.job_id;
	if (copy_state)
		*copy_state = reply.copy_state;
	return reply.job_id ? REPLICA_JOB_STARTED : REPLICA_SUCCESS;
}

/* Begins the call. */
static int begin(struct replica_ctx *ctx, const char *name, enum dm_replica_operation operation,
		 char dm_name[DM_REPLICA_NAME_LEN], struct replica_genl **g)
{
	char title[64];
	int ret;

	snprintf(title, sizeof(title), "SetReplicationRelationship:%s",
		 replica_enum_name(REPLICA_ENUM_OPERATION, operation));
	dm_name[0] = '\0';
	replica_error_begin(ctx, title);
	ret = replica_name_resolve(ctx, name, dm_name);
	return ret ? ret : replica_genl_get(ctx, g);
}

/* What becomes of a snapshot: it ends, or its source does. */
static int operate_snapshot(struct replica_ctx *ctx, const char *name, unsigned int operation,
			    bool force)
{
	switch (operation) {
	case REPLICA_OP_DETACH:
		return replica_snap_end(ctx, name, force, NULL);
	case REPLICA_OP_DISSOLVE:
		return replica_snap_end(ctx, name, false, NULL);
	case REPLICA_OP_RETURN_TO_POOL:
		return replica_snap_return(ctx, name, NULL);
	case DM_REPLICA_OP_RESTORE:
		return replica_restore(ctx, name, 0, NULL, NULL);
	default:
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Operation",
				    "operation %s (%u) is not for snapshots, and \"%s\" is one",
				    replica_enum_name(REPLICA_ENUM_OPERATION, operation),
				    operation, name);
	}
}

/* What is read from a device that is open would change under its user's feet. */
static int check_operation(struct replica_ctx *ctx, const char *name,
			   enum dm_replica_operation operation, bool force)
{
	struct replica_dm_info info;

	if (operation != DM_REPLICA_OP_RESTORE || force)
		return REPLICA_SUCCESS;
	return replica_check_closed(ctx, name, &info);
}

EXPORT int replica_operate(struct replica_ctx *ctx, const char *name,
			   enum dm_replica_operation operation, bool force,
			   uint32_t *job_id, uint32_t *copy_state)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	int ret = begin(ctx, name, operation, dm_name, &g);

	if (dm_name[0] && replica_snap_is(ctx, dm_name)) {
		replica_error_clear(ctx);	/* it needs no module of ours */
		return operate_snapshot(ctx, dm_name, operation, force);
	}
	if (!ret)
		ret = check_operation(ctx, dm_name, operation, force);
	return ret ? ret : operate(ctx, g, dm_name, operation, force ? REPLICA_RESYNC_FORCE : 0,
				   job_id, copy_state);
}

EXPORT int replica_resync(struct replica_ctx *ctx, const char *name, unsigned int flags,
			  uint32_t *job_id, uint32_t *copy_state)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	int ret = begin(ctx, name, DM_REPLICA_OP_RESYNC, dm_name, &g);

	if (!ret)
		ret = replica_snap_none(ctx, dm_name);
	return ret ? ret : operate(ctx, g, dm_name, DM_REPLICA_OP_RESYNC, flags, job_id,
				   copy_state);
}

/* In any other state a resync would copy something else. */
static int check_skewed(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			uint32_t *copy_state)
{
	struct replica_info *info;
	int ret = replica_info_read(ctx, g, name, &info);

	if (!ret && copy_state)
		*copy_state = info->copy_state;
	if (!ret)
		ret = replica_repair_fault(ctx, info);
	replica_info_free(info);
	return ret;
}

EXPORT int replica_repair(struct replica_ctx *ctx, const char *name, uint32_t *job_id,
			  uint32_t *copy_state)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	int ret = begin(ctx, name, DM_REPLICA_OP_RESYNC, dm_name, &g);

	if (!ret)
		ret = replica_snap_none(ctx, dm_name);
	if (!ret)
		ret = check_skewed(ctx, g, dm_name, copy_state);
	return ret ? ret : operate(ctx, g, dm_name, DM_REPLICA_OP_RESYNC, 0, job_id, copy_state);
}

/* ------------------------------------------------------------------------ */
/* Confirm */

struct confirm {
	bool done;
	uint32_t result;
};

static int read_confirm(const struct nlmsghdr *nlh, void *data)
{
	struct replica_confirm_reply reply;
	struct confirm *confirm = data;
	int r;

	if (replica_msg_cmd(nlh) != DM_REPLICA_CMD_CONFIRM)
		return 0;
	r = replica_msg_parse_confirm(nlh, &reply);
	if (r)
		return r;
	confirm->result = reply.result;
	confirm->done = true;
	return 0;
}

static int confirm_once(struct replica_ctx *ctx, struct replica_genl *g,
			const char *name, uint32_t timeout_ms)
{
	struct confirm confirm = { .done = false };
	struct nl_msg *msg;
	int ret;

	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_CONFIRM,
			      NLM_F_ACK, name);
	if (!msg || nla_put_u32(msg, DM_REPLICA_A_TIMEOUT, timeout_ms) < 0) {
		nlmsg_free(msg);
		return replica_fail_memory(ctx);
	}
	ret = replica_genl_request_until(ctx, g, msg, read_confirm, &confirm,
					 &confirm.done,
					 (uint64_t)timeout_ms + CONFIRM_GRACE_MS);
	if (ret == REPLICA_TIMEOUT)
		confirm.result = CONFIRM_TIMEOUT;	/* not even that was said */
	else if (ret || confirm.result == CONFIRM_DONE)
		return ret;
	if (confirm.result == CONFIRM_TIMEOUT)
		return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, NULL,
				    "the replica of \"%s\" did not hold all data within %u ms",
				    name, timeout_ms);
	ret = replica_fail(ctx, REPLICA_FAILED, 0, NULL,
			   "the replica of \"%s\" cannot confirm: it is not in step",
			   name);
	replica_error_kernel(ctx, "unable to confirm");
	replica_error_details(ctx, "ConfirmTargetData returned %u",
			      confirm.result);
	return ret;
}

int replica_confirm_name(struct replica_ctx *ctx, struct replica_genl *g,
			 const char *name, uint32_t timeout_ms)
{
	int ret;

	if (timeout_ms > DM_REPLICA_CONFIRM_MAX_MS)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, ERANGE,
				    "WaitTime",
				    "a confirm can wait for one hour at most");
	if (timeout_ms)
		return confirm_once(ctx, g, name, timeout_ms);
	do {				/* no limit: hour by hour */
		ret = confirm_once(ctx, g, name, DM_REPLICA_CONFIRM_MAX_MS);
	} while (ret == REPLICA_TIMEOUT);
	if (!ret)
		replica_error_clear(ctx);
	return ret;
}

EXPORT int replica_confirm(struct replica_ctx *ctx, const char *name,
			   uint32_t timeout_ms)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	struct replica_genl *g;
	int ret;

	replica_error_begin(ctx, "ConfirmTargetData");
	ret = replica_name_resolve(ctx, name, dm_name);
	if (!ret)
		ret = replica_snap_none(ctx, dm_name);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	return ret ? ret : replica_confirm_name(ctx, g, dm_name, timeout_ms);
}
