/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_PEER_H
#define _REPLICA_PEER_H

#include "sysfs.h"

/* Is that a name of this machine: its host name, "localhost", its machine-id? */
bool replica_peer_is_local(struct replica_ctx *ctx, const char *system);

/*
 * fill: the peer for a target on this machine, in the association uuid; 0 or -ENOMEM, and
 * then it is to be cleared all the same.
 */
int replica_peer_fill(struct replica_ctx *ctx, const struct replica_blockdev *target,
		      const char *uuid, struct replica_peer *peer);
void replica_peer_clear(struct replica_peer *peer);

#endif /* _REPLICA_PEER_H */
