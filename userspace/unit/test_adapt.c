// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The policy of mode adaptive, kmod/dm-replica-adapt.c: what is forced comes at once, what
 * is a matter of taste takes looks that agree and time, and it never flaps.
 */
#include "dm-replica-adapt.c"

#include "ktap.h"
#include "random.h"

#define MIB		(1ULL << 20)

static struct replica_adapt adapt;
static struct replica_adapt_look look;

static void begin(bool async)
{
	look = (struct replica_adapt_look){
		.now_ms = 1000000,
		.max_skew = 8 * MIB,
		.rpo_ms = 2000,
		.origin_us = 200,
		.replica_us = 200,
	};
	replica_adapt_init(&adapt, async, look.now_ms);
}

/* So many looks; which one of them, from 1, switched, or 0. */
static unsigned int looks(unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++) {
		bool before = adapt.async, switched;

		look.now_ms += REPLICA_ADAPT_LOOK_MS;
		switched = replica_adapt_look(&adapt, &look);
		CHECK_INT(switched, before != adapt.async);
		if (switched)
			return i;
	}
	return 0;
}

static void slow_replica(void)
{
	begin(false);
	look.replica_us = 10000;
	/* Looks have to agree, and the dwell time to be over. */
	CHECK_INT(looks(100), REPLICA_ADAPT_DWELL_MIN_MS / REPLICA_ADAPT_LOOK_MS);
	CHECK(adapt.async);
	CHECK_STR(adapt.reason, "the replica is slower than the origin");
	CHECK_INT(looks(1000), 0);
}

static void one_slow_look_is_none(void)
{
	begin(false);
	looks(50);
	for (unsigned int i = 0; i < 200; i++) {
		look.replica_us = i % REPLICA_ADAPT_LOOKS ? 10000 : 200;
		CHECK_INT(looks(1), 0);
	}
}

static void between_the_marks_it_stays(void)
{
	/* Neither twice the origin's latency nor close to it. */
	for (int async = 0; async < 2; async++) {
		begin(async);
		look.origin_us = 1000;
		look.replica_us = 1600;
		CHECK_INT(looks(1000), 0);
	}
}

static void small_differences_do_not_count(void)
{
	begin(false);
	look.origin_us = 20;
	look.replica_us = 110;
	CHECK_INT(looks(1000), 0);
}

static void idle_says_nothing(void)
{
	begin(false);
	looks(50);
	look.replica_us = 10000;
	CHECK_INT(looks(REPLICA_ADAPT_LOOKS - 1), 0);
	look.origin_us = 0;
	CHECK_INT(looks(100), 0);
	look.origin_us = 200;
	CHECK_INT(looks(1), 1);
}

static void fast_again(void)
{
	begin(true);
	CHECK_INT(looks(100), REPLICA_ADAPT_DWELL_MIN_MS / REPLICA_ADAPT_LOOK_MS);
	CHECK(!adapt.async);
	CHECK_STR(adapt.reason, "the replica keeps up with the origin");
}

static void skew_is_forced(void)
{
	begin(true);
	look.replica_us = 10000;
	look.lag_bytes = look.max_skew;
	CHECK_INT(looks(100), 0);
	look.lag_bytes++;
	CHECK_INT(looks(1), 1);
	CHECK(!adapt.async);
	CHECK_STR(adapt.reason, "the lag exceeds max_skew");
	/* And it goes back only when most of it is made up for. */
	look.lag_bytes = look.max_skew / 4 + 1;
	CHECK_INT(looks(1000), 0);
	look.lag_bytes--;
	CHECK_INT(looks(1), 1);
	CHECK(adapt.async);
}

static void rpo_is_forced(void)
{
	begin(true);
	look.replica_us = 10000;
	look.age_ms = 1000;
	CHECK_INT(looks(100), 0);
	look.age_ms = 1001;
	CHECK_INT(looks(1), 1);
	CHECK_STR(adapt.reason, "the lag nears the RPO");
	CHECK_INT(looks(1000), 0);
	/* Without one, age does not matter. */
	begin(true);
	look.replica_us = 10000;
	look.rpo_ms = 0;
	look.age_ms = 3600000;
	CHECK_INT(looks(100), 0);
}

/* A replica that is slow and fast by turns, of any length: see how often it switches. */
static unsigned int switches_with_turns(unsigned int turn_ms, unsigned int for_ms)
{
	unsigned int switches = 0;

	begin(false);
	for (unsigned int t = 0; t < for_ms; t += REPLICA_ADAPT_LOOK_MS) {
		look.replica_us = t / turn_ms % 2 ? 10000 : 200;
		switches += !!looks(1);
	}
	return switches;
}

/* Turns that are shorter than two of the shortest dwell times: it stops following them. */
static void it_does_not_flap(void)
{
	static const unsigned int turns[] = { 100, 300, 500, 700, 1000, 1500, 1900 };

	for (size_t i = 0; i < KTAP_COUNT(turns); i++) {
		unsigned int switches = switches_with_turns(turns[i], 3600000);

		/* The first few, until the dwell time is the longest. */
		CHECK(switches <= 3600000 / REPLICA_ADAPT_DWELL_MAX_MS + 8);
	}
}

static void it_follows(void)
{
	static const unsigned int turns[] = { 2000, 5000, 60000, 1800000 };

	for (size_t i = 0; i < KTAP_COUNT(turns); i++)
		CHECK_INT(switches_with_turns(turns[i], 3600000), 3600000 / turns[i] - 1);
}

/* Whatever is seen: nothing unforced before the dwell time, nothing forced ever delayed. */
static void any_looks(void)
{
	begin(false);
	for (unsigned int i = 0; i < 200000 && !ktap_failed; i++) {
		u64 since = adapt.since_ms, dwell = adapt.dwell_ms;
		bool forced, was_async = adapt.async;

		look.lag_bytes = random_below(12 * MIB);
		look.age_ms = random_below(1200);
		look.origin_us = random_below(4) * 300;
		look.replica_us = random_below(4) * 300;
		forced = look.lag_bytes > look.max_skew || look.age_ms > look.rpo_ms / 2;
		if (looks(1) && !(was_async && forced))
			CHECK(look.now_ms - since >= dwell);
		CHECK(!(adapt.async && forced));
		CHECK(adapt.dwell_ms >= REPLICA_ADAPT_DWELL_MIN_MS &&
		      adapt.dwell_ms <= REPLICA_ADAPT_DWELL_MAX_MS);
	}
}

/* A queue that is given up stays so for longer and longer while that is in vain. */
static void behind_for_longer(void)
{
	u32 dwell = replica_behind_dwell(0, false, UINT64_MAX);

	CHECK_INT(dwell, REPLICA_BEHIND_DWELL_MIN_MS);
	for (u32 expected = 2 * dwell; expected < REPLICA_BEHIND_DWELL_MAX_MS; expected *= 2) {
		dwell = replica_behind_dwell(dwell, true, 10);
		CHECK_INT(dwell, expected);
	}
	for (int i = 0; i < 3; i++) {
		dwell = replica_behind_dwell(dwell, true, 10);
		CHECK_INT(dwell, REPLICA_BEHIND_DWELL_MAX_MS);
	}
}

/* In step, and soon not any more: that was no success.  After some time it was. */
static void calm_counts(void)
{
	CHECK_INT(replica_behind_dwell(4000, false, REPLICA_BEHIND_CALM * 4000 - 1), 8000);
	CHECK_INT(replica_behind_dwell(4000, false, REPLICA_BEHIND_CALM * 4000),
		  REPLICA_BEHIND_DWELL_MIN_MS);
	CHECK_INT(replica_behind_dwell(4000, true, UINT64_MAX), 8000);
	CHECK_INT(replica_behind_dwell(60000, false, UINT64_MAX), REPLICA_BEHIND_DWELL_MIN_MS);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(slow_replica), T(one_slow_look_is_none), T(between_the_marks_it_stays),
		T(small_differences_do_not_count), T(idle_says_nothing), T(fast_again),
		T(skew_is_forced), T(rpo_is_forced), T(it_does_not_flap), T(it_follows),
		T(any_looks), T(behind_for_longer), T(calm_counts),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
