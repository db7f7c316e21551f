/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of replicas beside what the kernel tells, see Documentation/registry.rst.  Part
 * of libreplica.h, which says what holds for all of it.
 *
 * A call about a replica that the registry has and the kernel has not, because it was removed
 * without this library or the module was loaded anew, returns REPLICA_CACHE_OUT_OF_DATE.
 * The cure is replica_discover().
 */
#ifndef _REPLICA_REGISTRY_H
#define _REPLICA_REGISTRY_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

enum replica_discovered {
	REPLICA_DISCOVERED_KNOWN,	/* kernel and registry agree */
	REPLICA_DISCOVERED_NEW,		/* the kernel has it, and the registry had not */
	REPLICA_DISCOVERED_CHANGED,	/* another one has the name, or another module it */
	REPLICA_DISCOVERED_GONE,	/* the registry had it, and the kernel has not */
	REPLICA_DISCOVERED_UNFINISHED,	/* a clone whose end was cut off: replica_finish() */
};

/* Freed by replica_discovery_free(). */
struct replica_discovery {
	struct replica_discovery *next;
	char *name;
	char *uuid;			/* dm uuid, as it is or was; NULL: none */
	uint32_t sync_type;		/* enum replica_sync_type */
	uint32_t what;			/* enum replica_discovered */
};

void replica_discovery_free(struct replica_discovery *list);

/*
 * Brings the registry in line with the kernel, which has no replica when it has no module.
 * *list has all replicas of either, ordered by name; NULL for none.  Snapshots are in neither.
 * Fails when the registry cannot be written, but for one that would be empty.
 */
int replica_discover(struct replica_ctx *ctx, struct replica_discovery **list);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_REGISTRY_H */
