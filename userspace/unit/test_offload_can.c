// SPDX-License-Identifier: LGPL-2.1-or-later
/* Can the devices copy by themselves?  Of disks in many pieces, above copiers of our own. */

#include "fake.h"
#include "ktap.h"
#include "offload.h"

static unsigned int asked;
static dev_t refuses;			/* a disk from which nothing can be copied */

static __typeof__(replica_offload_can) test_can __attribute__((unused));
static __typeof__(replica_offload_check) test_check __attribute__((unused));

static struct replica_copier *copier_open(struct replica_ctx *ctx, dev_t from, dev_t to, char *why)
{
	static int copier;

	(void)ctx;
	(void)to;
	asked++;
	snprintf(why, REPLICA_OFFLOAD_WHY, "this disk does not");
	return from == refuses ? NULL : (struct replica_copier *)&copier;
}

static const char *copier_name(const struct replica_copier *copier)
{
	(void)copier;
	return "XCOPY";
}

static void copier_close(struct replica_copier *copier)
{
	(void)copier;
}

extern __typeof__(replica_offload_possible) test_possible;

#define replica_copier_open		copier_open
#define replica_copier_name		copier_name
#define replica_copier_close		copier_close
#define replica_offload_can		test_can
#define replica_offload_check		test_check
#define replica_offload_possible	test_possible

#include "../lib/offload-can.c"

static struct replica_layer disks[3] = {
	{ .dev = 816 }, { .dev = 832 }, { .dev = 848 },
};

/* Two disks in chunks of 8 sectors. */
static void stripe(struct replica_layer *layer, struct replica_segment *segment,
		   struct replica_leg_below legs[2], uint64_t sectors)
{
	legs[0] = (struct replica_leg_below){ .layer = &disks[0] };
	legs[1] = (struct replica_leg_below){ .layer = &disks[1] };
	*segment = (struct replica_segment){
		.length = sectors, .chunk = 8, .count = 2, .leg = legs,
	};
	*layer = (struct replica_layer){
		.dev = 900, .count = 1, .segment = segment,
	};
}

/* Each pair is asked once; so many pieces are looked at, and then the rest is not known. */
static void pieces(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_leg_below legs[2];
	struct replica_segment segment;
	struct replica_layer base;
	char how[REPLICA_OFFLOAD_WHY];
	bool all;

	stripe(&base, &segment, legs, 1ULL << 30);
	asked = 0;
	CHECK(layers_can(ctx, &base, &disks[2], 65536 * 8, how, &all) && all);
	CHECK_INT(asked, 2);
	CHECK_STR(how, "XCOPY");
	CHECK_STR(reservation(all), "");
	CHECK(layers_can(ctx, &base, &disks[2], 65536 * 8 + 1, how, &all) && !all);
	CHECK_HAS(reservation(all), "first 65536 pieces");
	refuses = disks[1].dev;
	CHECK(!layers_can(ctx, &base, &disks[2], 65536 * 8, how, &all));
	CHECK_STR(how, "this disk does not");
	refuses = 0;
	fake_free(ctx);
}

/* must is for what is known; auto tries, and says what is not. */
static void wishes(void)
{
	static const struct {
		uint32_t wish;
		bool can, all;
		enum replica_check_code code;
		const char *sentence;
	} cases[] = {
		{ REPLICA_OFFLOAD_AUTO, true, true, REPLICA_CHECK_OFFLOAD, "by XCOPY" },
		{ REPLICA_OFFLOAD_AUTO, true, false, REPLICA_CHECK_OFFLOAD, "first 65536 pieces" },
		{ REPLICA_OFFLOAD_AUTO, false, true, REPLICA_CHECK_OFFLOAD, "cannot copy" },
		{ REPLICA_OFFLOAD_MUST, true, true, REPLICA_CHECK_OFFLOAD, "by XCOPY" },
		{ REPLICA_OFFLOAD_MUST, true, false, REPLICA_CHECK_NO_OFFLOAD,
		  "more than 65536 pieces" },
		{ REPLICA_OFFLOAD_MUST, false, true, REPLICA_CHECK_NO_OFFLOAD, "cannot copy" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct replica_ctx *ctx = fake_ctx();
		struct replica_check check = { .ctx = ctx };

		note(&check, cases[i].wish, cases[i].can, cases[i].all, "XCOPY");
		if (CHECK(check.findings)) {
			CHECK_INT(check.findings->code, cases[i].code);
			CHECK_HAS(check.findings->sentence, cases[i].sentence);
		}
		replica_finding_free(check.findings);
		fake_free(ctx);
	}
}

int main(void)
{
	static const struct ktap_test tests[] = { T(pieces), T(wishes) };

	return ktap_run(tests, KTAP_COUNT(tests));
}
