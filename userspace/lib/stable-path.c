// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The path of a block device that is most likely to lead to the same device after
 * the next boot.
 *
 * Names that come from what is on a device (by-uuid, by-label, the lvm-pv-uuid of
 * by-id) are not used: they are on the replica just as well, which is a copy, and could
 * lead to the wrong leg.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "sysfs.h"

static const char *const directories[] = {
	"/dev/disk/by-id", "/dev/disk/by-partuuid", "/dev/disk/by-path",
};

/* Names that the maker gave come before those that a driver made up. */
static const char *const preferred[] = { "wwn-", "nvme-eui.", "nvme-uuid." };

static unsigned int rank(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(preferred); i++)
		if (strncmp(name, preferred[i], strlen(preferred[i])) == 0)
			break;
	return i;
}

static bool better(const char *name, const char *best)
{
	if (!*best || rank(name) < rank(best))
		return true;
	return rank(name) == rank(best) && strcmp(name, best) < 0;
}

static bool leads_to(struct replica_ctx *ctx, const char *directory, const char *name,
		     dev_t devno)
{
	char path[PATH_MAX];
	dev_t found;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return ctx->host->devno(ctx, path, &found) == 0 && found == devno;
}

static bool find_link(struct replica_ctx *ctx, const char *directory, dev_t devno,
		      char *path, size_t size)
{
	char where[PATH_MAX], best[256] = "";
	struct dirent *entry;
	DIR *d;

	snprintf(where, sizeof(where), "%s%s", ctx->root, directory);
	d = opendir(where);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' &&
		    strncmp(entry->d_name, "lvm-pv-uuid-", 12) &&
		    better(entry->d_name, best) &&
		    leads_to(ctx, directory, entry->d_name, devno))
			snprintf(best, sizeof(best), "%s", entry->d_name);
	if (d)
		closedir(d);
	return *best && (size_t)snprintf(path, size, "%s/%s", directory, best) < size;
}

void replica_stable_path(struct replica_ctx *ctx, const struct replica_blockdev *dev,
			 char *path, size_t size)
{
	if (dev->dm_name[0] &&
	    (size_t)snprintf(path, size, "/dev/mapper/%s", dev->dm_name) < size)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (find_link(ctx, directories[i], dev->devno, path, size))
			return;
	if (dev->path[0] != '/' || (size_t)snprintf(path, size, "%s", dev->path) >= size)
		replica_sysfs_path(ctx, dev->devno, path, size);
}
