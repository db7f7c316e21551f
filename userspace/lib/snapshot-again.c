// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A restore that has failed.  What was not restored is in the store alone, and which that is
 * stands in the table of the snapshot before the source gets its own back, so that whoever
 * is killed does not leave a store that seems to be free:
 *
 *	0 CHUNK linear STORE 0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "snapshot.h"

int replica_snap_keep(struct replica_snap *snap)
{
	char store[32];
	int ret;

	snprintf(store, sizeof(store), "%u:%u 0", major(snap->store), minor(snap->store));
	ret = replica_snap_load(snap->ctx, snap->self->name, snap->chunk, REPLICA_SNAP_KEPT_TARGET,
				store);
	if (!ret)
		ret = replica_snap_resume(snap->ctx, snap->self->name, REPLICA_UDEV_HIDDEN, false);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
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

	return snap->merging && !replica_snap_usage(snap->upper->name, &usage) && !usage.valid;
}
