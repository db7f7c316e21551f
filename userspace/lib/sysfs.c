// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Block devices as sysfs shows them.  Everything starts at
 * /sys/dev/block/MAJOR:MINOR, so names in /dev do not matter.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

static void attr_path(struct replica_ctx *ctx, dev_t devno, const char *attr,
		      char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/sys/dev/block/%u:%u/%s", ctx->root,
		 major(devno), minor(devno), attr);
}

/* First line of a file: 0 or -errno. */
static int read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	int err;

	line[0] = '\0';
	if (fd < 0)
		return -errno;
	len = read(fd, line, size - 1);
	err = errno;
	close(fd);
	if (len < 0)
		return -err;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int read_attr(struct replica_ctx *ctx, dev_t devno, const char *attr,
		     char *line, size_t size)
{
	char path[PATH_MAX];

	attr_path(ctx, devno, attr, path);
	return read_line(path, line, size);
}

static uint64_t read_number(struct replica_ctx *ctx, dev_t devno,
			    const char *attr)
{
	char line[32];

	if (read_attr(ctx, devno, attr, line, sizeof(line)))
		return 0;
	return strtoull(line, NULL, 10);
}

static bool has_attr(struct replica_ctx *ctx, dev_t devno, const char *attr)
{
	char path[PATH_MAX];

	attr_path(ctx, devno, attr, path);
	return access(path, F_OK) == 0;
}

int replica_parse_devno(const char *text, dev_t *devno)
{
	unsigned long ma, mi;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	ma = strtoul(text, &end, 10);
	if (*end != ':' || !isdigit((unsigned char)end[1]))
		return -EINVAL;
	mi = strtoul(end + 1, &end, 10);
	if (*end || ma > 0xfff || mi > 0xfffff)
		return -EINVAL;
	*devno = makedev(ma, mi);
	return 0;
}

dev_t replica_sysfs_disk(struct replica_ctx *ctx, dev_t devno)
{
	char line[32];
	dev_t disk;

	if (has_attr(ctx, devno, "partition") &&
	    read_attr(ctx, devno, "../dev", line, sizeof(line)) == 0 &&
	    replica_parse_devno(line, &disk) == 0)
		return disk;
	return devno;
}

int replica_sysfs_extent(struct replica_ctx *ctx, dev_t devno, uint64_t *start,
			 uint64_t *length)
{
	*start = read_number(ctx, devno, "start");
	*length = read_number(ctx, devno, "size");
	return has_attr(ctx, devno, "start") && *length ? 0 : -ENOENT;
}

/* "nvme0", which a controller's own folder does not have. */
static bool is_controller(const char *name)
{
	return !strncmp(name, "nvme", 4) && name[4] && !name[4 + strspn(name + 4, "0123456789")];
}

unsigned int replica_sysfs_nvme_paths(struct replica_ctx *ctx, dev_t devno)
{
	unsigned int n = 0;
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *d;

	attr_path(ctx, devno, "device", path);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		n += is_controller(entry->d_name);
	if (d)
		closedir(d);
	return n;
}

/* ------------------------------------------------------------------------ */
/* Sets of devices */

bool replica_devs_has(const struct replica_devs *devs, dev_t devno)
{
	for (size_t i = 0; i < devs->count; i++)
		if (devs->dev[i] == devno)
			return true;
	return false;
}

static void add_dev(struct replica_devs *devs, dev_t devno)
{
	if (devs->count < REPLICA_DEVS_MAX && !replica_devs_has(devs, devno))
		devs->dev[devs->count++] = devno;
}

/* Adds the device of each entry below dir; only of partitions if so asked. */
static void add_entries(struct replica_ctx *ctx, dev_t devno, const char *dir,
			bool parts, struct replica_devs *devs)
{
	char path[PATH_MAX], attr[PATH_MAX + 300], line[32];
	struct dirent *entry;
	dev_t found;
	DIR *d;

	attr_path(ctx, devno, dir, path);
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(attr, sizeof(attr), "%s/%s/partition", path,
			 entry->d_name);
		if (parts && access(attr, F_OK))
			continue;
		snprintf(attr, sizeof(attr), "%s/%s/dev", path, entry->d_name);
		if (read_line(attr, line, sizeof(line)) == 0 &&
		    replica_parse_devno(line, &found) == 0)
			add_dev(devs, found);
	}
	if (d)
		closedir(d);
}

void replica_sysfs_holders(struct replica_ctx *ctx, dev_t devno,
			   struct replica_devs *devs)
{
	devs->count = 0;
	add_entries(ctx, devno, "holders", false, devs);
}

void replica_sysfs_parts(struct replica_ctx *ctx, dev_t devno,
			 struct replica_devs *devs)
{
	devs->count = 0;
	add_dev(devs, devno);
	add_entries(ctx, devno, ".", true, devs);
}

/* Where this fails there is no udev to ask. */
static void send_change(struct replica_ctx *ctx, dev_t devno)
{
	char path[PATH_MAX];
	int fd;

	attr_path(ctx, devno, "uevent", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "change");
	close(fd);
}

void replica_sysfs_changed(struct replica_ctx *ctx, dev_t devno)
{
	struct replica_devs devs;

	replica_sysfs_parts(ctx, devno, &devs);
	for (size_t i = 0; i < devs.count; i++)
		send_change(ctx, devs.dev[i]);
}

/*
 * devno first, and what it lies on; disks: a partition lies on its disk.  The set grows while
 * it is walked; it has no duplicates, so that ends.
 */
static void walk_down(struct replica_ctx *ctx, dev_t devno, bool disks, struct replica_devs *devs)
{
	devs->count = 0;
	add_dev(devs, devno);
	for (size_t i = 0; i < devs->count; i++) {
		if (disks)
			add_dev(devs, replica_sysfs_disk(ctx, devs->dev[i]));
		add_entries(ctx, devs->dev[i], "slaves", false, devs);
	}
}

void replica_sysfs_stack(struct replica_ctx *ctx, dev_t devno,
			 struct replica_devs *devs)
{
	walk_down(ctx, devno, false, devs);
}

/* ------------------------------------------------------------------------ */
/* One device */

static void read_kname(struct replica_ctx *ctx, dev_t devno, char *kname,
		       size_t size)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t len;
	char *base;

	kname[0] = '\0';
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", ctx->root,
		 major(devno), minor(devno));
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return;
	link[len] = '\0';
	base = strrchr(link, '/');
	snprintf(kname, size, "%.*s", (int)size - 1, base ? base + 1 : link);
	for (; *kname; kname++)		/* cciss!c0d0 is /dev/cciss/c0d0 */
		if (*kname == '!')
			*kname = '/';
}

void replica_sysfs_path(struct replica_ctx *ctx, dev_t devno, char *path,
			size_t size)
{
	char name[DM_REPLICA_NAME_LEN];

	if (read_attr(ctx, devno, "dm/name", name, sizeof(name)) == 0 && name[0]) {
		snprintf(path, size, "/dev/mapper/%s", name);
		return;
	}
	read_kname(ctx, devno, name, sizeof(name));
	if (name[0])
		snprintf(path, size, "/dev/%s", name);
	else
		snprintf(path, size, "%u:%u", major(devno), minor(devno));
}

bool replica_sysfs_dm(struct replica_ctx *ctx, dev_t devno, char name[DM_REPLICA_NAME_LEN],
		      char uuid[DM_REPLICA_UUID_LEN])
{
	if (read_attr(ctx, devno, "dm/name", name, DM_REPLICA_NAME_LEN) || !name[0])
		return false;
	read_attr(ctx, devno, "dm/uuid", uuid, DM_REPLICA_UUID_LEN);
	return true;
}

static void read_unique_id(struct replica_ctx *ctx, struct replica_blockdev *dev)
{
	static const char *const attrs[] = { "dm/uuid", "wwid", "device/wwid" };

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		if (read_attr(ctx, dev->devno, attrs[i], dev->unique_id,
			      sizeof(dev->unique_id)) == 0 && dev->unique_id[0])
			return;
	snprintf(dev->unique_id, sizeof(dev->unique_id), "%u:%u",
		 major(dev->devno), minor(dev->devno));
}

static bool has_property(struct replica_ctx *ctx, dev_t devno, const char *property)
{
	char path[PATH_MAX], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/run/udev/data/b%u:%u", ctx->root, major(devno),
		 minor(devno));
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "E:", 2) && !strncmp(line + 2, property, strlen(property)) &&
			!strcmp(line + 2 + strlen(property), "\n");
	if (f)
		fclose(f);
	return found;
}

/* Where there is more than can be asked about, that is not trusted. */
bool replica_sysfs_untrusted_below(struct replica_ctx *ctx, dev_t devno)
{
	struct replica_devs devs;

	walk_down(ctx, devno, true, &devs);
	for (size_t i = 1; i < devs.count; i++)
		if (has_property(ctx, devs.dev[i], "REPLICA_UNTRUSTED=1"))
			return true;
	return devs.count == REPLICA_DEVS_MAX;
}

bool replica_sysfs_untrusted(struct replica_ctx *ctx, dev_t devno)
{
	return has_property(ctx, devno, "REPLICA_UNTRUSTED=1") ||
	       replica_sysfs_untrusted_below(ctx, devno);
}

int replica_sysfs_open(struct replica_ctx *ctx, const char *path,
		       struct replica_blockdev *dev)
{
	int r;

	memset(dev, 0, sizeof(*dev));
	if (strlen(path) >= sizeof(dev->path))
		return -ENAMETOOLONG;
	strcpy(dev->path, path);
	r = ctx->host->devno(ctx, path, &dev->devno);
	if (r)
		return r;
	if (!has_attr(ctx, dev->devno, "size"))
		return -ENXIO;		/* a node without a device behind it */
	dev->disk = replica_sysfs_disk(ctx, dev->devno);
	dev->size = read_number(ctx, dev->devno, "size") << SECTOR_SHIFT;
	dev->read_only = read_number(ctx, dev->devno, "ro") != 0;
	dev->suspended = read_number(ctx, dev->devno, "dm/suspended") != 0;
	dev->block_size = read_number(ctx, dev->disk, "queue/logical_block_size");
	read_kname(ctx, dev->devno, dev->kname, sizeof(dev->kname));
	read_attr(ctx, dev->devno, "dm/name", dev->dm_name, sizeof(dev->dm_name));
	read_attr(ctx, dev->devno, "dm/uuid", dev->dm_uuid, sizeof(dev->dm_uuid));
	read_unique_id(ctx, dev);
	return 0;
}
