// SPDX-License-Identifier: LGPL-2.1-or-later
/* Settings as text: our own keys; those of CIM are in settings-cim.c. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/dm-replica-ondisk.h>

#include "settings-keys.h"

#define REGION_MIN	4096ULL
#define REGION_MAX	((1ULL << 20) << SECTOR_SHIFT)

#define ACTIVITY_RULE	"must be a number of regions from 512 to 65536"

#define PROTECT_RULE	"must be none or snapshot"
#define PRIORITY_RULE	"must be unmanaged, low, same, high or urgent"

#define RPO_RULE	"must be 0 (none), or 100ms to 1d"

#define DELTA_RULE	"must be 0 (none), or 1s to 1d"

static_assert(DM_REPLICA_DELTA_MIN_MS == 1000 && DM_REPLICA_DELTA_MAX_MS == 86400000,
	      DELTA_RULE);
static_assert(DM_REPLICA_RPO_MIN_MS == 100 && DM_REPLICA_RPO_MAX_MS == 86400000, RPO_RULE);
static_assert(DM_REPLICA_ACTIVITY_MIN == 512 && DM_REPLICA_ACTIVITY_MAX == 65536,
	      ACTIVITY_RULE);

static int parse_payload(const char *value, struct replica_settings *s,
			 const char **why)
{
	*why = "must be copy or shared";
	s->present |= REPLICA_SETTING_PAYLOAD;
	return replica_enum_exact(REPLICA_ENUM_PAYLOAD, value, &s->payload);
}

static int parse_on_error(const char *value, struct replica_settings *s,
			  const char **why)
{
	*why = "must be track or stop";
	s->present |= REPLICA_SETTING_ON_REPLICA_ERROR;
	return replica_enum_exact(REPLICA_ENUM_ON_ERROR, value,
				  &s->on_replica_error);
}

static int parse_recovery(const char *value, struct replica_settings *s,
			  const char **why)
{
	*why = "must be automatic or manual";
	s->present |= REPLICA_SETTING_RECOVERY;
	return replica_enum_exact(REPLICA_ENUM_RECOVERY, value, &s->recovery);
}

static int parse_rate(const char *value, struct replica_settings *s,
		      const char **why)
{
	uint64_t rate = 0;

	*why = "must be auto, or 1 to 1000000 (MiB/s)";
	s->present |= REPLICA_SETTING_RESYNC_RATE;
	s->resync_rate = 0;
	if (strcmp(value, "auto") == 0)
		return 0;
	if (strspn(value, "0123456789") != strlen(value) ||
	    replica_parse_size(value, &rate) ||
	    rate < 1 || rate > DM_REPLICA_RATE_MAX)
		return -EINVAL;
	s->resync_rate = rate;
	return 0;
}

static int parse_timeout(const char *value, struct replica_settings *s,
			 const char **why)
{
	uint64_t ms;

	*why = "must be 0 (wait for ever), or 100ms to 1h";
	s->present |= REPLICA_SETTING_REPLICA_TIMEOUT;
	if (replica_parse_duration(value, 1, &ms) ||
	    ms > DM_REPLICA_TIMEOUT_MAX_MS)
		return -EINVAL;
	s->replica_timeout_ms = ms;
	return 0;			/* the lower bound: replica_settings_validate() */
}

static int parse_region(const char *value, struct replica_settings *s,
			const char **why)
{
	*why = "must be a size like 1M";
	s->present |= REPLICA_SETTING_REGION_SIZE;
	return replica_parse_size(value, &s->region_size);
}

static int parse_discard(const char *value, struct replica_settings *s,
			 const char **why)
{
	*why = "must be zero, passdown or off";
	s->present |= REPLICA_SETTING_DISCARD;
	return replica_enum_exact(REPLICA_ENUM_DISCARD, value, &s->discard);
}

static int parse_on_meta_error(const char *value, struct replica_settings *s,
			       const char **why)
{
	*why = "must be continue or stop";
	s->present |= REPLICA_SETTING_ON_META_ERROR;
	return replica_enum_exact(REPLICA_ENUM_ON_META_ERROR, value,
				  &s->on_meta_error);
}

static int parse_activity(const char *value, struct replica_settings *s,
			  const char **why)
{
	uint64_t regions = 0;

	*why = ACTIVITY_RULE;
	s->present |= REPLICA_SETTING_ACTIVITY;
	if (strspn(value, "0123456789") != strlen(value) ||
	    replica_parse_size(value, &regions) || regions > DM_REPLICA_ACTIVITY_MAX)
		return -EINVAL;
	s->activity = regions;
	return 0;			/* the lower bound: replica_settings_validate() */
}

static int parse_queue_bytes(const char *value, struct replica_settings *s,
			     const char **why)
{
	*why = "must be a size from 4M to 2G";
	s->present |= REPLICA_SETTING_QUEUE_BYTES;
	return replica_parse_size(value, &s->queue_bytes);
}

int replica_settings_rpo(uint64_t ms, struct replica_settings *s)
{
	s->present |= REPLICA_SETTING_RPO;
	if (ms > DM_REPLICA_RPO_MAX_MS)
		return -EINVAL;
	s->rpo_ms = ms;
	return 0;			/* the lower bound: replica_settings_validate() */
}

static int parse_rpo(const char *value, struct replica_settings *s,
		     const char **why)
{
	uint64_t ms;

	*why = RPO_RULE;
	return replica_parse_duration(value, 1, &ms) ? -EINVAL : replica_settings_rpo(ms, s);
}

static int parse_overflow(const char *value, struct replica_settings *s,
			  const char **why)
{
	*why = "must be block, track or fail";
	s->present |= REPLICA_SETTING_OVERFLOW;
	return replica_enum_exact(REPLICA_ENUM_OVERFLOW, value, &s->overflow);
}

static int parse_max_skew(const char *value, struct replica_settings *s,
			  const char **why)
{
	*why = "must be a size of up to 2G, 0 for half of queue_bytes";
	s->present |= REPLICA_SETTING_MAX_SKEW;
	return replica_parse_size(value, &s->max_skew);
}

static int parse_copy_priority(const char *value, struct replica_settings *s,
			       const char **why)
{
	*why = PRIORITY_RULE;
	s->present |= REPLICA_SETTING_COPY_PRIORITY;
	return replica_enum_exact(REPLICA_ENUM_COPY_PRIORITY, value, &s->copy_priority);
}

int replica_settings_delta(uint64_t ms, struct replica_settings *s)
{
	s->present |= REPLICA_SETTING_DELTA_MS;
	if (ms > DM_REPLICA_DELTA_MAX_MS)
		return -EINVAL;
	s->delta_ms = ms;
	return 0;			/* the lower bound: replica_settings_validate() */
}

static int parse_delta(const char *value, struct replica_settings *s, const char **why)
{
	uint64_t ms;

	*why = DELTA_RULE;
	return replica_parse_duration(value, 1, &ms) ? -EINVAL : replica_settings_delta(ms, s);
}

static int parse_protect(const char *value, struct replica_settings *s, const char **why)
{
	*why = PROTECT_RULE;
	s->present |= REPLICA_SETTING_PROTECT;
	return replica_enum_exact(REPLICA_ENUM_PROTECT, value, &s->protect);
}

static const struct replica_key keys[] = {
	{ "payload", parse_payload },
	{ "on_replica_error", parse_on_error },
	{ "recovery", parse_recovery },
	{ "resync_rate", parse_rate },
	{ "replica_timeout", parse_timeout },
	{ "region_size", parse_region },
	{ "discard", parse_discard },
	{ "on_meta_error", parse_on_meta_error },
	{ "activity", parse_activity },
	{ "queue_bytes", parse_queue_bytes },
	{ "rpo", parse_rpo },
	{ "overflow", parse_overflow },
	{ "max_skew", parse_max_skew },
	{ "copy_priority", parse_copy_priority },
	{ "delta_ms", parse_delta },
	{ "protect", parse_protect },
};

EXPORT const char *replica_settings_key(size_t index)
{
	if (index < ARRAY_SIZE(keys))
		return keys[index].name;
	index -= ARRAY_SIZE(keys);
	return index < replica_nr_cim_keys ? replica_cim_keys[index].name : NULL;
}

static const struct replica_key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	for (size_t i = 0; i < replica_nr_cim_keys; i++)
		if (strcmp(replica_cim_keys[i].name, name) == 0)
			return &replica_cim_keys[i];
	return NULL;
}

/* True if what both of them set is set differently. */
static bool contradict(const struct replica_settings *a,
		       const struct replica_settings *b)
{
	uint32_t both = a->present & b->present;

	return ((both & REPLICA_SETTING_PAYLOAD) && a->payload != b->payload) ||
	       ((both & REPLICA_SETTING_ON_REPLICA_ERROR) &&
		a->on_replica_error != b->on_replica_error) ||
	       ((both & REPLICA_SETTING_RECOVERY) && a->recovery != b->recovery) ||
	       ((both & REPLICA_SETTING_RESYNC_RATE) &&
		a->resync_rate != b->resync_rate) ||
	       ((both & REPLICA_SETTING_REPLICA_TIMEOUT) &&
		a->replica_timeout_ms != b->replica_timeout_ms) ||
	       ((both & REPLICA_SETTING_REGION_SIZE) &&
		a->region_size != b->region_size) ||
	       ((both & REPLICA_SETTING_DISCARD) && a->discard != b->discard) ||
	       ((both & REPLICA_SETTING_ON_META_ERROR) &&
		a->on_meta_error != b->on_meta_error) ||
	       ((both & REPLICA_SETTING_ACTIVITY) && a->activity != b->activity) ||
	       ((both & REPLICA_SETTING_QUEUE_BYTES) && a->queue_bytes != b->queue_bytes) ||
	       ((both & REPLICA_SETTING_RPO) && a->rpo_ms != b->rpo_ms) ||
	       ((both & REPLICA_SETTING_OVERFLOW) && a->overflow != b->overflow) ||
	       ((both & REPLICA_SETTING_MAX_SKEW) && a->max_skew != b->max_skew) ||
	       ((both & REPLICA_SETTING_COPY_PRIORITY) &&
		a->copy_priority != b->copy_priority) ||
	       ((both & REPLICA_SETTING_DELTA_MS) && a->delta_ms != b->delta_ms) ||
	       ((both & REPLICA_SETTING_PROTECT) && a->protect != b->protect) ||
	       replica_goals_contradict(a, b);
}

void replica_settings_merge(struct replica_settings *to,
			    const struct replica_settings *from)
{
	if (from->present & REPLICA_SETTING_PAYLOAD)
		to->payload = from->payload;
	if (from->present & REPLICA_SETTING_ON_REPLICA_ERROR)
		to->on_replica_error = from->on_replica_error;
	if (from->present & REPLICA_SETTING_RECOVERY)
		to->recovery = from->recovery;
	if (from->present & REPLICA_SETTING_RESYNC_RATE)
		to->resync_rate = from->resync_rate;
	if (from->present & REPLICA_SETTING_REPLICA_TIMEOUT)
		to->replica_timeout_ms = from->replica_timeout_ms;
	if (from->present & REPLICA_SETTING_REGION_SIZE)
		to->region_size = from->region_size;
	if (from->present & REPLICA_SETTING_DISCARD)
		to->discard = from->discard;
	if (from->present & REPLICA_SETTING_ON_META_ERROR)
		to->on_meta_error = from->on_meta_error;
	if (from->present & REPLICA_SETTING_ACTIVITY)
		to->activity = from->activity;
	if (from->present & REPLICA_SETTING_QUEUE_BYTES)
		to->queue_bytes = from->queue_bytes;
	if (from->present & REPLICA_SETTING_RPO)
		to->rpo_ms = from->rpo_ms;
	if (from->present & REPLICA_SETTING_OVERFLOW)
		to->overflow = from->overflow;
	if (from->present & REPLICA_SETTING_MAX_SKEW)
		to->max_skew = from->max_skew;
	if (from->present & REPLICA_SETTING_COPY_PRIORITY)
		to->copy_priority = from->copy_priority;
	if (from->present & REPLICA_SETTING_DELTA_MS)
		to->delta_ms = from->delta_ms;
	if (from->present & REPLICA_SETTING_PROTECT)
		to->protect = from->protect;
	replica_goals_merge(to, from);
	to->present |= from->present;
}

static bool timeout_ok(uint32_t ms)
{
	return !ms || (ms >= DM_REPLICA_TIMEOUT_MIN_MS &&
		       ms <= DM_REPLICA_TIMEOUT_MAX_MS);
}

static bool activity_ok(uint32_t regions)
{
	return regions >= DM_REPLICA_ACTIVITY_MIN && regions <= DM_REPLICA_ACTIVITY_MAX;
}

static bool queue_ok(uint64_t size)
{
	return size >= DM_REPLICA_QUEUE_MIN && size <= DM_REPLICA_QUEUE_MAX;
}

static bool rpo_ok(uint32_t ms)
{
	return !ms || (ms >= DM_REPLICA_RPO_MIN_MS && ms <= DM_REPLICA_RPO_MAX_MS);
}

static bool delta_ok(uint32_t ms)
{
	return !ms || (ms >= DM_REPLICA_DELTA_MIN_MS && ms <= DM_REPLICA_DELTA_MAX_MS);
}

static bool region_ok(uint64_t size)
{
	return size >= REGION_MIN && size <= REGION_MAX && !(size & (size - 1));
}

int replica_settings_validate(const struct replica_settings *s,
			      const char **key, const char **why)
{
	const struct {
		uint32_t bit;
		bool ok;
		const char *key;
		const char *why;
	} rules[] = {
		{ REPLICA_SETTING_PAYLOAD,
		  replica_enum_has(REPLICA_ENUM_PAYLOAD, s->payload),
		  "payload", "must be copy or shared" },
		{ REPLICA_SETTING_ON_REPLICA_ERROR,
		  replica_enum_has(REPLICA_ENUM_ON_ERROR, s->on_replica_error),
		  "on_replica_error", "must be track or stop" },
		{ REPLICA_SETTING_RECOVERY,
		  replica_enum_has(REPLICA_ENUM_RECOVERY, s->recovery),
		  "recovery", "must be automatic or manual" },
		{ REPLICA_SETTING_RESYNC_RATE,
		  s->resync_rate <= DM_REPLICA_RATE_MAX,
		  "resync_rate", "must be auto, or 1 to 1000000 (MiB/s)" },
		{ REPLICA_SETTING_REPLICA_TIMEOUT, timeout_ok(s->replica_timeout_ms),
		  "replica_timeout", "must be 0 (wait for ever), or 100ms to 1h" },
		{ REPLICA_SETTING_REGION_SIZE, region_ok(s->region_size),
		  "region_size", "must be a power of two from 4K to 512M" },
		{ REPLICA_SETTING_DISCARD,
		  replica_enum_has(REPLICA_ENUM_DISCARD, s->discard),
		  "discard", "must be zero, passdown or off" },
		{ REPLICA_SETTING_ON_META_ERROR,
		  replica_enum_has(REPLICA_ENUM_ON_META_ERROR, s->on_meta_error),
		  "on_meta_error", "must be continue or stop" },
		{ REPLICA_SETTING_ACTIVITY, activity_ok(s->activity),
		  "activity", ACTIVITY_RULE },
		{ REPLICA_SETTING_QUEUE_BYTES, queue_ok(s->queue_bytes),
		  "queue_bytes", "must be a size from 4M to 2G" },
		{ REPLICA_SETTING_RPO, rpo_ok(s->rpo_ms), "rpo", RPO_RULE },
		{ REPLICA_SETTING_OVERFLOW,
		  replica_enum_has(REPLICA_ENUM_OVERFLOW, s->overflow),
		  "overflow", "must be block, track or fail" },
		{ REPLICA_SETTING_MAX_SKEW, s->max_skew <= DM_REPLICA_QUEUE_MAX,
		  "max_skew", "must be a size of up to 2G, 0 for half of queue_bytes" },
		{ REPLICA_SETTING_COPY_PRIORITY,
		  replica_enum_has(REPLICA_ENUM_COPY_PRIORITY, s->copy_priority),
		  "copy_priority", PRIORITY_RULE },
		{ REPLICA_SETTING_DELTA_MS, delta_ok(s->delta_ms), "delta_ms", DELTA_RULE },
		{ REPLICA_SETTING_PROTECT, replica_enum_has(REPLICA_ENUM_PROTECT, s->protect),
		  "protect", PROTECT_RULE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!(s->present & rules[i].bit) || rules[i].ok)
			continue;
		*key = rules[i].key;
		*why = rules[i].why;
		return -EINVAL;
	}
	return replica_goals_validate(s, key, why);
}

/* One "key=value", which is changed; all is what was read before it. */
static int parse_one(struct replica_ctx *ctx, char *word,
		     struct replica_settings *all)
{
	struct replica_settings one = { .present = 0 };
	char *value = strchr(word, '=');
	const char *why, *name = word;
	const struct replica_key *key;

	if (!value)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, word,
				    "setting \"%s\" lacks a value: write %s=VALUE",
				    word, word);
	*value++ = '\0';
	key = find_key(word);
	if (!key && replica_foreign_key(word))
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, word,
				    "setting %s is not supported: %s", word,
				    replica_foreign_key(word));
	if (!key)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, word,
				    "setting \"%s\" is unknown", word);
	if (key->parse(value, &one, &why) ||
	    replica_settings_validate(&one, &name, &why))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, word,
				    "setting %s=%s: %s %s", word, value, word, why);
	if (contradict(all, &one))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, word,
				    "setting %s=%s contradicts an earlier setting",
				    word, value);
	replica_settings_merge(all, &one);
	return REPLICA_SUCCESS;
}

EXPORT int replica_settings_parse(struct replica_ctx *ctx, const char *text,
				  struct replica_settings *settings)
{
	struct replica_settings all = { .present = 0 };
	char copy[1024], *next = copy, *word;
	int ret;

	replica_error_begin(ctx, "ReplicationSettings");
	if (strlen(text) >= sizeof(copy))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, ERANGE,
				    "ReplicationSettings",
				    "the settings are longer than %zu characters",
				    sizeof(copy) - 1);
	strcpy(copy, text);
	while ((word = strsep(&next, ","))) {
		if (!*word)
			return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
					    "ReplicationSettings",
					    "there is an empty setting in \"%s\"", text);
		ret = parse_one(ctx, word, &all);
		if (ret)
			return ret;
	}
	replica_settings_merge(settings, &all);
	return REPLICA_SUCCESS;
}
