// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sizes and durations as people write them. */
#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "replica-private.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 }, { "b", 1 }, { "s", 512 },
	{ "k", 1ULL << 10 }, { "kib", 1ULL << 10 },
	{ "m", 1ULL << 20 }, { "mib", 1ULL << 20 },
	{ "g", 1ULL << 30 }, { "gib", 1ULL << 30 },
	{ "t", 1ULL << 40 }, { "tib", 1ULL << 40 },
	{ "p", 1ULL << 50 }, { "pib", 1ULL << 50 },
};

static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "min", 60000 },
	{ "h", 3600000 }, { "d", 86400000 },
};

static const struct unit *find_unit(const struct unit *units, size_t count,
				    const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* Digits at *text, which moves behind them.  0, -EINVAL, -ERANGE. */
static int take_number(const char **text, uint64_t *value)
{
	const char *s = *text;

	*value = 0;
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, *s - '0', value))
			return -ERANGE;
	*text = s;
	return 0;
}

EXPORT int replica_parse_size(const char *text, uint64_t *bytes)
{
	const struct unit *unit;
	uint64_t value;
	int r;

	r = take_number(&text, &value);
	if (r)
		return r;
	unit = find_unit(size_units, ARRAY_SIZE(size_units), text);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(value, unit->factor, &value))
		return -ERANGE;
	*bytes = value;
	return 0;
}

/* Up to three digits of a fraction at *text, in thousandths. */
static int take_fraction(const char **text, uint64_t *thousandths)
{
	unsigned int weight = 100;

	*thousandths = 0;
	if (**text != '.')
		return 0;
	(*text)++;
	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	for (; isdigit((unsigned char)**text); (*text)++, weight /= 10) {
		if (!weight)
			return -EINVAL;
		*thousandths += weight * (**text - '0');
	}
	return 0;
}

EXPORT int replica_parse_duration(const char *text, unsigned int default_unit_ms,
				  uint64_t *ms)
{
	const struct unit fallback = { "", default_unit_ms };
	const struct unit *unit = &fallback;
	uint64_t value, thousandths;
	int r;

	r = take_number(&text, &value);
	if (!r)
		r = take_fraction(&text, &thousandths);
	if (r)
		return r;
	if (*text)
		unit = find_unit(time_units, ARRAY_SIZE(time_units), text);
	if (!unit)
		return -EINVAL;
	if (thousandths * unit->factor % 1000)
		return -EINVAL;
	if (__builtin_mul_overflow(value, unit->factor, &value) ||
	    __builtin_add_overflow(value, thousandths * unit->factor / 1000,
				   &value))
		return -ERANGE;
	*ms = value;
	return 0;
}
