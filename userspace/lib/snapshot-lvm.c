// SPDX-License-Identifier: LGPL-2.1-or-later
/* Snapshots that LVM has made, as they are found in its reports and in the kernel's tables. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "snapshot-lvm.h"
#include "thin.h"

#define UUID_LEN		32	/* of LVM, without dashes */
#define COW_SUFFIX		"-cow"

#define ERROR_TARGET		"error"

/* ------------------------------------------------------------------------ */
/* By the kernel */

const char *replica_lvsnap_volume(const char *uuid)
{
	return strncmp(uuid, "LVM-", 4) || strlen(uuid) != 4 + 2 * UUID_LEN ? NULL : uuid + 4;
}

bool replica_lvsnap_may_be(const struct replica_lines *map)
{
	return replica_lvsnap_volume(map->uuid) &&
	       (replica_lines_only(map, REPLICA_SNAP_TARGET) ||
		replica_lines_only(map, REPLICA_THIN_TARGET) ||
		replica_lines_only(map, ERROR_TARGET));
}

bool replica_lvsnap_is(struct replica_ctx *ctx, const char *name)
{
	struct replica_lines lines;
	bool is;

	is = !replica_lines_read(ctx, name, 0, &lines) && replica_lvsnap_volume(lines.uuid);
	replica_lines_clear(&lines);
	return is;
}

/* What is merged has a table that any volume may have, and its source tells. */
static bool worth_asking(const struct replica_lines *map)
{
	return replica_lvsnap_volume(map->uuid) &&
	       (replica_lines_only(map, REPLICA_SNAP_TARGET) ||
		replica_lines_only(map, REPLICA_SNAP_MERGE_TARGET) ||
		replica_lines_only(map, REPLICA_THIN_TARGET));
}

/*
 * What an answer of LVM depends on, "" if there is nothing to ask for; NULL: no memory.  A
 * source is in it for its name, by which LVM calls it in what it says of the snapshot.
 */
static char *key_of(const struct replica_maps *maps)
{
	bool worth = false;
	size_t size;
	char *key;
	FILE *f = open_memstream(&key, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < maps->count; i++)
		worth |= worth_asking(&maps->map[i]);
	for (size_t i = 0; worth && i < maps->count; i++) {
		const struct replica_lines *map = &maps->map[i];

		if (worth_asking(map) || (replica_lvsnap_volume(map->uuid) &&
					  replica_lines_only(map, REPLICA_SNAP_ORIGIN_TARGET)))
			fprintf(f, "%s %s %s\n", map->uuid, map->name, map->line[0].type);
	}
	return fclose(f) ? NULL : key;
}

/* ------------------------------------------------------------------------ */
/* By LVM */

void replica_lvsnap_forget(struct replica_ctx *ctx)
{
	free(ctx->lvm_key);
	free(ctx->lvm_report);
	ctx->lvm_key = NULL;
	ctx->lvm_report = NULL;
}

/* LVM takes its time, and may have waited for the end of what it does: maps are read anew. */
static int read_again(struct replica_snap *snap)
{
	int r;

	replica_maps_clear(&snap->maps);
	r = replica_maps_read(snap->ctx, &snap->maps);
	return r ? replica_fail_errno(snap->ctx, r, "Name",
				      "device-mapper does not list its devices") : REPLICA_SUCCESS;
}

/* Takes the key over. */
static int ask(struct replica_snap *snap, char *key)
{
	struct replica_ctx *ctx = snap->ctx;
	int ret;

	if (ctx->lvm_key && !strcmp(ctx->lvm_key, key)) {
		free(key);
		return REPLICA_SUCCESS;
	}
	replica_lvsnap_forget(ctx);
	ret = replica_lvm_report_tag(ctx, REPLICA_POOL_TAG_SNAPSHOT, &ctx->lvm_report);
	if (ret) {
		free(key);
		return ret;
	}
	ctx->lvm_key = key;
	return read_again(snap);
}

/* A machine without LVM has none. */
int replica_lvsnap_list(struct replica_snap *snap)
{
	struct replica_ctx *ctx = snap->ctx;
	char *key = key_of(&snap->maps);
	int ret;

	if (!key)
		return replica_fail_memory(ctx);
	if (!*key) {
		free(key);
		return REPLICA_SUCCESS;
	}
	ret = ask(snap, key);
	if (ret == REPLICA_NOT_SUPPORTED) {
		replica_error_clear(ctx);
		return REPLICA_SUCCESS;
	}
	return ret ? ret : replica_lvm_take_report(ctx, ctx->lvm_report, &snap->lvs);
}

/* LVM writes the second half of what device-mapper has with dashes in it. */
static bool is_volume(const struct replica_lines *map, const struct replica_lv *lv)
{
	const char *at = replica_lvsnap_volume(map->uuid), *uuid = lv->uuid;

	if (!at)
		return false;
	for (at += UUID_LEN; *at && *uuid; uuid++)
		if (*uuid != '-' && *uuid != *at++)
			return false;
	return !*at && !*uuid;
}

/* A snapshot whose source is gone is a volume like any other, and what was merged too. */
static bool is_snapshot(const struct replica_lv *lv)
{
	return replica_lv_has_tag(lv, REPLICA_POOL_TAG_SNAPSHOT) && *lv->origin;
}

static const struct replica_lines *map_of(const struct replica_maps *maps,
					  const struct replica_lv *lv)
{
	for (size_t i = 0; i < maps->count; i++)
		if (is_volume(&maps->map[i], lv))
			return &maps->map[i];
	return NULL;
}

const struct replica_lv *replica_lvsnap_next(const struct replica_snap *snap,
					     const struct replica_lv *lv,
					     const struct replica_lines **self)
{
	for (; lv; lv = lv->next) {
		*self = map_of(&snap->maps, lv);
		if (*self && is_snapshot(lv))
			return lv;
	}
	return NULL;
}

/* ------------------------------------------------------------------------ */
/* Both together */

static const struct replica_lines *by_dev(const struct replica_maps *maps, dev_t dev)
{
	for (size_t i = 0; dev && i < maps->count; i++)
		if (maps->map[i].dev == dev)
			return &maps->map[i];
	return NULL;
}

static const struct replica_lines *source_of(const struct replica_maps *maps,
					     const struct replica_lv *lv)
{
	char name[DM_REPLICA_NAME_LEN];

	if (!replica_lvm_dm_name(lv->vg, lv->origin, name))
		return NULL;
	for (size_t i = 0; i < maps->count; i++)
		if (replica_lvsnap_volume(maps->map[i].uuid) && !strcmp(maps->map[i].name, name))
			return &maps->map[i];
	return NULL;
}

/* The first word is the pool. */
static void link_thin(struct replica_snap *snap)
{
	const struct replica_lines *pool;
	char word[32];

	if (sscanf(snap->self->line[0].params, "%31s", word) != 1 ||
	    replica_parse_devno(word, &snap->store))
		return;
	pool = by_dev(&snap->maps, snap->store);
	if (pool && replica_lines_only(pool, REPLICA_THIN_POOL_TARGET) &&
	    sscanf(pool->line[0].params, "%*s %*s %u", &snap->chunk) != 1)
		snap->chunk = 0;
}

/* A source has several snapshots, of which one is merged at a time. */
static bool is_merged(struct replica_snap *snap)
{
	const struct replica_lines *cow;
	size_t len = strlen(snap->self->uuid);

	if (!snap->source || !replica_lines_only(snap->source, REPLICA_SNAP_MERGE_TARGET))
		return false;
	replica_snap_parse_store(snap, snap->source);
	cow = by_dev(&snap->maps, snap->store);
	if (cow && !strncmp(cow->uuid, snap->self->uuid, len) &&
	    !strcmp(cow->uuid + len, COW_SUFFIX))
		return true;
	snap->store = 0;
	snap->chunk = 0;
	return false;
}

void replica_lvsnap_link(struct replica_snap *snap, const struct replica_lines *self,
			 const struct replica_lv *lv)
{
	snap->self = self;
	snap->lv = lv;
	snap->base = NULL;
	snap->kept = false;
	snap->holds = false;
	snap->store = 0;
	snap->chunk = 0;
	snap->source = source_of(&snap->maps, lv);
	snap->upper = snap->source;
	snap->thin = replica_lines_only(self, REPLICA_THIN_TARGET);
	snap->merging = !snap->thin && is_merged(snap);
	if (snap->thin)
		link_thin(snap);
	else if (!snap->merging)
		replica_snap_parse_store(snap, self);
}

int replica_lvsnap_find(struct replica_snap *snap, const char *name)
{
	const struct replica_lines *map = replica_map_by_name(&snap->maps, name);
	const struct replica_lv *lv;
	int ret;

	if (!map || !replica_lvsnap_may_be(map))
		return REPLICA_NOT_FOUND;
	ret = replica_lvsnap_list(snap);
	if (ret)
		return ret;
	for (lv = snap->lvs; (lv = replica_lvsnap_next(snap, lv, &map)); lv = lv->next) {
		if (strcmp(map->name, name))
			continue;
		replica_lvsnap_link(snap, map, lv);
		return REPLICA_SUCCESS;
	}
	return REPLICA_NOT_FOUND;
}

/* "LV", or "VG/LV". */
static bool is_called(const struct replica_lv *lv, const char *text)
{
	size_t len = strlen(lv->vg);

	if (!strncmp(text, lv->vg, len) && text[len] == '/')
		text += len + 1;
	return !strcmp(text, lv->name);
}

bool replica_lvsnap_alias(struct replica_ctx *ctx, const char *text,
			  char name[DM_REPLICA_NAME_LEN])
{
	struct replica_snap snap = { .ctx = ctx };
	const struct replica_lines *map;
	const struct replica_lv *lv;
	unsigned int count = 0;

	if (*ctx->root)
		return false;		/* a machine of files has no device-mapper */
	if (!replica_maps_read(ctx, &snap.maps) && replica_lvsnap_list(&snap))
		replica_error_clear(ctx);
	for (lv = snap.lvs; (lv = replica_lvsnap_next(&snap, lv, &map)); lv = lv->next)
		if (is_called(lv, text) && !count++)
			snprintf(name, DM_REPLICA_NAME_LEN, "%s", map->name);
	replica_snap_clear(&snap);
	return count == 1;
}

/* ------------------------------------------------------------------------ */
/* A thin pool */

/* "TRANSACTION USED/TOTAL USED/TOTAL ROOT MODE ..." of metadata and data, or a word. */
int replica_lvsnap_parse_thin(const char *status, struct replica_thin_usage *usage)
{
	char mode[32];

	memset(usage, 0, sizeof(*usage));
	if (!strcmp(status, "Fail") || !strcmp(status, "Error")) {
		usage->failed = true;
		return 0;
	}
	if (sscanf(status, "%*u %*u/%*u %" SCNu64 "/%" SCNu64 " %*s %31s", &usage->used,
		   &usage->total, mode) != 3 || !usage->total || usage->used > usage->total)
		return -EPROTO;
	usage->full = usage->used == usage->total || !strcmp(mode, "out_of_data_space");
	return 0;
}

static bool read_pool(const struct replica_snap *snap, struct replica_thin_usage *usage)
{
	const struct replica_lines *pool = by_dev(&snap->maps, snap->store);
	char text[256];

	return pool &&
	       !replica_dm_status(pool->name, REPLICA_THIN_POOL_TARGET, text, sizeof(text)) &&
	       !replica_lvsnap_parse_thin(text, usage);
}

static bool has_failed(const struct replica_snap *snap)
{
	char text[64];

	return replica_dm_status(snap->self->name, REPLICA_THIN_TARGET, text, sizeof(text)) ||
	       !strcmp(text, "Fail") || !strcmp(text, "Error");
}

/* What it reads is there, however full the pool is. */
int replica_lvsnap_thin_state(const struct replica_snap *snap, struct replica_info *info)
{
	struct replica_thin_usage pool;
	struct replica_usage usage = { .valid = false };

	if (!read_pool(snap, &pool) || pool.failed || has_failed(snap)) {
		replica_snap_set_state(info, DM_REPLICA_STATE_BROKEN, DM_REPLICA_PROGRESS_DORMANT,
				       "its thin pool has failed, or does not tell how it is");
		return 0;
	}
	usage.used = pool.used * snap->chunk;
	usage.total = pool.total * snap->chunk;
	usage.valid = snap->chunk;
	if (replica_snap_set_usage(info, &usage))
		return -ENOMEM;
	if (info->store)
		info->store->shared = true;
	replica_snap_set_good(snap, info, pool.full);
	return 0;
}
