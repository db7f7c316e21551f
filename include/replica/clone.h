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

/*
 * The same when it is complete, however long that takes: also while it is Broken or Suspended,
 * until it is Aborted, which is REPLICA_FAILED.  Who creates a clone and waits for it ends it
 * himself, and while he waits this does, too.  Nothing can go wrong between several
 * who do this at once, or who is killed while he does it and who calls it again.
 */
int replica_finish_wait(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms,
			replica_progress_fn progress, void *progress_data, uint32_t *ended);

/* Do clones that nobody waits for end by themselves here, by udev and systemd? */
bool replica_clones_end(struct replica_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_CLONE_H */
