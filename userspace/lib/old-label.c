// SPDX-License-Identifier: LGPL-2.1-or-later
/* The label at the end of a replica that is none any more. */
#include <stdio.h>
#include <string.h>

#include "belong.h"
#include "format.h"
#include "old-label.h"
#include "remove.h"
#include "sysfs.h"

/* The log says whose label it is. */
void replica_old_label_find(struct replica_ctx *ctx, const char *name,
			    const struct replica_dm_info *info, struct replica_old_label *old)
{
	struct replica_dm_table table;
	struct dm_replica_label label;
	struct replica_blockdev dev;
	char path[PATH_MAX], leg[32];
	dev_t devno;

	old->path[0] = '\0';
	replica_meta_path(ctx, info, path);
	if (!path[0] || replica_dm_table(ctx, name, &table) ||
	    sscanf(table.params, "%*s %31s", leg) != 1 ||
	    replica_parse_devno(leg, &devno))
		return;
	replica_sysfs_path(ctx, devno, path, sizeof(path));
	/* Without room for a label the last block is data, whatever it looks like. */
	if (path[0] != '/' || replica_sysfs_open(ctx, path, &dev) ||
	    !replica_label_sector(dev.size >> SECTOR_SHIFT, table.sectors) ||
	    replica_label_read(ctx, path, &label))
		return;
	memcpy(old->uuid, label.uuid, sizeof(old->uuid));
	old->devno = devno;
	strcpy(old->path, path);
}

/* Else udev would go on hiding what is a disk like any other now. */
int replica_old_label_erase(struct replica_ctx *ctx, const char *name,
			    const struct replica_old_label *old)
{
	int r;

	if (!old->path[0])
		return REPLICA_SUCCESS;
	r = replica_label_erase(ctx, old->path, old->uuid);
	if (!r) {
		replica_sysfs_changed(ctx, old->devno);
		return REPLICA_SUCCESS;
	}
	return replica_fail_errno(ctx, r, REPLICA_PARAM_TARGET,
				  "replica \"%s\" has ended, but its label stays on %s, which udev hides",
				  name, old->path);
}
