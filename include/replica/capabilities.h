/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be had: of the module, of a kind of copy (MSFT_SMReplicationCapabilities), of a
 * source, and of a replica in its state.  Part of libreplica.h, which says what holds for all
 * of it.
 */
#ifndef _REPLICA_CAPABILITIES_H
#define _REPLICA_CAPABILITIES_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REPLICA_CAPS_MAX	64

/* Freed by replica_capabilities_free(). */
struct replica_capabilities {
	char *module_version;
	size_t nr_replication_types;
	uint16_t replication_types[REPLICA_CAPS_MAX];
	char *name;			/* NULL: of no single replica */
	uint32_t copy_state;		/* the rest only if name is set */
	size_t nr_operations;
	uint16_t operations[REPLICA_CAPS_MAX];
	size_t nr_operations_force;
	uint16_t operations_force[REPLICA_CAPS_MAX];
};

void replica_capabilities_free(struct replica_capabilities *caps);

/*
 * What the module and the library support, and with a name which operations the state of
 * that replica allows.
 */
int replica_capabilities(struct replica_ctx *ctx, const char *name,
			 struct replica_capabilities **caps);

/*
 * A kind of copy, by its number in SupportedReplicationTypes.  operations, copy_states:
 * those that there are in any state, and that it can be in (GetSupportedOperations,
 * GetSupportedCopyStates).  wait_states: what WaitForCopyState of CreateReplica takes
 * (GetSupportedWaitForCopyStates).  features: those of GetSupportedFeatures.
 */
struct replica_copy_kind {
	uint16_t replication_type;
	uint16_t sync_type;		/* enum replica_sync_type */
	uint16_t mode;			/* enum dm_replica_mode */
	size_t nr_operations;
	uint16_t operations[REPLICA_CAPS_MAX];
	size_t nr_copy_states;
	uint16_t copy_states[REPLICA_CAPS_MAX];
	size_t nr_wait_states;
	uint16_t wait_states[REPLICA_CAPS_MAX];
	size_t nr_features;
	uint16_t features[REPLICA_CAPS_MAX];
};

/*
 * ConvertSyncTypeToReplicationType of a local target: mode 0 is the one that
 * CreateReplica chooses.  -ENOENT: there is no such combination of the two in CIM.
 */
int replica_kind_type(unsigned int sync_type, unsigned int mode, uint16_t *replication_type);

/*
 * -ENOENT when this library does not make that kind.  Whether a clone ends by itself, one of
 * its features, is a matter of this machine: replica_clones_end().
 */
int replica_kind_get(struct replica_ctx *ctx, uint16_t replication_type,
		     struct replica_copy_kind *kind);

/*
 * Whether a kind of copy can be made of one source, whatever the target is; of the snapshot of
 * a logical volume, which has none, with the store that CreateReplica chooses.  Freed by
 * replica_source_kind_free().
 */
struct replica_source_kind {
	struct replica_source_kind *next;
	uint16_t replication_type;
	int ret;		/* what CreateReplica would return for the source; 0: it can */
	char *sentence;		/* why not, or what it takes; NULL: nothing to be said */
};

void replica_source_kind_free(struct replica_source_kind *list);

/*
 * Of the device source: all kinds that the module and the library support, by their
 * numbers.  Changes nothing, and asks what CreateReplica asks.  REPLICA_NOT_FOUND and
 * the like when source cannot be examined at all.
 */
int replica_source_kinds(struct replica_ctx *ctx, const char *source,
			 struct replica_source_kind **list);

/*
 * Could the devices copy by themselves when a token of source is redeemed to target, see
 * token.h?  *can, and *how: by which command, or why not; to be freed.  Changes nothing.
 */
int replica_offload_possible(struct replica_ctx *ctx, const char *source, const char *target,
			     bool *can, char **how);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_CAPABILITIES_H */
