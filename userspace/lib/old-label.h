/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The label of a replica that ends, which udev would go on hiding by it. */
#ifndef _REPLICA_OLD_LABEL_H
#define _REPLICA_OLD_LABEL_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "dm.h"

struct replica_old_label {
	char path[PATH_MAX];		/* "" if there is none */
	dev_t devno;
	uint8_t uuid[16];
};

/*
 * While the mapping is there.  Without a log there is no label.  The origin has one, too, when
 * the legs have changed places at least once.
 */
void replica_old_label_find(struct replica_ctx *ctx, const char *name,
			    const struct replica_dm_info *info, struct replica_old_label *old);
void replica_old_label_find_origin(struct replica_ctx *ctx, const char *name,
				   const struct replica_dm_info *info,
				   struct replica_old_label *old);
/* When the log is gone; udev looks at the device again.  A return value. */
int replica_old_label_erase(struct replica_ctx *ctx, const char *name,
			    const struct replica_old_label *old);

#endif /* _REPLICA_OLD_LABEL_H */
