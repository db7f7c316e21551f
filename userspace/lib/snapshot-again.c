// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A restore that has failed, begun again.  What was not restored is in the store alone,
 * and the kernel's picture of a store that gave an error may be wrong: a merge that is
 * merely resumed goes by it.  So the merge ends, and a new one reads the store anew.
 * Between the two the source gives errors, and the snapshot holds it lest it is mounted.
 *
 * That, and where the store is, stands in the table of the snapshot meanwhile, so that
 * whoever is killed leaves what the same command goes on with:
 *
 *	0 CHUNK linear SOURCE 0		while the source gives errors
 *	CHUNK CHUNK linear STORE 0	alone, from 0 on, when the snapshot is given up
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "snapshot.h"

static int fail_table(struct replica_snap *snap, int err)
{
	return replica_fail_errno(snap->ctx, err, "Name",
				  "the kernel did not take a table by which snapshot \"%s\" keeps its store",
				  snap->self->name);
}

int replica_snap_keep(struct replica_snap *snap, bool hold)
{
	char store[32], upper[40];
	struct replica_line line[2] = {
		{ .length = snap->chunk, .type = REPLICA_SNAP_KEPT_TARGET, .params = upper },
		{ .start = snap->chunk, .length = snap->chunk,
		  .type = REPLICA_SNAP_KEPT_TARGET, .params = store },
	};
	struct replica_lines table = { .count = 2, .line = line };
	int r;

	snprintf(upper, sizeof(upper), "%.36s 0", hold ? snap->upper->devno : "");
	snprintf(store, sizeof(store), "%u:%u 0", major(snap->store), minor(snap->store));
	if (!hold) {
		line[1].start = 0;		/* who uses the source may go on */
		table = (struct replica_lines){ .count = 1, .line = &line[1] };
	}
	r = replica_lines_load(snap->ctx, snap->self->name, &table);
	if (r)
		return fail_table(snap, r);
	r = replica_snap_resume(snap->ctx, snap->self->name, REPLICA_UDEV_HIDDEN, false);
	return r == REPLICA_TIMEOUT ? REPLICA_SUCCESS : r;
}

int replica_snap_set(struct replica_snap *snap, const struct replica_lines *map, const char *type,
		     const char *params, int hidden)
{
	uint64_t sectors = replica_lines_sectors(map);
	int ret;

	ret = replica_snap_load(snap->ctx, map->name, sectors ? sectors : 1, type, params);
	if (!ret)
		ret = replica_snap_resume(snap->ctx, map->name, hidden, false);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

bool replica_snap_torn(const struct replica_snap *snap)
{
	struct replica_usage usage;

	if (!snap->merging)
		return snap->kept && snap->upper;
	return !replica_snap_usage(snap->upper->name, &usage) && !usage.valid;
}

static int merge_anew(struct replica_snap *snap)
{
	char params[128];
	int ret;

	snprintf(params, sizeof(params), "%s %u:%u PO %u", snap->base->devno, major(snap->store),
		 minor(snap->store), snap->chunk);
	ret = replica_snap_set(snap, snap->upper, REPLICA_SNAP_MERGE_TARGET, params, 0);
	if (ret)
		replica_error_details(snap->ctx,
				      "\"%s\" gives errors until 'replicactl restore %s' works, or 'replicactl detach --force %s' gives its table back",
				      snap->upper->name, snap->self->name, snap->self->name);
	return ret;
}

/* Of who was killed between the two calls for a table: it holds what is in it. */
static void drop_unused(struct replica_snap *snap, const struct replica_lines *map)
{
	if (map->inactive)
		replica_lines_drop(snap->ctx, map->name);
}

int replica_snap_again(struct replica_snap *snap)
{
	int ret = REPLICA_SUCCESS;

	if (replica_snap_torn(snap)) {
		drop_unused(snap, snap->self);
		drop_unused(snap, snap->upper);
		ret = replica_snap_idle(snap->ctx, snap->self->name, "snapshot");
		if (!ret && !snap->holds)
			ret = replica_snap_idle(snap->ctx, snap->upper->name, "source");
		if (!ret && !snap->holds)
			ret = replica_snap_keep(snap, true);
		if (!ret && snap->merging)
			ret = replica_snap_set(snap, snap->upper, "error", "",
					       REPLICA_UDEV_HIDDEN);
		if (!ret)
			ret = merge_anew(snap);
	}
	return ret ? ret : replica_snap_set(snap, snap->self, "error", "", REPLICA_UDEV_HIDDEN);
}
