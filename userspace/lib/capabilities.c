// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the module supports, and what the state of a replica allows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "genl.h"
#include "info.h"
#include "msg.h"
#include "snapshot-lvm.h"

EXPORT void replica_capabilities_free(struct replica_capabilities *caps)
{
	if (!caps)
		return;
	free(caps->module_version);
	free(caps->name);
	free(caps);
}

static void offer(struct replica_capabilities *caps, uint16_t operation, bool plain, bool force)
{
	if (plain)
		caps->operations[caps->nr_operations++] = operation;
	if (force)
		caps->operations_force[caps->nr_operations_force++] = operation;
}

/* What is possible with a snapshot in its state; the module has told nothing of it. */
static void offer_all(const struct replica_snap *snap, const struct replica_info *info,
		      struct replica_capabilities *caps)
{
	bool torn = replica_snap_torn(snap);
	bool rest = torn || (snap->kept && !snap->merging);	/* on the store alone */
	bool ends = !rest && !info->job;
	bool restores = torn || info->copy_state != DM_REPLICA_STATE_BROKEN;

	if (snap->lv) {			/* what LVM has begun it ends, and one can wait for it */
		ends = !snap->merging && !snap->lv->merging;
		rest = false;
		restores = (ends || snap->merging) && snap->source &&
			   info->copy_state != DM_REPLICA_STATE_BROKEN;
	}
	offer(caps, REPLICA_OP_DETACH, ends, ends || rest);
	offer(caps, REPLICA_OP_DISSOLVE, ends, ends);
	if (info->token)
		return;
	if (ends && replica_snap_from_pool(snap))
		offer(caps, REPLICA_OP_RETURN_TO_POOL, true, true);
	offer(caps, DM_REPLICA_OP_RESTORE, restores, restores);
}

static int snapshot_caps(struct replica_ctx *ctx, const char *name,
			 struct replica_capabilities *caps)
{
	struct replica_info *info = NULL;
	struct replica_snap snap;
	int ret = replica_snap_find(ctx, name, &snap);

	if (!ret)
		ret = replica_snap_info(ctx, name, &info);
	if (!ret) {
		offer_all(&snap, info, caps);
		caps->copy_state = info->copy_state;
		caps->name = strdup(name);
		if (!caps->name)
			ret = replica_fail_memory(ctx);
	}
	replica_info_free(info);
	replica_snap_clear(&snap);
	return ret;
}

/* Snapshots and tokens are the library's work. */
static void add_snapshot_types(struct replica_capabilities *caps)
{
	static const uint16_t types[] = { REPLICA_SNAPSHOT_LOCAL, REPLICA_TOKENIZED_LOCAL };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (caps->nr_replication_types < REPLICA_CAPS_MAX)
			caps->replication_types[caps->nr_replication_types++] = types[i];
}

static int read_caps(const struct nlmsghdr *nlh, void *data)
{
	struct replica_capabilities **caps = data;

	return *caps ? 0 : replica_msg_parse_caps(nlh, caps);
}

EXPORT int replica_capabilities(struct replica_ctx *ctx, const char *name,
				struct replica_capabilities **caps)
{
	char dm_name[DM_REPLICA_NAME_LEN];
	int ret = REPLICA_SUCCESS;
	struct replica_genl *g;
	struct nl_msg *msg;
	bool snapshot;

	*caps = NULL;
	replica_error_begin(ctx, "GetCapabilities");
	if (name)
		ret = replica_name_resolve(ctx, name, dm_name);
	snapshot = !ret && name && replica_snap_is(ctx, dm_name);
	if (!ret)
		ret = replica_genl_get(ctx, &g);
	if (ret)
		return ret;
	msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_CAPS_GET, 0,
			      name && !snapshot ? dm_name : NULL);
	if (!msg)
		return replica_fail_memory(ctx);
	ret = replica_genl_request(ctx, g, msg, read_caps, caps);
	if (!ret && !*caps)
		ret = replica_fail(ctx, REPLICA_FAILED, EPROTO, NULL,
				   "the kernel answered without capabilities");
	if (!ret)
		add_snapshot_types(*caps);
	if (!ret && snapshot)
		ret = snapshot_caps(ctx, dm_name, *caps);
	if (ret) {
		replica_capabilities_free(*caps);
		*caps = NULL;
	}
	return ret;
}
