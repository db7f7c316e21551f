// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parameters of a device-mapper table line, to text and back:
 *
 *	<origin> <replica> <meta|-> <mode> <#features> [<feature> <value>]...
 *
 * The features are those of Documentation/admin-guide/device-mapper/replica.rst.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define LINE_MAX_LEN	1024

/* ------------------------------------------------------------------------ */
/* Text from a table */

static bool leg_ok(const char *leg)
{
	size_t len = strnlen(leg, REPLICA_LEG_LEN);

	if (len == 0 || len == REPLICA_LEG_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)leg[i]) || leg[i] == '\\')
			return false;
	return true;
}

/* Feature values, at most so many of them. */
struct features {
	unsigned int count;
	char text[512];
	size_t len;
};

static void add_feature(struct features *f, const char *name, const char *value)
{
	size_t room = sizeof(f->text) - f->len;

	f->len += snprintf(f->text + f->len, room, " %s %s", name, value);
	f->count += 2;
}

static void add_number(struct features *f, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_feature(f, name, text);
}

static void add_settings(struct features *f, const struct replica_settings *s)
{
	if (s->present & REPLICA_SETTING_REGION_SIZE)
		add_number(f, "region_size", s->region_size >> SECTOR_SHIFT);
	if (s->present & REPLICA_SETTING_DISCARD)
		add_feature(f, "discard",
			    replica_enum_name(REPLICA_ENUM_DISCARD, s->discard));
	if (s->present & REPLICA_SETTING_PAYLOAD)
		add_feature(f, "payload",
			    replica_enum_name(REPLICA_ENUM_PAYLOAD, s->payload));
	if ((s->present & REPLICA_SETTING_RESYNC_RATE) && !s->resync_rate)
		add_feature(f, "resync_rate", "auto");
	else if (s->present & REPLICA_SETTING_RESYNC_RATE)
		add_number(f, "resync_rate", s->resync_rate);
	if (s->present & REPLICA_SETTING_RECOVERY)
		add_feature(f, "recovery",
			    replica_enum_name(REPLICA_ENUM_RECOVERY, s->recovery));
	if (s->present & REPLICA_SETTING_ON_REPLICA_ERROR)
		add_feature(f, "on_replica_error",
			    replica_enum_name(REPLICA_ENUM_ON_ERROR,
					      s->on_replica_error));
	if (s->present & REPLICA_SETTING_REPLICA_TIMEOUT)
		add_number(f, "replica_timeout", s->replica_timeout_ms);
	if (s->present & REPLICA_SETTING_ON_META_ERROR)
		add_feature(f, "on_meta_error",
			    replica_enum_name(REPLICA_ENUM_ON_META_ERROR,
					      s->on_meta_error));
	if (s->present & REPLICA_SETTING_ACTIVITY)
		add_number(f, "activity", s->activity);
	if (s->present & REPLICA_SETTING_QUEUE_BYTES)
		add_number(f, "queue_bytes", s->queue_bytes);
	if (s->present & REPLICA_SETTING_RPO)
		add_number(f, "rpo", s->rpo_ms);
	if (s->present & REPLICA_SETTING_OVERFLOW)
		add_feature(f, "overflow",
			    replica_enum_name(REPLICA_ENUM_OVERFLOW, s->overflow));
	if (s->present & REPLICA_SETTING_MAX_SKEW)
		add_number(f, "max_skew", s->max_skew);
	if (s->present & REPLICA_SETTING_COPY_PRIORITY)
		add_feature(f, "copy_priority",
			    replica_enum_name(REPLICA_ENUM_COPY_PRIORITY, s->copy_priority));
	if (s->present & REPLICA_SETTING_DELTA_MS && s->delta_ms)
		add_number(f, "delta_ms", s->delta_ms);
	if (s->present & REPLICA_SETTING_READ_ONLY && s->read_only == REPLICA_READ_ONLY_SOURCE)
		add_feature(f, "read_only", "source");
	if (s->present & REPLICA_SETTING_PROTECT)
		add_feature(f, "protect", replica_enum_name(REPLICA_ENUM_PROTECT, s->protect));
}

bool replica_table_read_only(const char *params)
{
	const char *at = strstr(params, " read_only source");

	/* No leg has a blank in its name. */
	return at && (at[17] == ' ' || !at[17]);
}

int replica_table_build(const struct replica_table *table, char *line,
			size_t size)
{
	struct features f = { .count = 0 };
	const char *key, *why;
	int len;

	if (!leg_ok(table->origin) || !leg_ok(table->replica) ||
	    !leg_ok(table->meta) ||
	    replica_settings_validate(&table->settings, &key, &why))
		return -EINVAL;
	if (table->mode < DM_REPLICA_MODE_SYNC ||
	    table->mode > DM_REPLICA_MODE_ADAPTIVE)
		return -EINVAL;
	if (table->skip_copy || table->compare)
		add_feature(&f, "sync", table->skip_copy ? "skip" : "compare");
	if (table->stale_accept)
		add_feature(&f, "stale", "accept");
	if (table->clone)
		add_feature(&f, "role", "clone");
	if (table->swaps)
		add_number(&f, "swaps", table->swaps);
	if (table->offload)
		add_number(&f, "offload", table->offload);
	add_settings(&f, &table->settings);
	len = snprintf(line, size, "%s %s %s %s %u%s", table->origin,
		       table->replica, table->meta,
		       replica_enum_name(REPLICA_ENUM_MODE, table->mode),
		       f.count, f.count ? f.text : "");
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

/* ------------------------------------------------------------------------ */
/* A table from text */

static int read_number(const char *text, uint64_t max, uint64_t *value)
{
	if (!*text || strspn(text, "0123456789") != strlen(text) ||
	    replica_parse_size(text, value) || *value > max)
		return -EINVAL;
	return 0;
}

static int read_sync(const char *value, struct replica_table *t)
{
	t->skip_copy = strcmp(value, "skip") == 0;
	t->compare = strcmp(value, "compare") == 0;
	return t->skip_copy || t->compare || strcmp(value, "full") == 0 ? 0 : -EINVAL;
}

static int read_payload(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_PAYLOAD;
	return replica_enum_exact(REPLICA_ENUM_PAYLOAD, value,
				  &t->settings.payload);
}

static int read_discard(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_DISCARD;
	return replica_enum_exact(REPLICA_ENUM_DISCARD, value,
				  &t->settings.discard);
}

static int read_recovery(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_RECOVERY;
	return replica_enum_exact(REPLICA_ENUM_RECOVERY, value,
				  &t->settings.recovery);
}

static int read_on_error(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_ON_REPLICA_ERROR;
	return replica_enum_exact(REPLICA_ENUM_ON_ERROR, value,
				  &t->settings.on_replica_error);
}

static int read_rate(const char *value, struct replica_table *t)
{
	uint64_t rate = 0;

	t->settings.present |= REPLICA_SETTING_RESYNC_RATE;
	if (strcmp(value, "auto") &&
	    (read_number(value, DM_REPLICA_RATE_MAX, &rate) || !rate))
		return -EINVAL;
	t->settings.resync_rate = rate;
	return 0;
}

static int read_timeout(const char *value, struct replica_table *t)
{
	uint64_t ms;

	t->settings.present |= REPLICA_SETTING_REPLICA_TIMEOUT;
	if (read_number(value, DM_REPLICA_TIMEOUT_MAX_MS, &ms))
		return -EINVAL;
	t->settings.replica_timeout_ms = ms;
	return 0;
}

static int read_region(const char *value, struct replica_table *t)
{
	uint64_t sectors;

	t->settings.present |= REPLICA_SETTING_REGION_SIZE;
	if (read_number(value, 1ULL << 20, &sectors))
		return -EINVAL;
	t->settings.region_size = sectors << SECTOR_SHIFT;
	return 0;
}

static int read_on_meta_error(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_ON_META_ERROR;
	return replica_enum_exact(REPLICA_ENUM_ON_META_ERROR, value,
				  &t->settings.on_meta_error);
}

static int read_activity(const char *value, struct replica_table *t)
{
	uint64_t regions;

	t->settings.present |= REPLICA_SETTING_ACTIVITY;
	if (read_number(value, UINT32_MAX, &regions))
		return -EINVAL;
	t->settings.activity = regions;
	return 0;
}

static int read_queue_bytes(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_QUEUE_BYTES;
	return read_number(value, DM_REPLICA_QUEUE_MAX, &t->settings.queue_bytes);
}

static int read_rpo(const char *value, struct replica_table *t)
{
	uint64_t ms;

	t->settings.present |= REPLICA_SETTING_RPO;
	if (read_number(value, DM_REPLICA_RPO_MAX_MS, &ms))
		return -EINVAL;
	t->settings.rpo_ms = ms;
	return 0;
}

static int read_overflow(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_OVERFLOW;
	return replica_enum_exact(REPLICA_ENUM_OVERFLOW, value, &t->settings.overflow);
}

static int read_max_skew(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_MAX_SKEW;
	return read_number(value, DM_REPLICA_QUEUE_MAX, &t->settings.max_skew);
}

static int read_copy_priority(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_COPY_PRIORITY;
	return replica_enum_exact(REPLICA_ENUM_COPY_PRIORITY, value,
				  &t->settings.copy_priority);
}

static int read_delta(const char *value, struct replica_table *t)
{
	uint64_t ms;

	t->settings.present |= REPLICA_SETTING_DELTA_MS;
	if (read_number(value, DM_REPLICA_DELTA_MAX_MS, &ms))
		return -EINVAL;
	t->settings.delta_ms = ms;
	return 0;
}

static int read_read_only(const char *value, struct replica_table *t)
{
	if (strcmp(value, "none") == 0)
		return 0;
	t->settings.present |= REPLICA_SETTING_READ_ONLY;
	t->settings.read_only = REPLICA_READ_ONLY_SOURCE;
	return strcmp(value, "source") == 0 ? 0 : -EINVAL;
}

static int read_protect(const char *value, struct replica_table *t)
{
	t->settings.present |= REPLICA_SETTING_PROTECT;
	return replica_enum_exact(REPLICA_ENUM_PROTECT, value, &t->settings.protect);
}

static int read_stale(const char *value, struct replica_table *t)
{
	t->stale_accept = strcmp(value, "accept") == 0;
	return t->stale_accept || strcmp(value, "refuse") == 0 ? 0 : -EINVAL;
}

static int read_role(const char *value, struct replica_table *t)
{
	t->clone = strcmp(value, "clone") == 0;
	return t->clone || strcmp(value, "mirror") == 0 ? 0 : -EINVAL;
}

static int read_swaps(const char *value, struct replica_table *t)
{
	uint64_t swaps;

	if (read_number(value, UINT32_MAX, &swaps))
		return -EINVAL;
	t->swaps = swaps;
	return 0;
}

static int read_offload(const char *value, struct replica_table *t)
{
	uint64_t seconds;

	if (read_number(value, DM_REPLICA_OFFLOAD_MAX_S, &seconds))
		return -EINVAL;
	t->offload = seconds;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(const char *value, struct replica_table *t);
} readers[] = {
	{ "region_size", read_region },
	{ "sync", read_sync },
	{ "discard", read_discard },
	{ "payload", read_payload },
	{ "resync_rate", read_rate },
	{ "recovery", read_recovery },
	{ "on_replica_error", read_on_error },
	{ "replica_timeout", read_timeout },
	{ "on_meta_error", read_on_meta_error },
	{ "activity", read_activity },
	{ "queue_bytes", read_queue_bytes },
	{ "rpo", read_rpo },
	{ "overflow", read_overflow },
	{ "max_skew", read_max_skew },
	{ "copy_priority", read_copy_priority },
	{ "delta_ms", read_delta },
	{ "read_only", read_read_only },
	{ "protect", read_protect },
	{ "stale", read_stale },
	{ "role", read_role },
	{ "swaps", read_swaps },
	{ "offload", read_offload },
};

static int read_feature(const char *name, const char *value,
			struct replica_table *t, unsigned int *seen,
			const char **why)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		if (strcmp(name, readers[i].name))
			continue;
		*why = "a feature is repeated";
		if (*seen & (1u << i))
			return -EINVAL;
		*seen |= 1u << i;
		*why = "a feature has a bad value";
		return readers[i].read(value, t) ? -EINVAL : 0;
	}
	*why = "a feature is unknown";
	return -EINVAL;
}

static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " \t");
	} while (word && !*word);
	return word;
}

static int read_leg(char **rest, char leg[REPLICA_LEG_LEN])
{
	char *word = next_word(rest);

	if (!word || strlen(word) >= REPLICA_LEG_LEN)
		return -EINVAL;
	strcpy(leg, word);
	return leg_ok(leg) ? 0 : -EINVAL;
}

static int read_features(char **rest, struct replica_table *t, const char **why)
{
	char *word = next_word(rest), *value;
	unsigned int seen = 0;
	uint64_t count;

	*why = "the number of feature arguments is missing or odd";
	if (!word || read_number(word, 2 * ARRAY_SIZE(readers), &count) ||
	    count % 2)
		return -EINVAL;
	for (; count; count -= 2) {
		word = next_word(rest);
		value = next_word(rest);
		*why = "there are fewer feature arguments than announced";
		if (!value)
			return -EINVAL;
		if (read_feature(word, value, t, &seen, why))
			return -EINVAL;
	}
	*why = "there are more arguments than announced";
	return next_word(rest) ? -EINVAL : 0;
}

int replica_table_parse(const char *line, struct replica_table *table,
			const char **why)
{
	char copy[LINE_MAX_LEN], *rest = copy, *word;
	const char *key;

	memset(table, 0, sizeof(*table));
	*why = "the line is too long";
	if (strlen(line) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, line);
	*why = "a leg is missing or malformed";
	if (read_leg(&rest, table->origin) || read_leg(&rest, table->replica) ||
	    read_leg(&rest, table->meta))
		return -EINVAL;
	*why = "the mode is missing or unknown";
	word = next_word(&rest);
	if (!word || replica_enum_exact(REPLICA_ENUM_MODE, word, &table->mode))
		return -EINVAL;
	if (read_features(&rest, table, why))
		return -EINVAL;
	return replica_settings_validate(&table->settings, &key, why);
}
