/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a clone (SyncType 8 of replica_create_replica()).  Part of libreplica.h, which
 * says what holds for all of it.
 */
#ifndef _REPLICA_CLONE_H
#define _REPLICA_CLONE_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Ends a clone that is Synchronized or Aborted: its target and meta device are free then.
 * A mapped device that is open stays, and leads to the source alone.  *ended may be NULL.
 * REPLICA_FAILED while it is copied or Broken, REPLICA_INVALID_PARAMETER for a mirror.
 */
int replica_finish(struct replica_ctx *ctx, const char *name, uint32_t *ended);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_CLONE_H */
