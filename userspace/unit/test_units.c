// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "ktap.h"
#include "replica-private.h"

static void sizes(void)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 }, { "4096", 0, 4096 }, { "1k", 0, 1024 },
		{ "1K", 0, 1024 }, { "1M", 0, 1 << 20 }, { "1MiB", 0, 1 << 20 },
		{ "64m", 0, 64 << 20 }, { "2G", 0, 2ULL << 30 },
		{ "3T", 0, 3ULL << 40 }, { "8s", 0, 4096 }, { "7b", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "16384P", -ERANGE, 0 }, { "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "M", -EINVAL, 0 }, { "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 M", -EINVAL, 0 },
		{ "1MB", -EINVAL, 0 }, { "1.5M", -EINVAL, 0 }, { "0x10", -EINVAL, 0 },
		{ "1M ", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 0;

		ktap_case = cases[i].text;
		CHECK_INT(replica_parse_size(cases[i].text, &bytes), cases[i].r);
		CHECK(bytes == cases[i].bytes);
	}
}

static void durations(void)
{
	static const struct {
		const char *text;
		unsigned int unit;
		int r;
		uint64_t ms;
	} cases[] = {
		{ "500ms", 1000, 0, 500 }, { "30s", 1, 0, 30000 },
		{ "5m", 1, 0, 300000 }, { "5min", 1, 0, 300000 },
		{ "2h", 1, 0, 7200000 }, { "1d", 1, 0, 86400000 },
		{ "30", 1, 0, 30 }, { "30", 1000, 0, 30000 }, { "0", 1, 0, 0 },
		{ "2.5s", 1, 0, 2500 }, { "0.001s", 1, 0, 1 },
		{ "1.5", 1000, 0, 1500 }, { "0.5", 1, -EINVAL, 0 },
		{ "1.5ms", 1, -EINVAL, 0 }, { "1.0001s", 1, -EINVAL, 0 },
		{ "1.s", 1, -EINVAL, 0 }, { ".5s", 1, -EINVAL, 0 },
		{ "", 1, -EINVAL, 0 }, { "s", 1, -EINVAL, 0 },
		{ "-1s", 1, -EINVAL, 0 }, { "1y", 1, -EINVAL, 0 },
		{ "1s ", 1, -EINVAL, 0 },
		{ "18446744073709551615", 1, 0, UINT64_MAX },
		{ "18446744073709551615s", 1, -ERANGE, 0 },
		{ "18446744073709551616", 1, -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t ms = 0;

		ktap_case = cases[i].text;
		CHECK_INT(replica_parse_duration(cases[i].text, cases[i].unit, &ms),
			  cases[i].r);
		CHECK(ms == cases[i].ms);
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(sizes), T(durations),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
