// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy of mode adaptive; dm-replica-adapt.h has the idea.
 */
#include <linux/minmax.h>
#include <linux/string.h>

#include "dm-replica-adapt.h"

/* The replica is slow from twice the origin's latency on, and fast up to 5/4 of it. */
#define SLOW_NUM	2
#define SLOW_DEN	1
#define FAST_NUM	5
#define FAST_DEN	4
/* Differences below this do not count, us. */
#define NOISE_US	100

void replica_adapt_init(struct replica_adapt *adapt, bool async, u64 now_ms)
{
	memset(adapt, 0, sizeof(*adapt));
	adapt->async = async;
	adapt->since_ms = now_ms;
	adapt->dwell_ms = REPLICA_ADAPT_DWELL_MIN_MS;
}

static bool is_slow(const struct replica_adapt_look *look)
{
	return look->replica_us > look->origin_us + NOISE_US &&
	       (u64)look->replica_us * SLOW_DEN > (u64)look->origin_us * SLOW_NUM;
}

static bool is_fast(const struct replica_adapt_look *look)
{
	return look->replica_us <= look->origin_us + NOISE_US ||
	       (u64)look->replica_us * FAST_DEN <= (u64)look->origin_us * FAST_NUM;
}

/* A look in which one of the legs had nothing to do says nothing. */
static void count_look(struct replica_adapt *adapt, const struct replica_adapt_look *look)
{
	if (!look->origin_us || !look->replica_us)
		return;
	adapt->slow = is_slow(look) ? adapt->slow + 1 : 0;
	adapt->fast = is_fast(look) ? adapt->fast + 1 : 0;
}

static void switch_to(struct replica_adapt *adapt, bool async, u64 now_ms, const char *reason)
{
	u64 stayed = now_ms - adapt->since_ms;

	if (stayed < 2ULL * adapt->dwell_ms)
		adapt->dwell_ms = min_t(u32, adapt->dwell_ms * 2, REPLICA_ADAPT_DWELL_MAX_MS);
	else if (stayed > (u64)REPLICA_ADAPT_CALM * adapt->dwell_ms)
		adapt->dwell_ms = max_t(u32, adapt->dwell_ms / 2, REPLICA_ADAPT_DWELL_MIN_MS);
	adapt->async = async;
	adapt->since_ms = now_ms;
	adapt->slow = 0;
	adapt->fast = 0;
	adapt->reason = reason;
}

static const char *forced_to_sync(const struct replica_adapt_look *look)
{
	if (look->lag_bytes > look->max_skew)
		return "the lag exceeds max_skew";
	if (look->rpo_ms && look->age_ms > look->rpo_ms / 2)
		return "the lag nears the RPO";
	return NULL;
}

bool replica_adapt_look(struct replica_adapt *adapt, const struct replica_adapt_look *look)
{
	bool may = look->now_ms - adapt->since_ms >= adapt->dwell_ms;
	const char *forced = forced_to_sync(look);

	count_look(adapt, look);
	if (adapt->async && forced)
		switch_to(adapt, false, look->now_ms, forced);
	else if (adapt->async && may && adapt->fast >= REPLICA_ADAPT_LOOKS)
		switch_to(adapt, false, look->now_ms, "the replica keeps up with the origin");
	else if (!adapt->async && may && !forced && adapt->slow >= REPLICA_ADAPT_LOOKS &&
		 look->lag_bytes <= look->max_skew / 4)
		switch_to(adapt, true, look->now_ms, "the replica is slower than the origin");
	else
		return false;
	return true;
}

u32 replica_behind_dwell(u32 last_ms, bool failed, u64 since_ms)
{
	/* Else it may still be the load, and not a whim. */
	if (!failed && since_ms >= (u64)REPLICA_BEHIND_CALM * last_ms)
		return REPLICA_BEHIND_DWELL_MIN_MS;
	return clamp(last_ms * 2, REPLICA_BEHIND_DWELL_MIN_MS, REPLICA_BEHIND_DWELL_MAX_MS);
}
