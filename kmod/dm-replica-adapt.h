/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy of mode adaptive.  Pure: samples in, decision out.
 *
 * CIM (MaximumSkew): the replica may be behind by that many bytes; beyond, writes are
 * acknowledged by both legs.  Besides, acknowledging late is pointless when the replica
 * is as fast as the origin, and dangerous when the lag nears the RPO.
 *
 * What hurts is acted on at once; what is a matter of taste needs several looks that
 * agree, and a time since the last switch that grows when switches follow each other.
 */
#ifndef DM_REPLICA_ADAPT_H
#define DM_REPLICA_ADAPT_H

#include <linux/types.h>

/* Time between two looks, ms. */
#define REPLICA_ADAPT_LOOK_MS		100
/* Looks that have to agree. */
#define REPLICA_ADAPT_LOOKS		5
/* Shortest and longest time between two switches that nothing forces, ms. */
#define REPLICA_ADAPT_DWELL_MIN_MS	1000
#define REPLICA_ADAPT_DWELL_MAX_MS	32000
/* After so long in one mode, in dwell times, the next dwell time is shorter again. */
#define REPLICA_ADAPT_CALM		4

/*
 * A queue that was given up under overflow track: the time until its resync begins doubles
 * each time that the copying came to nothing, or that the queue is given up again within so
 * many of these times; ms.
 */
#define REPLICA_BEHIND_DWELL_MIN_MS	1000U
#define REPLICA_BEHIND_DWELL_MAX_MS	60000U
#define REPLICA_BEHIND_CALM		4

/**
 * struct replica_adapt_look - what was seen since the last look
 * @now_ms: monotonic
 * @lag_bytes: acknowledged by the origin alone now
 * @age_ms: of the oldest of them
 * @max_skew: bytes
 * @rpo_ms: 0: none
 * @origin_us: average latency of writes on the origin, 0: there were none
 * @replica_us: on the replica, likewise
 */
struct replica_adapt_look {
	u64 now_ms;
	u64 lag_bytes;
	u64 age_ms;
	u64 max_skew;
	u32 rpo_ms;
	u32 origin_us;
	u32 replica_us;
};

/**
 * struct replica_adapt - state of the policy
 * @async: the present decision
 * @since_ms: time of the last switch
 * @dwell_ms: no switch before that since the last one, unless forced
 * @slow: looks in a row in which the replica was slower than the origin
 * @fast: looks in a row in which it was not
 * @reason: of the last switch, NULL: none yet
 */
struct replica_adapt {
	bool async;
	u64 since_ms;
	u32 dwell_ms;
	u32 slow;
	u32 fast;
	const char *reason;
};

/* Mode adaptive begins: with both legs, until the replica is known to be slow. */
void replica_adapt_init(struct replica_adapt *adapt, bool async, u64 now_ms);
/* Return: true when adapt->async has changed. */
bool replica_adapt_look(struct replica_adapt *adapt, const struct replica_adapt_look *look);

/**
 * replica_behind_dwell - how long a queue that is given up stays so, ms
 * @last_ms: how long it was the last time, 0: this is the first
 * @failed: the resync that came then was still copying
 * @since_ms: since that resync began, U64_MAX: there was none
 */
u32 replica_behind_dwell(u32 last_ms, bool failed, u64 since_ms);

#endif /* DM_REPLICA_ADAPT_H */
