/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When the next delta update begins, and what is done about one that is late.  Pure: times
 * in, decision out; dm-replica-delta.c keeps the time.
 *
 * The interval is from one point in time to the next, so that a copy that takes long does
 * not stretch it: what is overdue begins at once.  An update that was given up has been a
 * burden to writers, so the pause before the next attempt doubles until one succeeds.
 */
#ifndef DM_REPLICA_BEAT_H
#define DM_REPLICA_BEAT_H

#include <linux/types.h>

/* First pause after an update that was given up, unless the interval is longer, ms. */
#define REPLICA_BEAT_PAUSE_MIN_MS	1000U
/* Longest pause, unless the interval is longer, ms. */
#define REPLICA_BEAT_PAUSE_MAX_MS	60000U

/**
 * struct replica_beat - the schedule
 * @next_ms: when the next update is due, monotonic
 * @pause_ms: after the last one, which was given up; 0: it was complete
 */
struct replica_beat {
	u64 next_ms;
	u32 pause_ms;
};

/* An update is complete whose point in time was @point_ms. */
void replica_beat_done(struct replica_beat *beat, u64 point_ms, u64 now_ms, u32 interval_ms);
/* One was given up. */
void replica_beat_failed(struct replica_beat *beat, u64 now_ms, u32 interval_ms);
/* The interval may be another one now; @point_ms: of the last complete update, 0: none. */
void replica_beat_retime(struct replica_beat *beat, u64 point_ms, u64 now_ms, u32 interval_ms);
/* The next one is to begin now. */
void replica_beat_now(struct replica_beat *beat, u64 now_ms);
/* Milliseconds until the next one is due, 0: it is. */
u64 replica_beat_left(const struct replica_beat *beat, u64 now_ms);

/* The age at which something is done for an objective. */
static inline u32 replica_beat_limit_ms(u32 rpo_ms)
{
	return rpo_ms / 8 * 7;
}

enum replica_beat_act {
	REPLICA_BEAT_WAIT,	/* nothing is to be done */
	REPLICA_BEAT_HOLD,	/* writers wait until the update is complete */
	REPLICA_BEAT_STOP,	/* the replica is given up */
};

/**
 * replica_beat_act - what the recovery point objective asks for
 * @age_ms: at least that of the oldest write that the replica does not have
 * @rpo_ms: 0: none
 * @blocks: the policy is to hold writers; @fails: it is to stop
 * @missed: set to whether it is missed
 */
enum replica_beat_act replica_beat_act(u64 age_ms, u32 rpo_ms, bool blocks, bool fails,
				       bool *missed);

#endif /* DM_REPLICA_BEAT_H */
