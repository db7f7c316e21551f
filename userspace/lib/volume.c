// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who keeps a volume: LVM, or the directory of a pool of dm-thin. */
#include <string.h>

#include "volume.h"

int replica_volume_list(struct replica_ctx *ctx, const char *vg, struct replica_lv **list)
{
	return replica_thin_is(vg) ? replica_thin_list(ctx, vg, list) :
				     replica_lvm_list(ctx, vg, list);
}

static int find_thin(struct replica_ctx *ctx, const char *pool, const char *name,
		     struct replica_lv **lv)
{
	struct replica_lv *list, **at;
	int ret = replica_thin_list(ctx, pool, &list);

	*lv = NULL;
	for (at = &list; *at && strcmp((*at)->name, name); at = &(*at)->next)
		;
	if (*at) {
		*lv = *at;
		*at = (*at)->next;
		(*lv)->next = NULL;
	}
	replica_lv_free(list);
	return ret;
}

int replica_volume_get(struct replica_ctx *ctx, const char *vg, const char *name,
		       struct replica_lv **lv)
{
	return replica_thin_is(vg) ? find_thin(ctx, vg, name, lv) :
				     replica_lvm_lv(ctx, vg, name, lv);
}

static bool is_thin_uuid(const char *dm_uuid)
{
	return !strncmp(dm_uuid, REPLICA_THIN_UUID_PREFIX, strlen(REPLICA_THIN_UUID_PREFIX));
}

bool replica_volume_is_uuid(const char *dm_uuid)
{
	return !strncmp(dm_uuid, "LVM-", 4) || is_thin_uuid(dm_uuid);
}

int replica_volume_by_dm_uuid(struct replica_ctx *ctx, const char *dm_uuid,
			      struct replica_lv **lv)
{
	return is_thin_uuid(dm_uuid) ? replica_thin_by_dm_uuid(ctx, dm_uuid, lv) :
				       replica_lvm_by_dm_uuid(ctx, dm_uuid, lv);
}

int replica_volume_create(struct replica_ctx *ctx, const struct replica_lvm_new *lv)
{
	return replica_thin_is(lv->vg) ? replica_thin_create(ctx, lv) :
					 replica_lvm_create(ctx, lv);
}

int replica_volume_remove(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag)
{
	return replica_thin_is(lv->vg) ? replica_thin_remove(ctx, lv, tag) :
					 replica_lvm_remove(ctx, lv, tag);
}

int replica_volume_tag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		       const char *const *tags, size_t count)
{
	return replica_thin_is(lv->vg) ? replica_thin_tag(ctx, lv, change, tags, count) :
					 replica_lvm_tag(ctx, lv, change, tags, count);
}

int replica_volume_activate(struct replica_ctx *ctx, const struct replica_lv *lv)
{
	return replica_thin_is(lv->vg) ? replica_thin_activate(ctx, lv) :
					 replica_lvm_activate(ctx, lv);
}
