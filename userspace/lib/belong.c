// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a block device is to a replica: for udev, whose rules hide the legs.  Mapped
 * devices above it answer for a replica that is active, the label at its tail for one
 * that is not.  The label is content of a device, and believed only where nobody can write
 * it by way of what the device is used for; it hides the device, and does nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attach.h"
#include "belong.h"
#include "content.h"
#include "dm.h"
#include "ondisk.h"
#include "scan.h"
#include "sysfs.h"
#include "table.h"

/* ------------------------------------------------------------------------ */
/* Label */

/* Room for a label where O_DIRECT can put it. */
union label_block {
	struct dm_replica_label label;
	uint8_t bytes[DM_REPLICA_BLOCK_SIZE];
};

static int open_direct(struct replica_ctx *ctx, const char *path, int flags, uint64_t *offset)
{
	int fd = ctx->host->open(ctx, path, flags | O_DIRECT | O_CLOEXEC | O_NONBLOCK), r = 0;
	uint64_t size;

	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKGETSIZE64, &size))
		r = -errno;
	else if (size < DM_REPLICA_BLOCK_SIZE)
		r = -ENOMSG;
	if (r) {
		close(fd);
		return r;
	}
	*offset = size - size % DM_REPLICA_BLOCK_SIZE - DM_REPLICA_BLOCK_SIZE;
	return fd;
}

static union label_block *new_block(void)
{
	void *block;

	return posix_memalign(&block, DM_REPLICA_BLOCK_SIZE, sizeof(union label_block)) ?
	       NULL : block;
}

static int read_block(int fd, union label_block *block, uint64_t offset)
{
	int r = replica_read_at(fd, block, sizeof(*block), offset);

	if (r)
		return r;
	if (replica_label_judge(&block->label) != REPLICA_BLOCK_GOOD ||
	    le64_to_cpu(block->label.sectors) > offset >> SECTOR_SHIFT)
		return -ENOMSG;
	return 0;
}

int replica_label_read(struct replica_ctx *ctx, const char *path, struct dm_replica_label *label)
{
	union label_block *block;
	uint64_t offset;
	int fd = open_direct(ctx, path, O_RDONLY, &offset), r = -ENOMEM;

	if (fd < 0)
		return fd;
	block = new_block();
	if (block)
		r = read_block(fd, block, offset);
	if (!r)
		*label = block->label;
	free(block);
	close(fd);
	return r;
}

int replica_label_erase(struct replica_ctx *ctx, const char *path, const uint8_t uuid[16])
{
	union label_block *block;
	uint64_t offset;
	int fd = open_direct(ctx, path, O_RDWR | O_EXCL, &offset), r = -ENOMEM;

	if (fd < 0)
		return fd == -ENOMSG ? 0 : fd;
	block = new_block();
	if (block)
		r = read_block(fd, block, offset);
	if (!r && !memcmp(block->label.uuid, uuid, sizeof(block->label.uuid))) {
		memset(block, 0, sizeof(*block));
		r = replica_write_at(fd, block, sizeof(*block), offset);
		if (!r && fsync(fd))
			r = -errno;
	}
	free(block);
	close(fd);
	return r == -ENOMSG ? 0 : r;
}

/* ------------------------------------------------------------------------ */
/* Active replicas */

static const char *bare_uuid(const char *uuid)
{
	size_t len = strlen(REPLICA_DM_UUID_PREFIX);

	return strncmp(uuid, REPLICA_DM_UUID_PREFIX, len) ? "" : uuid + len;
}

/* Whatever its uuid is: somebody has asked for it. */
static bool is_protected(const char *params)
{
	struct replica_table table;
	const char *why;

	return !replica_table_parse(params, &table, &why) &&
	       table.settings.present & REPLICA_SETTING_PROTECT &&
	       table.settings.protect == DM_REPLICA_PROTECT_SNAPSHOT;
}

/*
 * A clone that has a uuid of ours, or whose origin has.  Redeems of tokens, whose uuid goes on
 * in capitals, are ended by others.
 */
static bool ends_itself(struct replica_ctx *ctx, const char *uuid, const char *params)
{
	char name[DM_REPLICA_NAME_LEN], origin_uuid[DM_REPLICA_UUID_LEN];
	struct replica_table table;
	const char *why;
	dev_t origin;

	if (replica_table_parse(params, &table, &why) || !table.clone)
		return false;
	if (*bare_uuid(uuid))
		return strchr("0123456789abcdef", *bare_uuid(uuid));
	return !replica_parse_devno(table.origin, &origin) &&
	       replica_sysfs_dm(ctx, origin, name, origin_uuid) &&
	       !strncmp(origin_uuid, REPLICA_ORIGIN_UUID_PREFIX,
			strlen(REPLICA_ORIGIN_UUID_PREFIX));
}

/* Is the mapped device a replica, by its live table? */
static bool read_replica(struct replica_ctx *ctx, dev_t devno, struct replica_belonging *b)
{
	struct replica_dm_table table;
	char uuid[DM_REPLICA_UUID_LEN];

	if (!replica_sysfs_dm(ctx, devno, b->name, uuid))
		return false;
	if (replica_dm_table(ctx, b->name, &table)) {
		replica_error_clear(ctx);
		return false;
	}
	snprintf(b->uuid, sizeof(b->uuid), "%s", bare_uuid(uuid));
	b->active = true;
	b->ends_itself = ends_itself(ctx, uuid, table.params);
	b->is_protected = is_protected(table.params);
	return sscanf(table.params, "%31s %31s %31s", b->origin, b->replica, b->meta) == 3;
}

static bool is_dev(const char *text, dev_t devno)
{
	dev_t found;

	return replica_parse_devno(text, &found) == 0 && found == devno;
}

static enum replica_role role_in(const struct replica_belonging *b, dev_t devno)
{
	if (is_dev(b->origin, devno))
		return REPLICA_ROLE_ORIGIN;
	if (is_dev(b->replica, devno))
		return REPLICA_ROLE_REPLICA;
	return is_dev(b->meta, devno) ? REPLICA_ROLE_META : REPLICA_ROLE_NONE;
}

static bool held(struct replica_ctx *ctx, dev_t devno, struct replica_belonging *b)
{
	struct replica_devs holders;

	replica_sysfs_holders(ctx, devno, &holders);
	for (size_t i = 0; i < holders.count; i++) {
		if (!read_replica(ctx, holders.dev[i], b))
			continue;
		b->role = role_in(b, devno);
		b->ends_itself = false;
		b->is_protected = false;
		if (b->role != REPLICA_ROLE_NONE)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------------ */

/* Does the place of the label belong to what is on the device? */
static bool in_content(struct replica_ctx *ctx, const char *path, unsigned int block_size)
{
	uint64_t offset, len, end = 0;
	int fd = open_direct(ctx, path, O_RDONLY, &offset);
	void *head;

	if (fd < 0)
		return false;
	len = offset < REPLICA_CONTENT_HEAD ? offset : REPLICA_CONTENT_HEAD;
	if (!posix_memalign(&head, DM_REPLICA_BLOCK_SIZE, REPLICA_CONTENT_HEAD)) {
		if (!replica_read_at(fd, head, len, 0))
			end = replica_content_end(head, len, block_size);
		free(head);
	}
	close(fd);
	return end > offset;
}

/* The role by one log of the association; 0, or -errno when it cannot be told. */
static int role_by_log(struct replica_ctx *ctx, const char *path,
		       const struct dm_replica_label *label, unsigned int *role)
{
	const struct dm_replica_superblock *sb;
	struct replica_meta meta;
	uint64_t size;
	int fd = replica_meta_open_file(ctx, path, false, false, &size);

	if (fd < 0)
		return fd;
	replica_meta_peek(&meta, fd, size);
	sb = replica_meta_superblock(&meta);
	if (sb)
		*role = replica_label_role(sb, label);
	replica_meta_clear(&meta);
	close(fd);
	return sb ? 0 : -ENOMSG;
}

/*
 * A label that could not be written after a swap tells the role from before it, and the log
 * how many swaps there were since.  Only a leg that was an origin once is worth the search.
 */
static bool is_origin(struct replica_ctx *ctx, const struct dm_replica_label *label)
{
	unsigned int role = le16_to_cpu(label->role);
	struct replica_meta_entry *list, *e;
	char uuid[REPLICA_UUID_TEXT];

	if (role != DM_REPLICA_ROLE_ORIGIN)
		return false;
	if (replica_scan_run(ctx, NULL, 0, false, &list)) {
		replica_error_clear(ctx);
		return true;
	}
	replica_uuid_text(label->uuid, uuid);
	for (e = list; e; e = e->next)
		if (e->uuid && !strcmp(e->uuid, uuid) &&
		    !role_by_log(ctx, e->path, label, &role))
			break;
	replica_meta_entry_free(list);
	return role == DM_REPLICA_ROLE_ORIGIN;
}

static bool labelled(struct replica_ctx *ctx, dev_t devno, struct replica_belonging *b)
{
	struct dm_replica_label label;
	struct replica_blockdev dev;
	char path[PATH_MAX];

	replica_sysfs_path(ctx, devno, path, sizeof(path));
	if (path[0] != '/' || replica_sysfs_open(ctx, path, &dev) || dev.suspended ||
	    replica_label_read(ctx, path, &label) || in_content(ctx, path, dev.block_size))
		return false;
	replica_uuid_text(label.uuid, b->uuid);
	/* After a swap an origin may have one too: it is what people use. */
	b->role = is_origin(ctx, &label) ? REPLICA_ROLE_ORIGIN : REPLICA_ROLE_REPLICA;
	return true;
}

static bool look(struct replica_ctx *ctx, dev_t devno, struct replica_belonging *b)
{
	dev_t disk = replica_sysfs_disk(ctx, devno);
	struct replica_belonging none = { .role = REPLICA_ROLE_NONE };

	if (held(ctx, devno, b) || (disk != devno && held(ctx, disk, b)))
		return true;
	*b = none;
	if (read_replica(ctx, devno, b)) {
		b->role = REPLICA_ROLE_MAPPED;
		return true;
	}
	*b = none;
	/* Of the device itself udev knows more than it has written down yet. */
	if (replica_sysfs_untrusted_below(ctx, devno))
		return false;
	return labelled(ctx, devno, b) || (disk != devno && labelled(ctx, disk, b));
}

EXPORT int replica_belongs(struct replica_ctx *ctx, const char *device,
			   struct replica_belonging *belonging)
{
	struct replica_blockdev dev;
	int r;

	memset(belonging, 0, sizeof(*belonging));
	replica_error_begin(ctx, "GetBelonging");
	r = replica_sysfs_open(ctx, device, &dev);
	if (r)
		return replica_fail_errno(ctx, r, "Device", "%s cannot be looked at", device);
	if (!look(ctx, dev.devno, belonging))
		memset(belonging, 0, sizeof(*belonging));
	return REPLICA_SUCCESS;
}
