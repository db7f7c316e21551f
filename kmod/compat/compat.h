/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the module builds on: 6.1 to 7.x.  This
 * folder is the only place that knows versions.
 */
#ifndef DM_REPLICA_COMPAT_H
#define DM_REPLICA_COMPAT_H

#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/device-mapper.h>
#include <linux/pagemap.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "dm-replica needs Linux 6.1 or newer"
#endif

/* 6.5: blk_mode_t instead of fmode_t */
static inline bool compat_mode_writable(struct dm_target *ti)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return dm_table_get_mode(ti->table) & FMODE_WRITE;
#else
	return dm_table_get_mode(ti->table) & BLK_OPEN_WRITE;
#endif
}

/* The legs are written to, whatever the table is for others. */
static inline int compat_get_leg(struct dm_target *ti, const char *path, struct dm_dev **dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return dm_get_device(ti, path, FMODE_READ | FMODE_WRITE, dev);
#else
	return dm_get_device(ti, path, BLK_OPEN_READ | BLK_OPEN_WRITE, dev);
#endif
}

/* 6.11: stable writes are a feature of the queue limits, before that of the target */
static inline void compat_set_stable_writes(struct dm_target *ti)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	ti->needs_stable_writes = true;
#endif
}

static inline void compat_hint_stable_writes(struct queue_limits *limits)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	limits->features |= BLK_FEAT_STABLE_WRITES;
#endif
}

/* 6.9: the block layer derives max_discard_sectors from two other limits */
static inline void compat_hint_discard(struct queue_limits *limits, unsigned int sectors)
{
	limits->max_hw_discard_sectors = sectors;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	limits->max_discard_sectors = sectors;
#endif
	limits->discard_granularity = limits->logical_block_size;
}

/*
 * Hold a device open, only so that it does not go away under a request.  6.5
 * added the holder's operations, 6.7 a handle, 6.9 made that a file.
 */
static inline void *compat_open_bdev(dev_t dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	void *handle = blkdev_get_by_dev(dev, FMODE_READ, NULL);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	void *handle = blkdev_get_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	void *handle = bdev_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
#else
	void *handle = bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
#endif
	return IS_ERR(handle) ? NULL : handle;
}

static inline void compat_close_bdev(void *handle)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	blkdev_put(handle, FMODE_READ);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	blkdev_put(handle, NULL);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	bdev_release(handle);
#else
	bdev_fput(handle);
#endif
}

#endif /* DM_REPLICA_COMPAT_H */
