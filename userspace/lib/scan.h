/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_SCAN_H
#define _REPLICA_SCAN_H

#include <replica/meta.h>

#include "replica-private.h"

/*
 * As replica_meta_scan(), within a call that has begun already.  With any, logs on devices
 * that are not to be believed too, if they are not named: for who only looks what not to touch.
 */
int replica_scan_run(struct replica_ctx *ctx, const char *const *paths, size_t count, bool any,
		     struct replica_meta_entry **list);

/* The replicas that exist, none without a module; a return value. */
int replica_scan_replicas(struct replica_ctx *ctx, struct replica_info **list);
/* The one whose meta device has that number, or NULL. */
const struct replica_info *replica_scan_user(const struct replica_info *replicas, dev_t devno);

#endif /* _REPLICA_SCAN_H */
