// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The registry is brought in line with the kernel.  Its names are read first: what is made or
 * ended meanwhile is written by those who do it.  The kernel is asked once more about one
 * that it seems not to have, whose name may have gone to another replica in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <replica/registry.h>

#include "clone.h"
#include "genl.h"
#include "info.h"
#include "registry.h"
#include "scan.h"

struct discovery {
	struct replica_ctx *ctx;
	struct replica_names names;
	struct replica_info *replicas;	/* that the kernel has */
	struct replica_discovery *list;	/* ordered by name */
};

EXPORT void replica_discovery_free(struct replica_discovery *list)
{
	struct replica_discovery *next;

	for (; list; list = next) {
		next = list->next;
		free(list->name);
		free(list->uuid);
		free(list);
	}
}

static int add(struct discovery *d, const struct replica_record *record,
	       enum replica_discovered what)
{
	struct replica_discovery *entry = calloc(1, sizeof(*entry)), **at = &d->list;

	if (!entry)
		return replica_fail_memory(d->ctx);
	entry->name = strdup(record->name);
	entry->uuid = record->uuid[0] ? strdup(record->uuid) : NULL;
	entry->sync_type = record->sync_type;
	entry->what = what;
	if (!entry->name || (record->uuid[0] && !entry->uuid)) {
		replica_discovery_free(entry);
		return replica_fail_memory(d->ctx);
	}
	while (*at && strcmp((*at)->name, entry->name) < 0)
		at = &(*at)->next;
	entry->next = *at;
	*at = entry;
	return REPLICA_SUCCESS;
}

static int fail_write(struct discovery *d, int r)
{
	return replica_fail_errno(d->ctx, r, NULL, "the registry %s cannot be written",
				  REPLICA_REGISTRY);
}

/* It may have been made or ended since the kernel told what it has.  *info NULL: none. */
static int look_again(struct discovery *d, const char *name, struct replica_info **info)
{
	struct replica_genl *g;
	int ret;

	*info = NULL;
	if (!replica_genl_present(d->ctx))
		return REPLICA_SUCCESS;
	ret = replica_genl_get(d->ctx, &g);
	if (!ret)
		ret = replica_info_read(d->ctx, g, name, info);
	if (!replica_is_gone(d->ctx, ret))
		return ret;
	replica_error_clear(d->ctx);
	return REPLICA_SUCCESS;
}

static bool is_same(const struct replica_record *a, const struct replica_record *b)
{
	return !strcmp(a->uuid, b->uuid) && a->generation == b->generation;
}

/* Who ends a replica drops its record first: of one that has ended since, this came after. */
static int add_if_there(struct discovery *d, const struct replica_record *record,
			enum replica_discovered what)
{
	struct replica_record now;
	struct replica_info *info;
	int r, ret = look_again(d, record->name, &info);

	if (ret)
		return ret;
	if (info) {
		replica_info_free(info);
		return add(d, record, what);
	}
	if (replica_record_read(d->ctx, record->name, &now) || now.ending.begun ||
	    now.recorded != record->recorded)
		return REPLICA_SUCCESS;
	r = replica_record_drop(d->ctx, record->name);
	return r ? fail_write(d, r) : REPLICA_SUCCESS;
}

/* Of what the kernel has. */
static int take_replica(struct discovery *d, const struct replica_info *info)
{
	enum replica_discovered what = REPLICA_DISCOVERED_KNOWN;
	struct replica_record old, record;
	int r;

	replica_record_fill(d->ctx, info, &record);
	/* Right before it is written; what is noted of an end that is under way stays. */
	r = replica_record_read(d->ctx, info->name, &old);
	if (r == -ENOENT)
		what = REPLICA_DISCOVERED_NEW;
	else if (r || !is_same(&old, &record) || old.sync_type != record.sync_type)
		what = REPLICA_DISCOVERED_CHANGED;
	if (what == REPLICA_DISCOVERED_KNOWN)
		return add(d, &record, what);
	if (!r && is_same(&old, &record))
		record.ending = old.ending;
	r = replica_record_write(d->ctx, &record);
	return r ? fail_write(d, r) : add_if_there(d, &record, what);
}

static bool is_there(const struct discovery *d, const char *name)
{
	const struct replica_info *info = d->replicas;

	while (info && strcmp(info->name, name))
		info = info->next;
	return info;
}

/* Of what the kernel has not; a record that is damaged has a name. */
static int take_gone(struct discovery *d, const char *name)
{
	struct replica_record record;
	struct replica_info *info;
	int r, ret = look_again(d, name, &info);

	if (ret)
		return ret;
	if (info) {
		ret = take_replica(d, info);
		replica_info_free(info);
		return ret;
	}
	r = replica_record_read(d->ctx, name, &record);
	/* It is not cut off as long as somebody is at it, who drops the record. */
	if (!r && record.ending.begun)
		return replica_clone_claimed(name) > 0 ? REPLICA_SUCCESS :
		       add(d, &record, REPLICA_DISCOVERED_UNFINISHED);
	if (r)
		strcpy(record.name, name);
	r = replica_record_drop(d->ctx, name);
	return r ? fail_write(d, r) : add(d, &record, REPLICA_DISCOVERED_GONE);
}

static int discover(struct discovery *d)
{
	int ret = REPLICA_SUCCESS;

	for (const struct replica_info *info = d->replicas; !ret && info; info = info->next)
		ret = take_replica(d, info);
	for (size_t i = 0; !ret && i < d->names.count; i++)
		if (!is_there(d, d->names.name[i]))
			ret = take_gone(d, d->names.name[i]);
	return ret;
}

EXPORT int replica_discover(struct replica_ctx *ctx, struct replica_discovery **list)
{
	struct discovery d = { .ctx = ctx };
	int r, ret;

	*list = NULL;
	replica_error_begin(ctx, "Discover");
	r = replica_records_list(ctx, &d.names);
	if (r && r != -ENOTDIR)
		return replica_fail_errno(ctx, r, NULL, "the registry %s cannot be read",
					  REPLICA_REGISTRY);
	ret = replica_scan_replicas(ctx, &d.replicas);
	if (!ret)
		ret = discover(&d);
	replica_info_free(d.replicas);
	replica_names_clear(&d.names);
	if (ret)
		replica_discovery_free(d.list);
	else
		*list = d.list;
	return ret;
}
