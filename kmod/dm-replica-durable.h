/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Up to which write a leg is durable.
 *
 * Flushes have generations, counted over both legs.  A write notes for its regions,
 * when it has ended, the generation that the next flush gets: a flush of a leg that
 * ends well makes all that was noted up to its own generation durable there.  One
 * that fails has lost what it was to save, and the disk may tell only once: until
 * that is marked dirty, nothing counts as durable that was not when it began.
 */
#ifndef DM_REPLICA_DURABLE_H
#define DM_REPLICA_DURABLE_H

#include <linux/atomic.h>
#include <linux/types.h>

struct replica;
struct work_struct;

enum replica_leg {
	REPLICA_LEG_ORIGIN,
	REPLICA_LEG_REPLICA,
	REPLICA_LEGS,
};

/**
 * struct replica_durable - of one leg
 * @replica: the association
 * @leg: enum replica_leg
 * @flushed: a flush up to this generation has ended well
 * @lost: but nothing beyond this one counts, for a flush failed; S64_MAX: none did.
 *	Written under replica->lock
 * @failures: under replica->lock: flushes that have failed
 */
struct replica_durable {
	struct replica *replica;
	enum replica_leg leg;
	atomic64_t flushed;
	atomic64_t lost;
	unsigned int failures;
};

/**
 * struct replica_flush - a flush of a leg under way
 * @generation: writes up to here are durable when it ends well
 * @before: those that were when it began
 */
struct replica_flush {
	u64 generation;
	u64 before;
};

/* durable.c APIs: any context, unless said otherwise. */

void replica_durable_init(struct replica_durable *durable, struct replica *replica,
			  enum replica_leg leg);
/* Writes up to @generation are durable or marked, whatever was.  replica->lock held. */
void __replica_durable_begin_anew(struct replica_durable *durable, u64 generation);

/* The leg has these sectors, possibly in a volatile cache. */
void replica_durable_note(struct replica_durable *durable, sector_t sector, sector_t sectors);
/* A flush begins, and ends well or not. */
void replica_flush_begin(struct replica_durable *durable, struct replica_flush *flush);
void replica_flush_end(struct replica_durable *durable, const struct replica_flush *flush);
/* For the origin there is replica_origin_lost(), which sees to the rest too. */
void replica_flush_failed(struct replica_durable *durable, const struct replica_flush *flush);

/* Writes with a generation up to here survive a loss of the leg's cache. */
u64 replica_durable_generation(const struct replica_durable *durable);
/* Did a flush fail, and what it lost is not marked yet? */
bool replica_durable_doubt(const struct replica_durable *durable);
/**
 * replica_durable_mark - mark what is not durable on a leg, after which there is no doubt
 * @generation: nor is it beyond this, U64_MAX for no other bound
 * Of the origin all writes under way are marked besides.
 * May sleep; the log stays the same meanwhile.
 * Return: false when another flush has failed meanwhile: there is doubt still.
 */
bool replica_durable_mark(struct replica_durable *durable, u64 generation);

/*
 * A flush of the origin failed: what it lost is on the replica still.  It is marked, and
 * copied, and nothing is frozen before that.
 */
void replica_origin_lost(struct replica *replica, const struct replica_flush *flush);
/* So did a write with FUA: for a disk without that it ended with a flush. */
void replica_origin_fua_failed(struct replica *replica);
/* May the origin have lost something there that is not marked yet?  Any context. */
bool replica_origin_doubts(struct replica *replica, sector_t sector, sector_t sectors);
/*
 * Mark it, if one did fail.  May sleep.  The mutex of the intents is held, or without them
 * op_mutex.  Whoever tells of another one meanwhile has this called again.
 */
void replica_origin_mark_lost(struct replica *replica);
/* Worker of replica->lost_work, for when there are no intents. */
void replica_origin_lost_work(struct work_struct *work);

#endif /* DM_REPLICA_DURABLE_H */
