/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The meta device: reading and writing its superblock, its intents, its bitmap,
 * and the label of the replica.  Knows blocks and their places, and nothing of
 * writes or states: intent.c decides what is to be written and when.
 *
 * One task at a time uses a struct replica_meta; intent.c has the mutex for it.
 * All functions sleep.  One that takes longer than it may returns -ETIMEDOUT, and
 * later ones on the same device -EBUSY until it has given back what it has.
 */
#ifndef DM_REPLICA_META_H
#define DM_REPLICA_META_H

#include <linux/bio.h>
#include <linux/completion.h>

#include "dm-replica.h"
#include "dm-replica-ondisk.h"

struct replica_meta;

/**
 * struct replica_meta_queue - requests that are waited for together
 * @meta: whose
 * @pending: requests under way, and one for the submitter
 * @error: of the first that failed
 * @done: none is under way
 * @page: for a block that has no image
 */
struct replica_meta_queue {
	struct replica_meta *meta;
	atomic_t pending;
	atomic_t error;
	struct completion done;
	struct page *page;
};

/**
 * struct replica_meta - an open meta device
 * @replica: whose; a reference is held while requests are out
 * @bdev: the device; changed only while no I/O is possible
 * @dev: its number
 * @sb: the superblock as last read or as it is to be written
 * @geometry: of @sb
 * @blocks: images of the intents' blocks, behind them those of the bitmap
 * @nr_blocks: number of them
 * @urgent: blocks that somebody waits for
 * @stale: blocks that differ from the device and may stay so for a while
 * @seq: of the next log sector
 * @label_sector: where the replica has its label, 0: nowhere
 * @origin_label_sector: the same of the origin
 * @log: requests to the meta device
 * @label: requests to the legs, which may hang while the meta device works
 * @writes: requests made, and @bytes of them, since the module has the device
 */
struct replica_meta {
	struct replica *replica;
	struct block_device *bdev;
	dev_t dev;
	struct dm_replica_superblock *sb;
	struct replica_geometry geometry;
	struct page **blocks;
	unsigned int nr_blocks;
	unsigned long *urgent;
	unsigned long *stale;
	u64 seq;
	u64 label_sector;
	u64 origin_label_sector;
	struct bio_set bios;
	struct replica_meta_queue log;
	struct replica_meta_queue label;
	u64 writes;
	u64 bytes;
};

/**
 * replica_meta_peek - look at a device before it is used
 * @sb: a block; gets the superblock that counts
 * Return: what was found, or a negative errno when it could not be read.
 */
int replica_meta_peek(struct block_device *bdev, struct dm_replica_superblock *sb);
/* Sentence for a verdict other than GOOD and ZERO. */
char *replica_verdict_sentence(enum replica_verdict verdict);

/* Sentence why a log is not for a table of this role, or NULL. */
char *replica_role_sentence(const struct dm_replica_superblock *sb, bool clone);

/* Memory for a device that holds or will hold a log like @sb.  NULL: none. */
struct replica_meta *replica_meta_create(struct replica *replica, struct block_device *bdev,
					 const struct dm_replica_superblock *sb);
/* No request is under way. */
void replica_meta_destroy(struct replica_meta *meta);
/* Are requests to the meta device, or to any, still out after a time-out? */
bool replica_meta_busy(struct replica_meta *meta);
bool replica_meta_any_busy(struct replica_meta *meta);

/* Blocks of images that have room for @geometry; those there are stay.  0 or -ENOMEM. */
int replica_meta_set_geometry(struct replica_meta *meta,
			      const struct replica_geometry *geometry);
/* Read all intents and bitmap blocks into the images. */
int replica_meta_read_log(struct replica_meta *meta);
/* Write the urgent blocks, or all that differ, durably. */
int replica_meta_write_log(struct replica_meta *meta, bool all);
/* Write both copies of the superblock, durably, one after the other. */
int replica_meta_write_sb(struct replica_meta *meta);
/* Read what stands at a place for a label, of either leg; -ENOSPC behind its end. */
int replica_meta_read_label(struct replica_meta *meta, struct block_device *leg, u64 sector,
			    struct dm_replica_label *label);
/* Write the labels where they belong, durably.  That of the origin comes first. */
int replica_meta_write_label(struct replica_meta *meta);
/* Does either leg have a place for one? */
static inline bool replica_meta_has_label(const struct replica_meta *meta)
{
	return meta->label_sector || meta->origin_label_sector;
}

/* The log sector of an intent or of a region's bit, in the image. */
struct dm_replica_log_sector *replica_meta_intent_sector(struct replica_meta *meta, u32 slot,
							 unsigned int *block);
struct dm_replica_log_sector *replica_meta_bitmap_sector(struct replica_meta *meta, u64 region,
							 unsigned int *block);
/* Is the image of this log sector as it was written?  For what was just read. */
bool replica_meta_sector_good(struct replica_meta *meta, unsigned int block, unsigned int unit);

#endif /* DM_REPLICA_META_H */
