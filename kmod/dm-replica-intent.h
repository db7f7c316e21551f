/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write intents: which regions are active, that is durably dirty on the meta
 * device, so that writes to them may be issued.
 *
 * A region is active because an intent of it is on the device, or because its bit
 * in the bitmap there is set.  The first write to a region that is not waits in a
 * list; one worker takes all that wait, gives each of their regions a slot in the
 * intents, writes the blocks concerned once, and lets the writes go.  What comes
 * meanwhile makes the next turn.
 *
 * Slots are limited, so that what a crash costs is.  A slot is taken back from a
 * region that has not been written to for a while when no write to it is under
 * way and both legs hold all earlier ones durably; if the region is dirty its bit
 * is written to the bitmap first.  On the device things may look dirtier than
 * they are, never cleaner.
 *
 * Why no write slips through: the worker takes the active bit away and then looks
 * for writes in the range lock's trees, bucket by bucket.  A write enters its tree
 * and looks at the active bit under the bucket lock: it is either seen, and the
 * bit is given back, or it comes later and sees that the bit is gone.
 */
#ifndef DM_REPLICA_INTENT_H
#define DM_REPLICA_INTENT_H

#include "dm-replica-io.h"

struct replica_intents;

/**
 * struct replica_meta_status - what status shows of the meta device
 * @present: there is one
 * @failed: it cannot be written; all regions may differ after a crash
 * @active_regions: with an intent or a bit on the device
 * @whole: it says that the replica is whole
 * @exposed_bytes: that a crash now costs to copy, at most
 * @waits: writes that waited for an intent
 * @writes: requests to the meta device, and @bytes of them
 */
struct replica_meta_status {
	bool present;
	bool failed;
	bool whole;
	u64 active_regions;
	u64 exposed_bytes;
	u64 waits;
	u64 writes;
	u64 bytes;
};

/**
 * replica_intents_open - take a meta device into use
 * @error: set to a sentence when the return value is negative
 * Formats a device of zeroes.  Afterwards the log holds what may differ, and
 * replica->restored says in which state the association was.  May sleep; no I/O.
 */
int replica_intents_open(struct replica *replica, struct block_device *bdev,
			 const struct replica_params *params, const char **error);
/* The device was suspended and is about to be used again.  May sleep. */
void replica_intents_resume(struct replica *replica, struct block_device *bdev);
/* No bio is under way: write all down and end in order.  May sleep. */
void replica_intents_suspend(struct replica *replica);
/* The association is over.  May sleep; no request is under way. */
void replica_intents_destroy(struct replica *replica);
/* Is the meta device still busy with what nobody waits for? */
bool replica_intents_busy(struct replica *replica);
/* The log has more regions than before, the device is suspended.  0 or an errno. */
int replica_intents_grow(struct replica *replica, struct replica_log *log, const char **error);
/* Sentence why a device with this log cannot carry @sectors, or NULL. */
char *replica_intents_too_small(struct block_device *bdev, u64 sectors, u32 region_sectors,
				u32 activity);

/* A write whose regions are not active: it is continued later.  Bucket lock held. */
void replica_intents_wait(struct replica_io *io);
/* State or settings changed: the superblock is out of date.  Any context. */
void replica_intents_note(struct replica *replica);
/* Wait until the superblock says what is so now.  May sleep. */
void replica_intents_sync(struct replica *replica);
/* Is there a meta device that cannot be written?  Any context. */
bool replica_intents_failed(struct replica *replica);
void replica_intents_status(struct replica *replica, struct replica_meta_status *status);

#endif /* DM_REPLICA_INTENT_H */
