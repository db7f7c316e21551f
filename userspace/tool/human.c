// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "compiler.h"
#include "human.h"

void human_bytes(char *text, size_t len, uint64_t bytes)
{
	static const char * const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t unit = 1024;
	size_t i = 0;

	if (bytes < unit) {
		snprintf(text, len, "%" PRIu64 " B", bytes);
		return;
	}
	/* Rounded to a tenth, 1023.97 KiB would be 1024.0 KiB. */
	while (i + 1 < ARRAY_SIZE(units) && bytes / (double)unit >= 1023.95) {
		unit *= 1024;
		i++;
	}
	snprintf(text, len, "%.1f %s", bytes / (double)unit, units[i]);
}

void human_duration(char *text, size_t len, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(text, len, "%" PRIu64 " ms", ms);
	else if (s < 10)
		snprintf(text, len, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
	else if (s < 60)
		snprintf(text, len, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(text, len, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, len, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else
		snprintf(text, len, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

void human_time(char *text, size_t len, uint64_t ms)
{
	time_t seconds = ms / 1000;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(text, len, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, len, "%" PRIu64 " ms", ms);
}

void human_time_utc(char *text, size_t len, uint64_t ms)
{
	time_t seconds = ms / 1000;
	char day[32];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(day, sizeof(day), "1970-01-01T00:00:00");
	snprintf(text, len, "%s.%03uZ", day, (unsigned int)(ms % 1000));
}
