// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Kinds of copy, by the numbers of MSFT_SMReplicationCapabilities: what can be done with
 * each, which states it has, and which features.
 */
#include <errno.h>
#include <string.h>

#include "replica-private.h"

#define OP(name)	(1ULL << DM_REPLICA_OP_##name)
#define OP_LIB(name)	(1ULL << REPLICA_OP_##name)
#define STATE(name)	(1ULL << DM_REPLICA_STATE_##name)
#define FEATURE(name)	(1ULL << REPLICA_FEATURE_##name)

/* One row for the modes that it has; sets are bits. */
struct kind {
	uint16_t sync_type;
	uint16_t types[DM_REPLICA_MODE_ADAPTIVE + 1];	/* by mode; 0: not made here */
	uint64_t operations;
	uint64_t copy_states;
	uint64_t wait_states;
	uint64_t features;
};

static const struct kind kinds[] = {
	{
		.sync_type = REPLICA_SYNC_TYPE_MIRROR,
		.types = {
			[DM_REPLICA_MODE_SYNC] = 2,
			[DM_REPLICA_MODE_ASYNC] = 3,
			[DM_REPLICA_MODE_ADAPTIVE] = 18,
		},
		.operations = OP(ABORT) | OP(ACTIVATE) | OP(DEACTIVATE) | OP_LIB(DETACH) |
			      OP_LIB(DISSOLVE) | OP(FAILOVER) | OP(FAILBACK) | OP(FRACTURE) |
			      OP(RESYNC) | OP(RESTORE) | OP(RESUME) | OP(RESET_TO_SYNC) |
			      OP(RESET_TO_ASYNC) | OP(RESET_TO_ADAPTIVE) |
			      OP_LIB(RETURN_TO_POOL) | OP(REVERSE_ROLES) | OP(SPLIT) |
			      OP(SUSPEND) | OP(PREPARE),
		.copy_states = STATE(INITIALIZED) | STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED) |
			       STATE(BROKEN) | STATE(FRACTURED) | STATE(SPLIT) | STATE(INACTIVE) |
			       STATE(SUSPENDED) | STATE(FAILEDOVER) | STATE(PREPARED) |
			       STATE(ABORTED) | STATE(SKEWED),
		.wait_states = STATE(INITIALIZED) | STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED),
		.features = FEATURE(SUSPENDS_SOURCE) | FEATURE(ANY_POOL) |
			    FEATURE(RECOVERS_FROM_BROKEN) | FEATURE(COPY_PRIORITY) |
			    FEATURE(REVERSED_IN_STEP) | FEATURE(ELEMENT_NAME) |
			    FEATURE(REVERSED_AS_IT_IS),
	},
	{
		.sync_type = REPLICA_SYNC_TYPE_SNAPSHOT,
		.types = { [DM_REPLICA_MODE_SYNC] = 6 },
		.operations = OP_LIB(DETACH) | OP_LIB(DISSOLVE) | OP(RESTORE) |
			      OP_LIB(RETURN_TO_POOL),
		.copy_states = STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED) | STATE(BROKEN),
		.wait_states = STATE(SYNCHRONIZED),
		.features = FEATURE(SUSPENDS_SOURCE) | FEATURE(ANY_POOL) |
			    FEATURE(REMAINS_ASSOCIATED) | FEATURE(ELEMENT_NAME),
	},
	{
		.sync_type = REPLICA_SYNC_TYPE_CLONE,
		.types = { [DM_REPLICA_MODE_SYNC] = 10 },
		.operations = OP(ABORT) | OP(RESUME) | OP_LIB(DETACH) | OP_LIB(DISSOLVE) |
			      OP_LIB(RETURN_TO_POOL),
		.copy_states = STATE(INITIALIZED) | STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED) |
			       STATE(BROKEN) | STATE(SUSPENDED) | STATE(ABORTED),
		.wait_states = STATE(INITIALIZED) | STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED),
		.features = FEATURE(SUSPENDS_SOURCE) | FEATURE(ANY_POOL) |
			    FEATURE(CLONE_DETACHES) | FEATURE(COPY_PRIORITY) |
			    FEATURE(ELEMENT_NAME),
	},
	{
		.sync_type = REPLICA_SYNC_TYPE_TOKENIZED_CLONE,
		.types = { [DM_REPLICA_MODE_SYNC] = 14 },
		.operations = OP(ABORT) | OP(RESUME) | OP_LIB(DETACH) | OP_LIB(DISSOLVE),
		.copy_states = STATE(INITIALIZED) | STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED) |
			       STATE(BROKEN) | STATE(SUSPENDED) | STATE(ABORTED),
		/* Of a redeem; a capture is Synchronized from the first moment. */
		.wait_states = STATE(INITIALIZED) | STATE(UNSYNCHRONIZED) | STATE(SYNCHRONIZED),
		.features = FEATURE(SUSPENDS_SOURCE) | FEATURE(ELEMENT_NAME),
	},
};

EXPORT int replica_kind_type(unsigned int sync_type, unsigned int mode, uint16_t *type)
{
	/* By sync type, for a target of this machine; what CIM has, made here or not. */
	static const uint8_t types[][3] = {
		[REPLICA_SYNC_TYPE_MIRROR] = { 2, 3, 18 },
		[REPLICA_SYNC_TYPE_SNAPSHOT] = { 6, 7, 20 },
		[REPLICA_SYNC_TYPE_CLONE] = { 10, 11, 22 },
		[REPLICA_SYNC_TYPE_TOKENIZED_CLONE] = { 14, 15, 24 },
	};

	if (!mode)
		mode = DM_REPLICA_MODE_SYNC;
	if (sync_type >= ARRAY_SIZE(types) || mode < DM_REPLICA_MODE_SYNC ||
	    mode > DM_REPLICA_MODE_ADAPTIVE || !types[sync_type][0])
		return -ENOENT;
	*type = types[sync_type][mode - DM_REPLICA_MODE_SYNC];
	return 0;
}

static size_t members(uint64_t set, uint16_t *values)
{
	size_t count = 0;

	for (uint16_t bit = 0; bit < 64; bit++)
		if (set >> bit & 1)
			values[count++] = bit;
	return count;
}

/* Where nothing ends a clone that nobody waits for, that is not so. */
static uint64_t features_here(struct replica_ctx *ctx, uint64_t features)
{
	return replica_clones_end(ctx) ? features : features & ~FEATURE(CLONE_DETACHES);
}

static void fill(struct replica_ctx *ctx, struct replica_copy_kind *to, const struct kind *kind)
{
	to->sync_type = kind->sync_type;
	to->nr_operations = members(kind->operations, to->operations);
	to->nr_copy_states = members(kind->copy_states, to->copy_states);
	to->nr_wait_states = members(kind->wait_states, to->wait_states);
	to->nr_features = members(features_here(ctx, kind->features), to->features);
}

EXPORT int replica_kind_get(struct replica_ctx *ctx, uint16_t replication_type,
			    struct replica_copy_kind *kind)
{
	memset(kind, 0, sizeof(*kind));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (uint16_t mode = 1; mode < ARRAY_SIZE(kinds[i].types); mode++)
			if (replication_type && kinds[i].types[mode] == replication_type) {
				kind->replication_type = replication_type;
				kind->mode = mode;
				fill(ctx, kind, &kinds[i]);
				return 0;
			}
	return -ENOENT;
}
