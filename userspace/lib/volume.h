/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes of pools, whoever keeps them: LVM (lvm.h), or we in a pool of dm-thin (thin.h),
 * whose path stands for the volume group.  The functions are those of lvm.h.
 */
#ifndef _REPLICA_VOLUME_H
#define _REPLICA_VOLUME_H

#include "lvm.h"
#include "thin.h"

int replica_volume_get(struct replica_ctx *ctx, const char *vg, const char *name,
		       struct replica_lv **lv);
int replica_volume_by_dm_uuid(struct replica_ctx *ctx, const char *dm_uuid,
			      struct replica_lv **lv);
int replica_volume_list(struct replica_ctx *ctx, const char *vg, struct replica_lv **list);
int replica_volume_create(struct replica_ctx *ctx, const struct replica_lvm_new *lv);
int replica_volume_remove(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag);
int replica_volume_tag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		       const char *const *tags, size_t count);
int replica_volume_activate(struct replica_ctx *ctx, const struct replica_lv *lv);

/* Could a device with this uuid have been cut from a pool? */
bool replica_volume_is_uuid(const char *dm_uuid);

#endif /* _REPLICA_VOLUME_H */
