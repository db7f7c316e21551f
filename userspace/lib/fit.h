/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_FIT_H
#define _REPLICA_FIT_H

#include "ondisk.h"

/*
 * What the kernel will find when it is activated.  Pure; the labels are what stands
 * in their place on the legs, NULL: it cannot be read.
 */
enum replica_meta_fit replica_fit_judge(const struct dm_replica_superblock *sb,
					const struct dm_replica_label *origin,
					const struct dm_replica_label *replica);

/* Reads the legs that the log names, if they are there; changes nothing. */
enum replica_meta_fit replica_fit_look(struct replica_ctx *ctx, const struct replica_meta *meta);

#endif /* _REPLICA_FIT_H */
