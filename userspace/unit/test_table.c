// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "ktap.h"
#include "random.h"
#include "table.h"

static struct replica_table plain(void)
{
	struct replica_table t = {
		.origin = "8:16", .replica = "8:32", .meta = "-",
		.mode = DM_REPLICA_MODE_SYNC,
	};

	return t;
}

static void shortest(void)
{
	struct replica_table t = plain();
	char line[256];

	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	CHECK_STR(line, "8:16 8:32 - sync 0");
}

static void longest(void)
{
	struct replica_table t = plain();
	char line[512], want[512];

	t.skip_copy = true;
	t.settings = (struct replica_settings){
		.present = 0x3fff, .discard = REPLICA_DISCARD_OFF,
		.payload = DM_REPLICA_PAYLOAD_SHARED,
		.on_replica_error = DM_REPLICA_ON_ERROR_STOP,
		.recovery = DM_REPLICA_RECOVERY_MANUAL, .resync_rate = 250,
		.replica_timeout_ms = 5000, .region_size = 1 << 20,
		.on_meta_error = DM_REPLICA_ON_META_STOP, .activity = 2000,
		.queue_bytes = 8 << 20, .rpo_ms = 500,
		.overflow = DM_REPLICA_OVERFLOW_FAIL, .max_skew = 4096,
		.copy_priority = DM_REPLICA_PRIORITY_HIGH,
	};
	strcpy(t.meta, "8:48");
	t.mode = DM_REPLICA_MODE_ASYNC;
	t.stale_accept = true;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	snprintf(want, sizeof(want), "8:16 8:32 8:48 async 32 %s %s %s %s",
		 "sync skip stale accept region_size 2048 discard off payload shared",
		 "resync_rate 250 recovery manual on_replica_error stop replica_timeout 5000",
		 "on_meta_error stop activity 2000",
		 "queue_bytes 8388608 rpo 500 overflow fail max_skew 4096 copy_priority high");
	CHECK_STR(line, want);
	t.settings.resync_rate = 0;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	CHECK_HAS(line, "resync_rate auto");
}

/* The first copy may read both legs first; one that is skipped reads none. */
static void compare_first(void)
{
	struct replica_table t = plain(), back;
	const char *why = "";
	char line[512];

	t.compare = true;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	CHECK_STR(line, "8:16 8:32 - sync 2 sync compare");
	CHECK_INT(replica_table_parse(line, &back, &why), 0);
	CHECK(back.compare && !back.skip_copy);
	CHECK_INT(replica_table_parse("1:2 1:3 - sync 2 sync full", &back, &why), 0);
	CHECK(!back.compare && !back.skip_copy);
}

/* Whoever loads the line has to know, whatever stands around it. */
static void read_only(void)
{
	struct replica_table t = plain(), back;
	const char *why = "";
	char line[512];

	t.settings = (struct replica_settings){
		.present = REPLICA_SETTING_READ_ONLY, .read_only = REPLICA_READ_ONLY_SOURCE,
	};
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	CHECK_STR(line, "8:16 8:32 - sync 2 read_only source");
	CHECK(replica_table_read_only(line));
	CHECK_INT(replica_table_parse(line, &back, &why), 0);
	CHECK_INT(back.settings.read_only, REPLICA_READ_ONLY_SOURCE);
	CHECK(replica_table_read_only("1:2 1:3 - sync 4 read_only source rpo 0"));
	CHECK(!replica_table_read_only("1:2 1:3 - sync 2 read_only none"));
	CHECK(!replica_table_read_only("1:2 1:3 - sync 0"));
	CHECK_INT(replica_table_parse("1:2 1:3 - sync 2 read_only none", &back, &why), 0);
	CHECK(!back.settings.present);
	CHECK_INT(replica_table_parse("1:2 1:3 - sync 2 read_only target", &back, &why), -EINVAL);
}

/* Said when there are delta updates, and read either way. */
static void delta_updates(void)
{
	struct replica_table t = plain(), back;
	const char *why = "";
	char line[512];

	t.mode = DM_REPLICA_MODE_ASYNC;
	t.settings = (struct replica_settings){
		.present = REPLICA_SETTING_DELTA_MS, .delta_ms = 30000,
	};
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	CHECK_HAS(line, " async 2 delta_ms 30000");
	CHECK_INT(replica_table_parse(line, &back, &why), 0);
	CHECK_INT(back.settings.present, REPLICA_SETTING_DELTA_MS);
	CHECK_INT(back.settings.delta_ms, 30000);
	t.settings.delta_ms = 0;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
	CHECK(!strstr(line, "delta_ms"));
	t.settings.delta_ms = 999;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
	CHECK_INT(replica_table_parse("1:2 1:3 - async 2 delta_ms 0", &back, &why), 0);
	CHECK_INT(back.settings.delta_ms, 0);
	CHECK_INT(replica_table_parse("1:2 1:3 - async 2 delta_ms 86400001", &back, &why), -EINVAL);
}

static void build_refuses(void)
{
	static const char *const legs[] = {
		"", "a b", "a\tb", "a\nb", "a\\b", "\xff",
	};
	struct replica_table t;
	char line[256];

	for (size_t i = 0; i < ARRAY_SIZE(legs); i++) {
		t = plain();
		strcpy(t.replica, legs[i]);
		CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
		t = plain();
		strcpy(t.origin, legs[i]);
		CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
		t = plain();
		strcpy(t.meta, legs[i]);
		CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
	}
	t = plain();
	memset(t.origin, 'x', sizeof(t.origin));	/* no end */
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
	t = plain();
	t.mode = 0;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
	t.mode = 5;
	CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
	t = plain();
	t.settings.region_size = 12345;
	t.settings.replica_timeout_ms = 99;
	t.settings.resync_rate = DM_REPLICA_RATE_MAX + 1;
	t.settings.payload = 3;
	for (unsigned int bit = 1; bit <= REPLICA_SETTING_DISCARD; bit <<= 1) {
		t.settings.present = bit;	/* each has a value out of range */
		CHECK_INT(replica_table_build(&t, line, sizeof(line)), -EINVAL);
	}
}

static void no_room(void)
{
	struct replica_table t = plain();
	char line[19];

	CHECK_INT(replica_table_build(&t, line, 19), 0);
	for (size_t room = 0; room < 19; room++)
		CHECK_INT(replica_table_build(&t, line, room), -ENOSPC);
}

static void parse_kernel_line(void)
{
	struct replica_table t;
	const char *why;
	char line[256];

	snprintf(line, sizeof(line), "254:0 254:16 - sync 16 %s %s",
		 "region_size 2048 sync full discard zero payload copy resync_rate auto",
		 "recovery automatic on_replica_error track replica_timeout 30000");
	CHECK_INT(replica_table_parse(line, &t, &why), 0);
	CHECK_STR(t.origin, "254:0");
	CHECK_STR(t.replica, "254:16");
	CHECK_STR(t.meta, "-");
	CHECK_INT(t.mode, DM_REPLICA_MODE_SYNC);
	CHECK(!t.skip_copy);
	CHECK_INT(t.settings.present, 0x7f);
	CHECK_INT(t.settings.discard, REPLICA_DISCARD_ZERO);
	CHECK_INT(t.settings.region_size, 1 << 20);
	CHECK_INT(t.settings.resync_rate, 0);
	CHECK_INT(t.settings.replica_timeout_ms, 30000);
}

static void parse_refuses(void)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "", "leg" }, { "a", "leg" }, { "a b", "leg" },
		{ "a b -", "mode" }, { "a b - Sync 0", "mode" },
		{ "a b - 2 0", "mode" },
		{ "a b - sync", "number" }, { "a b - sync 1 x", "number" },
		{ "a b - sync -2", "number" }, { "a b - sync 2x", "number" },
		{ "a b - sync 46", "number" },
		{ "a b - sync 18446744073709551618", "number" },
		{ "a b - sync 0 x", "more" }, { "a b - sync 2", "fewer" },
		{ "a b - sync 2 sync", "fewer" },
		{ "a b - sync 4 sync skip payload", "fewer" },
		{ "a b - sync 2 sync skip payload copy", "more" },
		{ "a b - sync 2 nosync 1", "unknown" },
		{ "a b - sync 4 sync skip sync skip", "repeated" },
		{ "a b - sync 2 sync maybe", "value" },
		{ "a b - sync 2 payload Copy", "value" },
		{ "a b - sync 2 discard on", "value" },
		{ "a b - sync 2 resync_rate 0", "value" },
		{ "a b - sync 2 resync_rate 1M", "value" },
		{ "a b - sync 2 resync_rate 1000001", "value" },
		{ "a b - sync 2 region_size 2049", "power" },
		{ "a b - sync 2 region_size 4", "power" },
		{ "a b - sync 2 region_size 2097152", "value" },
		{ "a b - sync 2 replica_timeout 99", "100ms" },
		{ "a b - sync 2 replica_timeout 3600001", "value" },
		{ "a\\b b - sync 0", "leg" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct replica_table t;
		const char *why = NULL;

		ktap_case = cases[i].line;
		CHECK_INT(replica_table_parse(cases[i].line, &t, &why), -EINVAL);
		CHECK_HAS(why, cases[i].why);
	}
}

static void parse_too_long(void)
{
	static char line[70000];
	struct replica_table t;
	const char *why;

	memset(line, 'a', sizeof(line) - 1);
	CHECK_INT(replica_table_parse(line, &t, &why), -EINVAL);
	line[200] = '\0';
	CHECK_INT(replica_table_parse(line, &t, &why), -EINVAL);
	CHECK_HAS(why, "leg");
}

static struct replica_table random_table(void)
{
	struct replica_table t = plain();
	struct replica_settings *s = &t.settings;

	t.mode = DM_REPLICA_MODE_SYNC + random_below(3);
	t.skip_copy = random_below(2);
	s->present = random_below(16384) | random_below(2) * REPLICA_SETTING_PROTECT;
	if (s->present & REPLICA_SETTING_DISCARD)
		s->discard = 1 + random_below(3);
	if (s->present & REPLICA_SETTING_PAYLOAD)
		s->payload = 1 + random_below(2);
	if (s->present & REPLICA_SETTING_ON_REPLICA_ERROR)
		s->on_replica_error = 1 + random_below(2);
	if (s->present & REPLICA_SETTING_RECOVERY)
		s->recovery = 2 + random_below(2);
	if (s->present & REPLICA_SETTING_RESYNC_RATE)
		s->resync_rate = random_below(DM_REPLICA_RATE_MAX + 1);
	if (s->present & REPLICA_SETTING_REPLICA_TIMEOUT)
		s->replica_timeout_ms = random_below(2) *
					(100 + random_below(3599901));
	if (s->present & REPLICA_SETTING_REGION_SIZE)
		s->region_size = 4096ULL << random_below(18);
	if (s->present & REPLICA_SETTING_ON_META_ERROR)
		s->on_meta_error = 1 + random_below(2);
	if (s->present & REPLICA_SETTING_ACTIVITY)
		s->activity = 512 + random_below(65025);
	if (s->present & REPLICA_SETTING_QUEUE_BYTES)
		s->queue_bytes = (4 << 20) + random_below(1 << 30);
	if (s->present & REPLICA_SETTING_RPO)
		s->rpo_ms = random_below(2) * (100 + random_below(86399901));
	if (s->present & REPLICA_SETTING_OVERFLOW)
		s->overflow = 1 + random_below(3);
	if (s->present & REPLICA_SETTING_MAX_SKEW)
		s->max_skew = random_below(1 << 30);
	if (s->present & REPLICA_SETTING_COPY_PRIORITY)
		s->copy_priority = random_below(5);
	if (s->present & REPLICA_SETTING_PROTECT)
		s->protect = 1 + random_below(2);
	t.stale_accept = random_below(2);
	t.swaps = random_below(2) * random_below(1000);
	t.offload = random_below(2) * random_below(3601);
	return t;
}

static void round_trip(void)
{
	for (int i = 0; i < 20000; i++) {
		struct replica_table t = random_table(), back;
		const char *why = "";
		char line[512];

		CHECK_INT(replica_table_build(&t, line, sizeof(line)), 0);
		if (!CHECK_INT(replica_table_parse(line, &back, &why), 0))
			printf("# %s: %s\n", line, why);
		CHECK_STR(back.origin, t.origin);
		CHECK_STR(back.replica, t.replica);
		CHECK_STR(back.meta, t.meta);
		CHECK_INT(back.mode, t.mode);
		CHECK_INT(back.skip_copy, t.skip_copy);
		CHECK_INT(back.stale_accept, t.stale_accept);
		CHECK_INT(back.swaps, t.swaps);
		CHECK_INT(back.offload, t.offload);
		CHECK(memcmp(&back.settings, &t.settings, sizeof(t.settings)) == 0);
	}
}

/* A line with a byte changed is refused, or a table that can be built again. */
static void random_damage(void)
{
	unsigned int accepted = 0;

	for (int i = 0; i < 200000; i++) {
		struct replica_table t = random_table(), back;
		char line[512], again[512];
		const char *why = NULL;

		replica_table_build(&t, line, sizeof(line));
		for (unsigned int n = 1 + random_below(3); n; n--)
			line[random_below(strlen(line))] = 1 + random_below(255);
		if (replica_table_parse(line, &back, &why)) {
			CHECK(why);
			continue;
		}
		accepted++;
		CHECK_INT(replica_table_build(&back, again, sizeof(again)), 0);
	}
	CHECK(accepted > 1000);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(shortest), T(longest), T(compare_first), T(read_only), T(delta_updates),
		T(build_refuses), T(no_room),
		T(parse_kernel_line), T(parse_refuses), T(parse_too_long),
		T(round_trip), T(random_damage),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
