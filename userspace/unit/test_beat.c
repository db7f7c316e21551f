// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The schedule of delta updates, kmod/dm-replica-beat.c: from instant to instant, at once
 * when it is late, less often when writers suffer from it, and what an objective asks for.
 */
#include "dm-replica-beat.c"

#include "ktap.h"
#include "random.h"

#define INTERVAL	30000
#define DAY		86400000

static struct replica_beat beat;

static void from_instant_to_instant(void)
{
	replica_beat_done(&beat, 100000, 104000, INTERVAL);
	CHECK_INT(replica_beat_left(&beat, 104000), 26000);
	CHECK_INT(replica_beat_left(&beat, 129999), 1);
	CHECK_INT(replica_beat_left(&beat, 130000), 0);
	CHECK_INT(replica_beat_left(&beat, 999999), 0);
}

static void what_is_late_is_due(void)
{
	replica_beat_done(&beat, 100000, 145000, INTERVAL);
	CHECK_INT(replica_beat_left(&beat, 145000), 0);
	/* And does not make up for those that it left out. */
	replica_beat_done(&beat, 145000, 146000, INTERVAL);
	CHECK_INT(replica_beat_left(&beat, 146000), 29000);
}

static void a_barrier_is_now(void)
{
	replica_beat_done(&beat, 100000, 100000, INTERVAL);
	replica_beat_now(&beat, 100500);
	CHECK_INT(replica_beat_left(&beat, 100500), 0);
}

static void another_interval(void)
{
	replica_beat_done(&beat, 100000, 100000, INTERVAL);
	replica_beat_retime(&beat, 100000, 102000, 5000);
	CHECK_INT(replica_beat_left(&beat, 102000), 3000);
	replica_beat_retime(&beat, 100000, 110000, 5000);
	CHECK_INT(replica_beat_left(&beat, 110000), 0);
	/* Nothing was carried yet. */
	replica_beat_retime(&beat, 0, 110000, DAY);
	CHECK_INT(replica_beat_left(&beat, 110000), 0);
}

static void pauses_grow(void)
{
	static const u32 pauses[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };

	replica_beat_done(&beat, 1000, 1000, 1000);
	for (unsigned int i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		replica_beat_failed(&beat, 5000, 1000);
		CHECK_INT(replica_beat_left(&beat, 5000), pauses[i]);
	}
	replica_beat_done(&beat, 5000, 6000, 1000);
	replica_beat_failed(&beat, 7000, 1000);
	CHECK_INT(replica_beat_left(&beat, 7000), 1000);
}

/* Never more often than was asked for. */
static void pauses_of_a_long_interval(void)
{
	replica_beat_done(&beat, 1000, 1000, DAY);
	for (int i = 0; i < 5; i++) {
		replica_beat_failed(&beat, 5000, DAY);
		CHECK_INT(replica_beat_left(&beat, 5000), DAY);
	}
	/* One that became shorter counts at once. */
	replica_beat_retime(&beat, 1000, 6000, 1000);
	CHECK_INT(replica_beat_left(&beat, 6000), REPLICA_BEAT_PAUSE_MAX_MS);
	/* And is no reason to wait for longer, however often it is said. */
	replica_beat_retime(&beat, 1000, 16000, 1000);
	CHECK_INT(replica_beat_left(&beat, 16000), REPLICA_BEAT_PAUSE_MAX_MS - 10000);
	replica_beat_retime(&beat, 1000, 16000, DAY);
	CHECK_INT(replica_beat_left(&beat, 16000), REPLICA_BEAT_PAUSE_MAX_MS - 10000);
	replica_beat_failed(&beat, 5000, 1000);
	CHECK_INT(replica_beat_left(&beat, 5000), REPLICA_BEAT_PAUSE_MAX_MS);
}

static enum replica_beat_act act(u64 age_ms, bool blocks, bool fails, bool missed)
{
	bool found;
	enum replica_beat_act act = replica_beat_act(age_ms, 8000, blocks, fails, &found);

	CHECK_INT(found, missed);
	return act;
}

static void objectives(void)
{
	bool missed = true;

	CHECK_INT(replica_beat_act(UINT64_MAX, 0, true, true, &missed), REPLICA_BEAT_WAIT);
	CHECK(!missed);
	CHECK_INT(act(0, true, false, false), REPLICA_BEAT_WAIT);
	CHECK_INT(act(7000, true, false, false), REPLICA_BEAT_WAIT);
	CHECK_INT(act(7001, true, false, false), REPLICA_BEAT_HOLD);
	CHECK_INT(act(8000, true, false, false), REPLICA_BEAT_HOLD);
	CHECK_INT(act(8001, true, false, true), REPLICA_BEAT_HOLD);
	CHECK_INT(act(7001, false, true, false), REPLICA_BEAT_STOP);
	CHECK_INT(act(9000, false, false, true), REPLICA_BEAT_WAIT);
}

/* Whatever happens: the next one is never later than an interval and the longest pause. */
static void any_order(void)
{
	u64 now = 1000, point = 0;
	u32 interval = 1000;

	beat = (struct replica_beat){ 0 };
	for (unsigned int i = 0; i < 100000 && !ktap_failed; i++) {
		now += random_below(5000);
		switch (random_below(4)) {
		case 0:
			point = now - random_below(1000);
			replica_beat_done(&beat, point, now, interval);
			CHECK_INT(beat.pause_ms, 0);
			break;
		case 1:
			replica_beat_failed(&beat, now, interval);
			CHECK(replica_beat_left(&beat, now) >= interval);
			break;
		case 2:
			interval = 1000 + random_below(100000);
			replica_beat_retime(&beat, point, now, interval);
			break;
		default:
			replica_beat_now(&beat, now);
			break;
		}
		CHECK(replica_beat_left(&beat, now) <= 200000);
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(from_instant_to_instant), T(what_is_late_is_due), T(a_barrier_is_now),
		T(another_interval), T(pauses_grow), T(pauses_of_a_long_interval),
		T(objectives), T(any_order),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
