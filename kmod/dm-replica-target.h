/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DM_REPLICA_TARGET_H
#define DM_REPLICA_TARGET_H

#include <linux/device-mapper.h>

struct replica_target;

extern struct target_type replica_target_type;

/*
 * target-meta.c API: open the meta device of a table line, @path or NULL, and see that
 * it is free or holds the log of these legs.  May sleep.  0, or a negative errno with
 * ti->error.
 */
int replica_target_get_meta(struct dm_target *ti, struct replica_target *rt, const char *path);

#endif /* DM_REPLICA_TARGET_H */
