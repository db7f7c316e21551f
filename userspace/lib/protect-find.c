// SPDX-License-Identifier: LGPL-2.1-or-later
/* The snapshot that protects a replica, looked for. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "dm.h"
#include "info.h"
#include "protect.h"
#include "snapshot-lvm.h"

#define PROTECT_SUFFIX	"-protect"

void replica_protect_names(const char *name, char dm[DM_REPLICA_NAME_LEN],
			   char lv[DM_REPLICA_NAME_LEN])
{
	char text[DM_REPLICA_NAME_LEN];

	snprintf(text, sizeof(text), "%.*s" PROTECT_SUFFIX,
		 (int)(DM_REPLICA_NAME_LEN - sizeof(PROTECT_SUFFIX)), name);
	replica_pool_stem(text, dm, DM_REPLICA_NAME_LEN);
	replica_pool_volume_stem(dm, lv, DM_REPLICA_NAME_LEN);
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

bool replica_protect_is_of(const struct replica_lv *lv, const char *uuid, uint32_t leg)
{
	char of[REPLICA_PROTECT_TAG], volume[REPLICA_PROTECT_TAG];

	snprintf(of, sizeof(of), REPLICA_POOL_TAG_OF "%s", uuid);
	snprintf(volume, sizeof(volume), REPLICA_POOL_TAG_LEG "%" PRIu32, leg);
	return *uuid && replica_lv_has_tag(lv, REPLICA_POOL_TAG_PROTECT) &&
	       replica_lv_has_tag(lv, of) && (!leg || replica_lv_has_tag(lv, volume));
}

bool replica_protect_is_of_uuid(const char *dm_uuid, const char *uuid, uint64_t *at)
{
	static const char prefix[] = REPLICA_THIN_UUID_PREFIX REPLICA_THIN_PROTECT_MARK;
	char *end;

	*at = 0;
	if (!*uuid || strncmp(dm_uuid, prefix, strlen(prefix)))
		return false;
	*at = strtoull(dm_uuid + strlen(prefix), &end, 16);
	return *end == '-' && !strncmp(end + 1, uuid, REPLICA_PROTECT_OF_LEN) &&
	       end[1 + REPLICA_PROTECT_OF_LEN] == '-';
}

/* ------------------------------------------------------------------------ */
/* What a replica is */

static bool take_uuid(const char *dm_uuid, const char *prefix, char uuid[REPLICA_UUID_TEXT])
{
	const char *bare = dm_uuid + strlen(prefix);

	if (strncmp(dm_uuid, prefix, strlen(prefix)) || strlen(bare) != REPLICA_UUID_TEXT - 1 ||
	    strspn(bare, "0123456789abcdef-") != REPLICA_UUID_TEXT - 1)
		return false;
	strcpy(uuid, bare);
	return true;
}

/* What is below a source that has a replica under its own name. */
static bool take_hidden(struct replica_ctx *ctx, dev_t devno, char uuid[REPLICA_UUID_TEXT])
{
	char name[DM_REPLICA_NAME_LEN], dm_uuid[DM_REPLICA_UUID_LEN];

	return devno && replica_sysfs_dm(ctx, devno, name, dm_uuid) &&
	       take_uuid(dm_uuid, REPLICA_ORIGIN_UUID_PREFIX, uuid);
}

static void take_logged(struct replica_ctx *ctx, const char *path, char uuid[REPLICA_UUID_TEXT])
{
	const struct dm_replica_superblock *sb;
	struct replica_meta meta;
	uint64_t size;
	int fd = replica_meta_open_file(ctx, path, false, false, &size);

	if (fd < 0)
		return;
	replica_meta_peek(&meta, fd, size);
	sb = replica_meta_superblock(&meta);
	if (sb)
		replica_uuid_text(sb->uuid, uuid);
	replica_meta_clear(&meta);
	close(fd);
}

/* The log is asked about a table that somebody has made by hand: it may hang. */
void replica_protect_uuid(struct replica_ctx *ctx, const struct replica_info *info,
			  char uuid[REPLICA_UUID_TEXT])
{
	dev_t legs[REPLICA_LEGS];

	uuid[0] = '\0';
	replica_info_legs(info, legs);
	if ((info->uuid && take_uuid(info->uuid, REPLICA_DM_UUID_PREFIX, uuid)) ||
	    take_hidden(ctx, legs[1], uuid) || take_hidden(ctx, legs[0], uuid))
		return;
	if (info->meta_path)
		take_logged(ctx, info->meta_path, uuid);
}

int replica_protect_leg(struct replica_ctx *ctx, const struct replica_info *info,
			struct replica_blockdev *leg)
{
	char path[PATH_MAX];
	dev_t legs[REPLICA_LEGS], devno;
	int r;

	replica_info_legs(info, legs);
	devno = legs[0];
	if (!devno)
		return replica_fail(ctx, REPLICA_FAILED, EPROTO, "Name",
				    "the kernel does not tell the legs of \"%s\"", info->name);
	replica_sysfs_path(ctx, devno, path, sizeof(path));
	r = replica_sysfs_open(ctx, path, leg);
	if (!r && leg->devno == devno)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r ? r : ESTALE, "Name",
				  "the leg %s of \"%s\" cannot be examined", path, info->name);
}

void replica_protect_legs(struct replica_ctx *ctx, const struct replica_info *info,
			  struct replica_blockdev legs[REPLICA_LEGS])
{
	dev_t numbers[REPLICA_LEGS];

	replica_info_legs(info, numbers);
	memset(legs, 0, REPLICA_LEGS * sizeof(*legs));
	/* One that has failed, or has no node, is there to sysfs all the same. */
	for (size_t i = 0; i < REPLICA_LEGS; i++)
		if (numbers[i] && replica_sysfs_dm(ctx, numbers[i], legs[i].dm_name,
						   legs[i].dm_uuid))
			legs[i].devno = numbers[i];
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
	copy->whole = replica_lv_has_tag(snap->lv, REPLICA_POOL_TAG_WHOLE);
	copy->at = replica_protect_at(snap->lv->tags);
	snprintf(copy->name, sizeof(copy->name), "%s", snap->self->name);
	snprintf(copy->uuid, sizeof(copy->uuid), "%s", snap->self->uuid);
	replica_info_free(info);
	return REPLICA_SUCCESS;
}

static int pick(struct replica_snap *snap, const char *name, const char *uuid, dev_t leg,
		struct replica_protect_copy *copy)
{
	const struct replica_lines *self;
	const struct replica_lv *lv;
	int ret = REPLICA_SUCCESS;

	for (lv = snap->lvs; !ret && (lv = replica_lvsnap_next(snap, lv, &self)); lv = lv->next) {
		if (strcmp(lv->name, name) || !replica_protect_is_of(lv, uuid, 0))
			continue;
		replica_lvsnap_link(snap, self, lv);
		if (snap->source && snap->source->dev == leg)
			ret = note_lvm(snap, copy);
	}
	return ret;
}

/* LVM takes its time, and is not asked when the kernel has no device of that name. */
static int ask_lvm(struct replica_ctx *ctx, const char *lv, const char *uuid,
		   const struct replica_blockdev *leg, struct replica_protect_copy *copy)
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
		ret = pick(&snap, lv, uuid, leg->devno, copy);
	/* The tag of one that is whole may come at any moment, and no mapped device tells. */
	if (copy->there && !copy->whole)
		replica_lvsnap_forget(ctx);
	replica_snap_clear(&snap);
	return ret;
}

/* What LVM said earlier is no proof that it is not whole. */
static int find_lvm(struct replica_ctx *ctx, const char *lv, const char *uuid,
		    const struct replica_blockdev *leg, struct replica_protect_copy *copy)
{
	int ret = ask_lvm(ctx, lv, uuid, leg, copy);

	if (ret || !copy->there || copy->whole)
		return ret;
	replica_protect_clear(copy);
	return ask_lvm(ctx, lv, uuid, leg, copy);
}

/* ------------------------------------------------------------------------ */
/* Of a pool of dm-thin */

/* The directory of the pool has it, mapped or not; both legs may be volumes of that pool. */
static int find_thin(struct replica_ctx *ctx, const char *dm, const char *uuid,
		     const struct replica_blockdev *leg, struct replica_protect_copy *copy)
{
	char pool[144];
	uint32_t id;
	int ret;

	if (!replica_thin_of_volume(ctx, leg->devno, pool, &id))
		return REPLICA_SUCCESS;
	ret = replica_volume_get(ctx, pool, dm, &copy->lv);
	if (ret || !copy->lv)
		return ret;
	if (!replica_protect_is_of(copy->lv, uuid, id)) {
		replica_protect_clear(copy);
		return REPLICA_SUCCESS;
	}
	copy->there = true;
	copy->whole = replica_lv_has_tag(copy->lv, REPLICA_POOL_TAG_WHOLE);
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

int replica_protect_find(struct replica_ctx *ctx, const struct replica_info *info,
			 const struct replica_blockdev *leg, struct replica_protect_copy *copy)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN], uuid[REPLICA_UUID_TEXT];

	memset(copy, 0, sizeof(*copy));
	if (!replica_volume_is_uuid(leg->dm_uuid))
		return REPLICA_SUCCESS;
	replica_protect_names(info->name, dm, lv);
	replica_protect_uuid(ctx, info, uuid);
	return is_thin(leg) ? find_thin(ctx, dm, uuid, leg, copy) :
			      find_lvm(ctx, lv, uuid, leg, copy);
}

/* ------------------------------------------------------------------------ */
/* For those who ask for the state */

/*
 * A look at the directory of a pool writes to its metadata: the mapped device will do, which one
 * that may be torn does not have.
 */
static void look_thin(struct replica_ctx *ctx, const char *dm, const char *uuid,
		      struct replica_protect_copy *copy)
{
	struct replica_lines lines;

	copy->there = !replica_lines_read(ctx, dm, 0, &lines) && lines.count &&
		      replica_protect_is_of_uuid(lines.uuid, uuid, &copy->at);
	copy->whole = copy->there;
	snprintf(copy->name, sizeof(copy->name), "%s", dm);
	replica_lines_clear(&lines);
}

static bool look_at(struct replica_ctx *ctx, const struct replica_info *info,
		    const struct replica_blockdev *leg, struct replica_protect_copy *copy)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN], uuid[REPLICA_UUID_TEXT];

	memset(copy, 0, sizeof(*copy));
	if (!replica_volume_is_uuid(leg->dm_uuid))
		return false;
	replica_protect_names(info->name, dm, lv);
	replica_protect_uuid(ctx, info, uuid);
	if (is_thin(leg))
		look_thin(ctx, dm, uuid, copy);
	else if (find_lvm(ctx, lv, uuid, leg, copy))
		return false;
	return copy->there;
}

bool replica_protect_look(struct replica_ctx *ctx, const struct replica_info *info,
			  struct replica_protect_copy *copy)
{
	struct replica_blockdev legs[REPLICA_LEGS];

	memset(copy, 0, sizeof(*copy));
	replica_protect_legs(ctx, info, legs);
	for (size_t i = 0; i < REPLICA_LEGS; i++) {
		if (look_at(ctx, info, &legs[i], copy))
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
	p->incomplete = !copy->whole;
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
