// SPDX-License-Identifier: LGPL-2.1-or-later
/* The steps of the netlink command OFFLOAD. */
#include <errno.h>

#include <netlink/attr.h>

#include "fields.h"
#include "genl.h"
#include "msg.h"
#include "offload.h"

struct range {
	uint64_t sector;
	uint64_t sectors;
};

static const struct replica_field claim_fields[] = {
	REQ(struct range, DM_REPLICA_A_SECTOR, KIND_U64, sector),
	REQ(struct range, DM_REPLICA_A_SECTORS, KIND_U64, sectors),
	{ .attr = 0 },
};

static int read_claim(const struct nlmsghdr *nlh, void *data)
{
	struct nlattr *tb[DM_REPLICA_A_MAX + 1];
	int r = replica_fields_message(tb, nlh);

	return r ? r : replica_fields_get(tb, claim_fields, data);
}

/* A request; why and range may be NULL. */
static int step(struct replica_ctx *ctx, struct replica_genl *g, const char *name, uint8_t what,
		const struct range *range, const char *why, struct range *answer)
{
	struct nl_msg *msg = replica_msg_new(replica_genl_family(g), DM_REPLICA_CMD_OFFLOAD,
					     answer ? 0 : NLM_F_ACK, name);

	if (!msg || nla_put_u8(msg, DM_REPLICA_A_OFFLOAD, what) ||
	    (range && (nla_put_u64(msg, DM_REPLICA_A_SECTOR, range->sector) ||
		       nla_put_u64(msg, DM_REPLICA_A_SECTORS, range->sectors))) ||
	    (why && nla_put_string(msg, DM_REPLICA_A_REASON, why))) {
		nlmsg_free(msg);
		return replica_fail_memory(ctx);
	}
	return replica_genl_request(ctx, g, msg, answer ? read_claim : NULL, answer);
}

int replica_offload_claim(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			  uint64_t *sector, uint64_t *sectors)
{
	const struct range wanted = { *sector, *sectors };
	struct range got = { 0, 0 };
	int ret = step(ctx, g, name, DM_REPLICA_OFFLOAD_CLAIM, &wanted, NULL, &got);

	if (ret)
		return ret;
	if (got.sectors && (got.sector < wanted.sector || got.sectors > wanted.sectors ||
			    got.sector - wanted.sector > wanted.sectors - got.sectors))
		return replica_fail(ctx, REPLICA_FAILED, EPROTO, NULL,
				    "the kernel answered with another range than it was asked for");
	*sector = got.sector;
	*sectors = got.sectors;
	return REPLICA_SUCCESS;
}

int replica_offload_copied(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			   uint64_t sector, uint64_t sectors)
{
	const struct range range = { sector, sectors };

	return step(ctx, g, name, DM_REPLICA_OFFLOAD_COPIED, &range, NULL, NULL);
}

int replica_offload_release(struct replica_ctx *ctx, struct replica_genl *g, const char *name)
{
	return step(ctx, g, name, DM_REPLICA_OFFLOAD_RELEASE, NULL, NULL, NULL);
}

int replica_offload_finish(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			   const char *why)
{
	return step(ctx, g, name, DM_REPLICA_OFFLOAD_FINISH, NULL, why, NULL);
}
