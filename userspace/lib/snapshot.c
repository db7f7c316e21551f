// SPDX-License-Identifier: LGPL-2.1-or-later
/* Snapshots as they are found in the kernel's tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "snapshot-lvm.h"
#include "token.h"

/* udev may hold a device open for a moment after its last user has gone. */
#define IDLE_TRIES	40
#define IDLE_STEP_MS	50

const char *replica_snap_id(const char *uuid)
{
	const char *id = replica_id_of(uuid, REPLICA_SNAP_UUID_PREFIX);

	return id ? id : replica_token_id(uuid);
}

bool replica_snap_is_base(const struct replica_lines *map)
{
	return replica_id_of(map->uuid, REPLICA_BASE_UUID_PREFIX);
}

uint64_t replica_lines_sectors(const struct replica_lines *lines)
{
	const struct replica_line *last;

	if (!lines->count)
		return 0;
	last = &lines->line[lines->count - 1];
	return last->start + last->length;
}

/* Where LVM does not say whether it is one, whoever looks it up is told why. */
static bool is_of_lvm(struct replica_ctx *ctx, const char *name)
{
	struct replica_snap snap;
	int ret = replica_snap_find(ctx, name, &snap);

	replica_snap_clear(&snap);
	replica_error_clear(ctx);
	return ret != REPLICA_NOT_FOUND;
}

bool replica_snap_is(struct replica_ctx *ctx, const char *name)
{
	struct replica_lines lines;
	bool is, may_be;

	is = !replica_lines_read(ctx, name, 0, &lines) && replica_snap_id(lines.uuid);
	may_be = !is && replica_lvsnap_may_be(&lines);
	replica_lines_clear(&lines);
	return is || (may_be && is_of_lvm(ctx, name));
}

int replica_snap_none(struct replica_ctx *ctx, const char *name)
{
	if (!replica_snap_is(ctx, name))
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Name",
			    "\"%s\" is a snapshot, or that of a token, and this is not for snapshots",
			    name);
}

int replica_snap_idle(struct replica_ctx *ctx, const char *name, const char *what)
{
	const struct timespec step = { .tv_nsec = IDLE_STEP_MS * 1000000 };
	struct replica_lines lines;
	int open_count = 0, r;

	for (int i = 0; i < IDLE_TRIES; i++) {
		r = replica_lines_read(ctx, name, 0, &lines);
		open_count = lines.open_count;
		replica_lines_clear(&lines);
		if (r)
			return replica_fail_errno(ctx, r, "Name",
						  "device-mapper does not tell about \"%s\"", name);
		if (!open_count)
			return REPLICA_SUCCESS;
		nanosleep(&step, NULL);
	}
	return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "Name",
			    "%s \"%s\" is in use: it is open %d time%s", what, name, open_count,
			    open_count == 1 ? "" : "s");
}

/* ------------------------------------------------------------------------ */
/* Who lies on whom */

const struct replica_lines *replica_map_by_name(const struct replica_maps *maps, const char *name)
{
	for (size_t i = 0; i < maps->count; i++)
		if (!strcmp(maps->map[i].name, name))
			return &maps->map[i];
	return NULL;
}

/* The base of a snapshot: the same association, another prefix. */
static const struct replica_lines *base_of(const struct replica_maps *maps,
					   const struct replica_lines *self)
{
	return replica_map_by_uuid(maps, REPLICA_BASE_UUID_PREFIX, replica_snap_id(self->uuid));
}

/* Is it an origin, or merging one, that lies on dev? */
static bool lies_on(const struct replica_lines *map, dev_t dev)
{
	char word[32];
	dev_t below;

	return (replica_lines_only(map, REPLICA_SNAP_ORIGIN_TARGET) ||
		replica_lines_only(map, REPLICA_SNAP_MERGE_TARGET)) &&
	       sscanf(map->line[0].params, "%31s", word) == 1 &&
	       !replica_parse_devno(word, &below) && below == dev;
}

static const struct replica_lines *upper_of(const struct replica_maps *maps,
					    const struct replica_lines *base)
{
	for (size_t i = 0; base && i < maps->count; i++)
		if (lies_on(&maps->map[i], base->dev))
			return &maps->map[i];
	return NULL;
}

/* The stack has as many floors as there are devices, at most. */
static const struct replica_lines *source_of(const struct replica_maps *maps,
					     const struct replica_lines *upper)
{
	for (size_t i = 0; upper && replica_snap_is_base(upper) && i < maps->count; i++)
		upper = upper_of(maps, upper);
	return upper;
}

void replica_snap_parse_store(struct replica_snap *snap, const struct replica_lines *table)
{
	char store[32];

	if ((replica_lines_only(table, REPLICA_SNAP_TARGET) ||
	     replica_lines_only(table, REPLICA_SNAP_MERGE_TARGET)) &&
	    sscanf(table->line[0].params, "%*s %31s %*s %u", store, &snap->chunk) == 2)
		replica_parse_devno(store, &snap->store);
}

static dev_t line_dev(const struct replica_line *line)
{
	char word[32];
	dev_t dev = 0;

	if (strcmp(line->type, REPLICA_SNAP_KEPT_TARGET) ||
	    sscanf(line->params, "%31s", word) != 1 || replica_parse_devno(word, &dev))
		return 0;
	return dev;
}

/* The table that keeps the store of a restore that failed: the store is last in it. */
static void parse_kept(struct replica_snap *snap)
{
	const struct replica_lines *self = snap->self;
	dev_t upper;

	if (self->count != 1 && self->count != 2)
		return;
	snap->store = line_dev(&self->line[self->count - 1]);
	snap->kept = snap->store;
	if (!snap->kept)
		return;
	snap->chunk = self->line[self->count - 1].length;
	upper = self->count == 2 ? line_dev(&self->line[0]) : 0;
	snap->holds = upper;
	for (size_t i = 0; upper && !snap->upper && i < snap->maps.count; i++)
		if (snap->maps.map[i].dev == upper &&
		    replica_lines_only(&snap->maps.map[i], "error"))
			snap->upper = &snap->maps.map[i];
}

/*
 * Who merges has taken the chunks over, and the snapshot says 0 then.  One that was never
 * started has its table in waiting, and a header on its store.
 */
static void read_store(struct replica_snap *snap)
{
	struct replica_lines inactive;

	if (snap->merging)
		replica_snap_parse_store(snap, snap->upper);
	if (!snap->store)
		replica_snap_parse_store(snap, snap->self);
	if (snap->store || !snap->self->inactive)
		return;
	if (!replica_lines_read_inactive(snap->ctx, snap->self->name, &inactive))
		replica_snap_parse_store(snap, &inactive);
	replica_lines_clear(&inactive);
}

static void link_up(struct replica_snap *snap, const struct replica_lines *self)
{
	snap->self = self;
	snap->lv = NULL;
	snap->thin = false;
	snap->store = 0;
	snap->chunk = 0;
	snap->kept = false;
	snap->holds = false;
	snap->base = base_of(&snap->maps, self);
	snap->upper = upper_of(&snap->maps, snap->base);
	snap->merging = snap->upper && replica_lines_only(snap->upper, REPLICA_SNAP_MERGE_TARGET);
	parse_kept(snap);
	snap->source = source_of(&snap->maps, snap->upper);
	read_store(snap);
}

void replica_snap_clear(struct replica_snap *snap)
{
	replica_maps_clear(&snap->maps);
	replica_lv_free(snap->lvs);
	snap->lvs = NULL;
	snap->lv = NULL;
}

int replica_snap_find(struct replica_ctx *ctx, const char *name, struct replica_snap *snap)
{
	const struct replica_lines *self;
	int r;

	*snap = (struct replica_snap){ .ctx = ctx };
	r = replica_maps_read(ctx, &snap->maps);
	if (r)
		return replica_fail_errno(ctx, r, "Name",
					  "device-mapper does not list its devices");
	self = replica_map_by_name(&snap->maps, name);
	if (self && replica_snap_id(self->uuid)) {
		link_up(snap, self);
		return REPLICA_SUCCESS;
	}
	r = replica_lvsnap_find(snap, name);
	if (r != REPLICA_NOT_FOUND)
		return r;
	return replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name", "there is no snapshot \"%s\"",
			    name);
}

/* ------------------------------------------------------------------------ */
/* What the API tells of them */

int replica_snap_info(struct replica_ctx *ctx, const char *name, struct replica_info **info)
{
	struct replica_snap snap;
	int ret;

	*info = NULL;
	ret = replica_snap_find(ctx, name, &snap);
	if (!ret)
		ret = replica_snap_info_new(&snap, info);
	replica_snap_clear(&snap);
	return ret;
}

/* Ordered by name. */
static void insert(struct replica_info **list, struct replica_info *info)
{
	while (*list && strcmp((*list)->name, info->name) < 0)
		list = &(*list)->next;
	info->next = *list;
	*list = info;
}

static int add(const struct replica_snap *snap, struct replica_info **list)
{
	struct replica_info *info;
	int ret = replica_snap_info_new(snap, &info);

	if (!ret)
		insert(list, info);
	return ret;
}

/* Where LVM does not answer the others are told of nevertheless. */
static int add_of_lvm(struct replica_snap *snap, struct replica_info **list)
{
	const struct replica_lines *self;
	const struct replica_lv *lv;
	int ret = REPLICA_SUCCESS;

	if (replica_lvsnap_list(snap))
		replica_error_clear(snap->ctx);
	for (lv = snap->lvs; !ret && (lv = replica_lvsnap_next(snap, lv, &self)); lv = lv->next) {
		replica_lvsnap_link(snap, self, lv);
		ret = add(snap, list);
	}
	return ret;
}

int replica_snap_list(struct replica_ctx *ctx, struct replica_info **list)
{
	struct replica_snap snap = { .ctx = ctx };
	int ret = REPLICA_SUCCESS, r;

	*list = NULL;
	r = replica_maps_read(ctx, &snap.maps);
	if (r)
		return replica_fail_errno(ctx, r, NULL, "device-mapper does not list its devices");
	for (size_t i = 0; !ret && i < snap.maps.count; i++) {
		if (!replica_snap_id(snap.maps.map[i].uuid))
			continue;
		link_up(&snap, &snap.maps.map[i]);
		ret = add(&snap, list);
	}
	if (!ret)
		ret = add_of_lvm(&snap, list);
	replica_snap_clear(&snap);
	if (ret) {
		replica_info_free(*list);
		*list = NULL;
	}
	return ret;
}

/* Appends the jobs of one snapshot, or of all, to a list. */
int replica_snap_jobs(struct replica_ctx *ctx, const char *name, struct replica_job **jobs)
{
	struct replica_info *list, *info;
	int ret;

	ret = name ? replica_snap_info(ctx, name, &list) : replica_snap_list(ctx, &list);
	while (*jobs)
		jobs = &(*jobs)->next;
	for (info = list; !ret && info; info = info->next) {
		if (!info->job)
			continue;
		info->job->name = strdup(info->name);
		if (!info->job->name) {
			ret = replica_fail_memory(ctx);
			break;
		}
		*jobs = info->job;
		jobs = &info->job->next;
		info->job = NULL;
	}
	replica_info_free(list);
	return ret;
}
