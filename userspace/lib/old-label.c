// SPDX-License-Identifier: LGPL-2.1-or-later
/* The label at the end of a replica that is none any more. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "belong.h"
#include "format.h"
#include "old-label.h"
#include "remove.h"
#include "sysfs.h"

/* That of a leg, if it has one.  Is it there? */
static bool read_leg(struct replica_ctx *ctx, const char *number, uint64_t sectors,
		     struct replica_old_label *old)
{
	struct dm_replica_label label;
	struct replica_blockdev dev;
	char path[PATH_MAX];
	dev_t devno;

	if (replica_parse_devno(number, &devno))
		return false;
	replica_sysfs_path(ctx, devno, path, sizeof(path));
	/* Without room for a label the last block is data, whatever it looks like. */
	if (path[0] != '/' || replica_sysfs_open(ctx, path, &dev) ||
	    !replica_label_sector(dev.size >> SECTOR_SHIFT, sectors) ||
	    replica_label_read(ctx, path, &label))
		return false;
	memcpy(old->uuid, label.uuid, sizeof(old->uuid));
	old->devno = devno;
	strcpy(old->path, path);
	return true;
}

/* The log says whose label it is. */
void replica_old_label_find(struct replica_ctx *ctx, const char *name,
			    const struct replica_dm_info *info, struct replica_old_label *old)
{
	struct replica_dm_table table;
	char path[PATH_MAX], leg[32];

	old->path[0] = '\0';
	replica_meta_path(ctx, info, path);
	if (path[0] && !replica_dm_table(ctx, name, &table) &&
	    sscanf(table.params, "%*s %31s", leg) == 1)
		read_leg(ctx, leg, table.sectors, old);
}

static bool is_log_of(struct replica_ctx *ctx, const char *path, const uint8_t uuid[16])
{
	const struct dm_replica_superblock *sb;
	struct replica_meta meta;
	uint64_t size;
	int fd = replica_meta_open_file(ctx, path, false, false, &size);
	bool is;

	if (fd < 0)
		return false;
	replica_meta_peek(&meta, fd, size);
	sb = replica_meta_superblock(&meta);
	is = sb && !memcmp(sb->uuid, uuid, sizeof(sb->uuid));
	replica_meta_clear(&meta);
	close(fd);
	return is;
}

/* What stands at the end of a source may be the label of another association. */
void replica_old_label_find_origin(struct replica_ctx *ctx, const char *name,
				   const struct replica_dm_info *info,
				   struct replica_old_label *old)
{
	struct replica_dm_table table;
	char path[PATH_MAX], leg[32];

	old->path[0] = '\0';
	replica_meta_path(ctx, info, path);
	if (path[0] && !replica_dm_table(ctx, name, &table) &&
	    sscanf(table.params, "%31s", leg) == 1 && read_leg(ctx, leg, table.sectors, old) &&
	    !is_log_of(ctx, path, old->uuid))
		old->path[0] = '\0';
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
