// SPDX-License-Identifier: LGPL-2.1-or-later
/* The snapshot that protects a replica, looked for. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "protect.h"
#include "snapshot-lvm.h"

#define PROTECT_SUFFIX	"-protect"

void replica_protect_names(const char *name, char dm[DM_REPLICA_NAME_LEN],
			   char lv[DM_REPLICA_NAME_LEN])
{
	char stem[DM_REPLICA_NAME_LEN];

	snprintf(dm, DM_REPLICA_NAME_LEN, "%.*s" PROTECT_SUFFIX,
		 (int)(DM_REPLICA_NAME_LEN - sizeof(PROTECT_SUFFIX)), name);
	replica_pool_stem(dm, stem, sizeof(stem));
	replica_pool_volume_stem(stem, lv, DM_REPLICA_NAME_LEN);
}

uint64_t replica_protect_at(const char *tags)
{
	static const char tag[] = REPLICA_POOL_TAG_AT;
	const char *at = strstr(tags, tag);

	return at && (at == tags || at[-1] == ',') ? strtoull(at + strlen(tag), NULL, 10) : 0;
}

/* In the names that LVM gives, a single dash ends that of the volume group. */
bool replica_protect_beside(const char *leg, const char *lv, char name[DM_REPLICA_NAME_LEN])
{
	char vg[DM_REPLICA_NAME_LEN];
	size_t n = 0;

	for (; *leg && n < sizeof(vg) - 1; leg++) {
		if (*leg == '-' && leg[1] != '-')
			break;
		leg += *leg == '-';
		vg[n++] = *leg;
	}
	vg[n] = '\0';
	return *leg == '-' && n && replica_lvm_dm_name(vg, lv, name);
}

/* number: of one of the two legs. */
static int open_leg(struct replica_ctx *ctx, const struct replica_info *info, const char *number,
		    struct replica_blockdev *leg)
{
	char path[PATH_MAX];
	dev_t devno;
	int r;

	if (!number || replica_parse_devno(number, &devno))
		return replica_fail(ctx, REPLICA_FAILED, EPROTO, "Name",
				    "the kernel does not tell the legs of \"%s\"", info->name);
	replica_sysfs_path(ctx, devno, path, sizeof(path));
	r = replica_sysfs_open(ctx, path, leg);
	if (!r && leg->devno == devno)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r ? r : ESTALE, "Name",
				  "the leg %s of \"%s\" cannot be examined", path, info->name);
}

int replica_protect_leg(struct replica_ctx *ctx, const struct replica_info *info,
			struct replica_blockdev *leg)
{
	return open_leg(ctx, info, info->replica, leg);
}

int replica_protect_legs(struct replica_ctx *ctx, const struct replica_info *info,
			 struct replica_blockdev legs[REPLICA_LEGS], size_t *nr)
{
	int ret = open_leg(ctx, info, info->replica, &legs[0]);

	*nr = ret ? 0 : 1;
	if (ret)
		return ret;
	/* One that has failed, or is hidden, has none that could be dealt with. */
	if (open_leg(ctx, info, info->origin, &legs[1]))
		replica_error_clear(ctx);
	else
		*nr = REPLICA_LEGS;
	return REPLICA_SUCCESS;
}

void replica_protect_clear(struct replica_protect_copy *copy)
{
	replica_lv_free(copy->lv);
	memset(copy, 0, sizeof(*copy));
}

/* ------------------------------------------------------------------------ */
/* Of LVM */

/* Lost is one whose store was full; that of a thin one holds the writers up instead. */
static int note_lvm(const struct replica_snap *snap, struct replica_protect_copy *copy)
{
	struct replica_info *info;
	int ret = replica_snap_info_new(snap, &info);

	if (ret)
		return ret;
	copy->there = true;
	copy->lost = info->copy_state == DM_REPLICA_STATE_BROKEN;
	copy->at = replica_protect_at(snap->lv->tags);
	snprintf(copy->name, sizeof(copy->name), "%s", snap->self->name);
	snprintf(copy->uuid, sizeof(copy->uuid), "%s", snap->self->uuid);
	replica_info_free(info);
	return REPLICA_SUCCESS;
}

static int pick(struct replica_snap *snap, const char *name, dev_t leg,
		struct replica_protect_copy *copy)
{
	const struct replica_lines *self;
	const struct replica_lv *lv;
	int ret = REPLICA_SUCCESS;

	for (lv = snap->lvs; !ret && (lv = replica_lvsnap_next(snap, lv, &self)); lv = lv->next) {
		if (strcmp(lv->name, name) || !replica_lv_has_tag(lv, REPLICA_POOL_TAG_PROTECT))
			continue;
		replica_lvsnap_link(snap, self, lv);
		if (snap->source && snap->source->dev == leg)
			ret = note_lvm(snap, copy);
	}
	return ret;
}

/* LVM takes its time, and is not asked when the kernel has no device of that name. */
static int find_lvm(struct replica_ctx *ctx, const char *lv, const struct replica_blockdev *leg,
		    struct replica_protect_copy *copy)
{
	struct replica_snap snap = { .ctx = ctx };
	char name[DM_REPLICA_NAME_LEN];
	const struct replica_lines *map;
	int r = replica_maps_read(ctx, &snap.maps), ret = REPLICA_SUCCESS;

	map = !r && replica_protect_beside(leg->dm_name, lv, name) ?
	      replica_map_by_name(&snap.maps, name) : NULL;
	if (r)
		ret = replica_fail_errno(ctx, r, "Name",
					 "device-mapper does not list its devices");
	else if (map && replica_lvsnap_may_be(map))
		ret = replica_lvsnap_list(&snap);
	if (!ret)
		ret = pick(&snap, lv, leg->devno, copy);
	replica_snap_clear(&snap);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Of a pool of dm-thin */

/* The directory of the pool has it, mapped or not. */
static int find_thin(struct replica_ctx *ctx, const char *dm, const struct replica_blockdev *leg,
		     struct replica_protect_copy *copy)
{
	char pool[144];
	uint32_t id;
	int ret;

	if (!replica_thin_of_volume(ctx, leg->devno, pool, &id))
		return REPLICA_SUCCESS;
	ret = replica_volume_get(ctx, pool, dm, &copy->lv);
	if (ret || !copy->lv)
		return ret;
	if (!replica_lv_has_tag(copy->lv, REPLICA_POOL_TAG_PROTECT)) {
		replica_protect_clear(copy);
		return REPLICA_SUCCESS;
	}
	copy->there = true;
	copy->at = replica_protect_at(copy->lv->tags);
	snprintf(copy->name, sizeof(copy->name), "%s", copy->lv->name);
	snprintf(copy->uuid, sizeof(copy->uuid), "%s", copy->lv->uuid);
	return REPLICA_SUCCESS;
}

static bool is_thin(const struct replica_blockdev *leg)
{
	return !strncmp(leg->dm_uuid, REPLICA_THIN_UUID_PREFIX,
			strlen(REPLICA_THIN_UUID_PREFIX));
}

int replica_protect_find(struct replica_ctx *ctx, const char *name,
			 const struct replica_blockdev *leg, struct replica_protect_copy *copy)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN];

	memset(copy, 0, sizeof(*copy));
	replica_protect_names(name, dm, lv);
	if (is_thin(leg))
		return find_thin(ctx, dm, leg, copy);
	return strncmp(leg->dm_uuid, "LVM-", 4) ? REPLICA_SUCCESS : find_lvm(ctx, lv, leg, copy);
}

/* ------------------------------------------------------------------------ */
/* For those who ask for the state */

/* A look at the directory of a pool writes to its metadata: the mapped device will do. */
static void look_thin(struct replica_ctx *ctx, const char *dm, struct replica_protect_copy *copy)
{
	static const char prefix[] = REPLICA_THIN_UUID_PREFIX REPLICA_THIN_PROTECT_MARK;
	struct replica_lines lines;

	copy->there = !replica_lines_read(ctx, dm, 0, &lines) &&
		      !strncmp(lines.uuid, prefix, strlen(prefix));
	if (copy->there)
		copy->at = strtoull(lines.uuid + strlen(prefix), NULL, 16);
	snprintf(copy->name, sizeof(copy->name), "%s", dm);
	replica_lines_clear(&lines);
}

static bool look_at(struct replica_ctx *ctx, const char *name, const struct replica_blockdev *leg,
		    struct replica_protect_copy *copy)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN];

	memset(copy, 0, sizeof(*copy));
	replica_protect_names(name, dm, lv);
	if (is_thin(leg))
		look_thin(ctx, dm, copy);
	else if (!strncmp(leg->dm_uuid, "LVM-", 4) && find_lvm(ctx, lv, leg, copy))
		return false;
	return copy->there;
}

bool replica_protect_look(struct replica_ctx *ctx, const struct replica_info *info,
			  struct replica_protect_copy *copy)
{
	struct replica_blockdev legs[REPLICA_LEGS];
	size_t nr;

	memset(copy, 0, sizeof(*copy));
	if (replica_protect_legs(ctx, info, legs, &nr))
		return false;
	for (size_t i = 0; i < nr; i++) {
		if (look_at(ctx, info->name, &legs[i], copy))
			return true;
		replica_protect_clear(copy);
	}
	return false;
}

void replica_protection_free(struct replica_protection *protection)
{
	if (!protection)
		return;
	free(protection->name);
	free(protection->device);
	free(protection);
}

static struct replica_protection *protection_of(const struct replica_protect_copy *copy)
{
	struct replica_protection *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->name = strdup(copy->name);
	if (asprintf(&p->device, "/dev/mapper/%s", copy->name) < 0)
		p->device = NULL;
	p->point_in_time = copy->at;
	p->lost = copy->lost;
	if (p->name && p->device)
		return p;
	replica_protection_free(p);
	return NULL;
}

void replica_protect_fill(struct replica_ctx *ctx, struct replica_info *info)
{
	struct replica_error err = ctx->err;
	struct replica_protect_copy copy;

	if (info->settings.protect != DM_REPLICA_PROTECT_SNAPSHOT || info->protection)
		return;
	if (replica_protect_look(ctx, info, &copy))
		info->protection = protection_of(&copy);
	replica_protect_clear(&copy);
	ctx->err = err;
}
