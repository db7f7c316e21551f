/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_SYSFS_H
#define _REPLICA_SYSFS_H

#include <limits.h>

#include "replica-private.h"

/* What sysfs tells of a block device. */
struct replica_blockdev {
	char path[PATH_MAX];		/* as the caller named it */
	dev_t devno;
	dev_t disk;			/* of the whole disk; devno if it is one */
	char kname[64];			/* "sda1", "dm-3" */
	uint64_t size;			/* bytes */
	bool read_only;
	bool suspended;			/* a mapped device that holds all I/O */
	unsigned int block_size;	/* logical, bytes */
	char dm_name[DM_REPLICA_NAME_LEN];	/* "" if not a mapped device */
	char dm_uuid[DM_REPLICA_UUID_LEN];	/* "" if it has none */
	char unique_id[256];		/* WWID, dm uuid, or major:minor */
};

/* 0; -ENOTBLK for something else; or -errno. */
int replica_sysfs_open(struct replica_ctx *ctx, const char *path,
		       struct replica_blockdev *dev);

/* Name and uuid of a mapped device, "" for none; false if it is no mapped device. */
bool replica_sysfs_dm(struct replica_ctx *ctx, dev_t devno, char name[DM_REPLICA_NAME_LEN],
		      char uuid[DM_REPLICA_UUID_LEN]);

/*
 * Has a udev rule set REPLICA_UNTRUSTED=1 for it, or for anything that it lies on, through all
 * levels; a partition lies on its disk.  below: for that alone.  What udev has not looked at
 * yet has no properties.
 */
bool replica_sysfs_untrusted(struct replica_ctx *ctx, dev_t devno);
bool replica_sysfs_untrusted_below(struct replica_ctx *ctx, dev_t devno);

/* A path in /dev for a number, "8:1" if there is none. */
void replica_sysfs_path(struct replica_ctx *ctx, dev_t devno, char *path,
			size_t size);

/* stable-path.c: the path of dev that most likely stays; fits into size. */
void replica_stable_path(struct replica_ctx *ctx, const struct replica_blockdev *dev,
			 char *path, size_t size);

/* Device numbers, at most so many; more are as good as these. */
#define REPLICA_DEVS_MAX	256

struct replica_devs {
	size_t count;
	dev_t dev[REPLICA_DEVS_MAX];
};

/* Block devices that lie on devno directly, or on which it lies. */
void replica_sysfs_holders(struct replica_ctx *ctx, dev_t devno,
			   struct replica_devs *devs);
/* devno itself and, through all levels, what it lies on; partitions count as such. */
void replica_sysfs_stack(struct replica_ctx *ctx, dev_t devno,
			 struct replica_devs *devs);
/* devno itself and its partitions. */
void replica_sysfs_parts(struct replica_ctx *ctx, dev_t devno,
			 struct replica_devs *devs);
/*
 * Lets udev look at devno and its partitions again.  It sees by itself that a writer has
 * closed a device, but not while it is looking at that one.
 */
void replica_sysfs_changed(struct replica_ctx *ctx, dev_t devno);
/* Where a partition is on its disk, in sectors: 0 or -ENOENT. */
int replica_sysfs_extent(struct replica_ctx *ctx, dev_t devno, uint64_t *start,
			 uint64_t *length);
/*
 * Controllers by which the namespaces of an NVMe subsystem can be reached, when the driver has
 * put devno upon all of them; else 0.
 */
unsigned int replica_sysfs_nvme_paths(struct replica_ctx *ctx, dev_t devno);
/* The whole disk of a partition; devno itself otherwise. */
dev_t replica_sysfs_disk(struct replica_ctx *ctx, dev_t devno);

bool replica_devs_has(const struct replica_devs *devs, dev_t devno);

/* "8:1" to a number: 0 or -EINVAL. */
int replica_parse_devno(const char *text, dev_t *devno);

/* mounts.c: does one of devs serve as a mount or as swap?  where is filled then. */
bool replica_mounted(struct replica_ctx *ctx, const struct replica_devs *devs,
		     char *where, size_t size);
bool replica_swapped(struct replica_ctx *ctx, const struct replica_devs *devs,
		     char *where, size_t size);

#endif /* _REPLICA_SYSFS_H */
