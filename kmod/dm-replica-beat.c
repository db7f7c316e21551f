// SPDX-License-Identifier: GPL-2.0-only
/*
 * The schedule of delta updates; dm-replica-beat.h has the idea.
 */
#include <linux/minmax.h>

#include "dm-replica-beat.h"

void replica_beat_done(struct replica_beat *beat, u64 point_ms, u64 now_ms, u32 interval_ms)
{
	beat->pause_ms = 0;
	beat->next_ms = max_t(u64, point_ms + interval_ms, now_ms);
}

void replica_beat_failed(struct replica_beat *beat, u64 now_ms, u32 interval_ms)
{
	u32 least = max_t(u32, interval_ms, REPLICA_BEAT_PAUSE_MIN_MS);
	u32 most = max_t(u32, interval_ms, REPLICA_BEAT_PAUSE_MAX_MS);

	/* An interval that became shorter meanwhile counts at once, a longer one too. */
	beat->pause_ms = beat->pause_ms > most / 2 ? most :
							 max_t(u32, beat->pause_ms * 2, least);
	beat->next_ms = now_ms + beat->pause_ms;
}

void replica_beat_retime(struct replica_beat *beat, u64 point_ms, u64 now_ms, u32 interval_ms)
{
	u32 most = max_t(u32, interval_ms, REPLICA_BEAT_PAUSE_MAX_MS);

	/* A pause stays, but for what is longer than one with this interval can be. */
	if (beat->pause_ms)
		beat->next_ms = min_t(u64, beat->next_ms, now_ms + most);
	else if (point_ms)
		replica_beat_done(beat, point_ms, now_ms, interval_ms);
	else
		replica_beat_now(beat, now_ms);
}

void replica_beat_now(struct replica_beat *beat, u64 now_ms)
{
	beat->next_ms = now_ms;
}

u64 replica_beat_left(const struct replica_beat *beat, u64 now_ms)
{
	return beat->next_ms > now_ms ? beat->next_ms - now_ms : 0;
}

enum replica_beat_act replica_beat_act(u64 age_ms, u32 rpo_ms, bool blocks, bool fails,
				       bool *missed)
{
	*missed = rpo_ms && age_ms > rpo_ms;
	/* Before it is missed. */
	if (!rpo_ms || age_ms <= replica_beat_limit_ms(rpo_ms))
		return REPLICA_BEAT_WAIT;
	if (fails)
		return REPLICA_BEAT_STOP;
	return blocks ? REPLICA_BEAT_HOLD : REPLICA_BEAT_WAIT;
}
