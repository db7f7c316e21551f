// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table line, both ways:
 *
 *	<origin> <replica> <meta|-> <mode> <#feature args> [<feature> <value>]...
 *
 * Features, with their defaults first:
 *	region_size <sectors>	power of two, 8 to 1048576; by default 1 MiB, or larger
 *				so that there are no more than 1048576 regions
 *	sync full|skip|compare	compare: a full copy that writes only what differs
 *	discard zero|passdown|off
 *	payload copy|shared
 *	resync_rate auto|<MiB/s>
 *	recovery automatic|manual
 *	on_replica_error track|stop
 *	replica_timeout <ms>	30000; 0 for no limit
 *	on_meta_error continue|stop
 *	activity <regions>	512 to 65536; by default what covers 4 GiB
 *	stale refuse|accept
 *	queue_bytes <bytes>	67108864; 4194304 to 2147483648
 *	rpo <ms>		0 for none, or 100 to 86400000
 *	overflow block|track|fail
 *	max_skew <bytes>	0 for half of queue_bytes; up to 2147483648
 *	copy_priority unmanaged|low|same|high|urgent
 *	delta_ms <ms>		0 for none, or 1000 to 86400000 between delta updates
 *	protect none|snapshot	snapshot needs a meta device
 *	role mirror|clone
 *	read_only none|source	source: the table has to be a read-only one
 *	offload <seconds>	0 for none, or 1 to 3600: the job of a clone waits so long for
 *				somebody who has the devices copy by themselves
 *	swaps <number>		how often the legs have changed places; 0
 */
#include <linux/log2.h>

#include "dm-replica-delta.h"
#include "dm-replica.h"
#include "dm-replica-ondisk.h"

#define REGION_MIN		8U
#define REGION_MAX		1048576U
#define TIMEOUT_DEFAULT_MS	30000
#define QUEUE_DEFAULT_BYTES	(64U << 20)

struct word {
	const char *word;
	unsigned int value;
};

static const struct word payload_words[] = {
	{ "copy", DM_REPLICA_PAYLOAD_COPY },
	{ "shared", DM_REPLICA_PAYLOAD_SHARED },
	{ }
};

static const struct word on_error_words[] = {
	{ "track", DM_REPLICA_ON_ERROR_TRACK },
	{ "stop", DM_REPLICA_ON_ERROR_STOP },
	{ }
};

static const struct word recovery_words[] = {
	{ "automatic", DM_REPLICA_RECOVERY_AUTOMATIC },
	{ "manual", DM_REPLICA_RECOVERY_MANUAL },
	{ }
};

static const struct word discard_words[] = {
	{ "zero", REPLICA_DISCARD_ZERO },
	{ "passdown", REPLICA_DISCARD_PASSDOWN },
	{ "off", REPLICA_DISCARD_OFF },
	{ }
};

static const struct word on_meta_error_words[] = {
	{ "continue", DM_REPLICA_ON_META_CONTINUE },
	{ "stop", DM_REPLICA_ON_META_STOP },
	{ }
};

static const struct word overflow_words[] = {
	{ "block", DM_REPLICA_OVERFLOW_BLOCK },
	{ "track", DM_REPLICA_OVERFLOW_TRACK },
	{ "fail", DM_REPLICA_OVERFLOW_FAIL },
	{ }
};

static const struct word priority_words[] = {
	{ "unmanaged", DM_REPLICA_PRIORITY_UNMANAGED },
	{ "low", DM_REPLICA_PRIORITY_LOW },
	{ "same", DM_REPLICA_PRIORITY_SAME },
	{ "high", DM_REPLICA_PRIORITY_HIGH },
	{ "urgent", DM_REPLICA_PRIORITY_URGENT },
	{ }
};

static const struct word protect_words[] = {
	{ "none", DM_REPLICA_PROTECT_NONE },
	{ "snapshot", DM_REPLICA_PROTECT_SNAPSHOT },
	{ }
};

static const struct word mode_words[] = {
	{ "sync", DM_REPLICA_MODE_SYNC },
	{ "async", DM_REPLICA_MODE_ASYNC },
	{ "adaptive", DM_REPLICA_MODE_ADAPTIVE },
	{ }
};

static const struct word stale_words[] = {
	{ "refuse", false },
	{ "accept", true },
	{ }
};

static const struct word role_words[] = {
	{ "mirror", false },
	{ "clone", true },
	{ }
};

static const struct word read_only_words[] = {
	{ "none", false },
	{ "source", true },
	{ }
};

enum sync {
	SYNC_FULL,
	SYNC_SKIP,
	SYNC_COMPARE,
};

static const struct word sync_words[] = {
	{ "full", SYNC_FULL },
	{ "skip", SYNC_SKIP },
	{ "compare", SYNC_COMPARE },
	{ }
};

static bool find_word(const struct word *words, const char *text, unsigned int *value)
{
	for (; words->word; words++)
		if (!strcasecmp(words->word, text)) {
			*value = words->value;
			return true;
		}
	return false;
}

static const char *word_of(const struct word *words, unsigned int value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return "?";
}

/*
 * Settings: the same words in the table line and in the message "set".
 */

static bool set_payload(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(payload_words, value, &number))
		return false;
	settings->payload = number;
	return true;
}

static bool set_on_replica_error(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(on_error_words, value, &number))
		return false;
	settings->on_replica_error = number;
	return true;
}

static bool set_recovery(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(recovery_words, value, &number))
		return false;
	settings->recovery = number;
	return true;
}

static bool set_resync_rate(struct replica_settings *settings, const char *value)
{
	if (!strcasecmp(value, "auto")) {
		settings->resync_rate = 0;
		return true;
	}
	return !kstrtou32(value, 10, &settings->resync_rate) && settings->resync_rate &&
	       settings->resync_rate <= DM_REPLICA_RATE_MAX;
}

static bool set_on_meta_error(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(on_meta_error_words, value, &number))
		return false;
	settings->on_meta_error = number;
	return true;
}

static bool set_overflow(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(overflow_words, value, &number))
		return false;
	settings->overflow = number;
	return true;
}

static bool set_copy_priority(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(priority_words, value, &number))
		return false;
	settings->copy_priority = number;
	return true;
}

static bool set_protect(struct replica_settings *settings, const char *value)
{
	unsigned int number;

	if (!find_word(protect_words, value, &number))
		return false;
	settings->protect = number;
	return true;
}

static bool set_number(struct replica_settings *settings, const char *value, u32 *member,
		       u32 mask)
{
	unsigned int attr;
	const char *error;

	return !kstrtou32(value, 10, member) &&
	       !replica_settings_check(settings, mask, &attr, &error);
}

static bool set_replica_timeout(struct replica_settings *settings, const char *value)
{
	return set_number(settings, value, &settings->replica_timeout,
			  REPLICA_SET_REPLICA_TIMEOUT);
}

static bool set_queue_bytes(struct replica_settings *settings, const char *value)
{
	return set_number(settings, value, &settings->queue_bytes, REPLICA_SET_QUEUE_BYTES);
}

static bool set_rpo(struct replica_settings *settings, const char *value)
{
	return set_number(settings, value, &settings->rpo, REPLICA_SET_RPO);
}

static bool set_max_skew(struct replica_settings *settings, const char *value)
{
	return set_number(settings, value, &settings->max_skew, REPLICA_SET_MAX_SKEW);
}

static bool set_delta(struct replica_settings *settings, const char *value)
{
	return set_number(settings, value, &settings->delta_ms, REPLICA_SET_DELTA);
}

static const struct {
	const char *key;
	u32 mask;
	bool (*set)(struct replica_settings *settings, const char *value);
	char *error;
} setting_keys[] = {
	{ "payload", REPLICA_SET_PAYLOAD, set_payload,
	  "payload must be copy or shared" },
	{ "on_replica_error", REPLICA_SET_ON_REPLICA_ERROR, set_on_replica_error,
	  "on_replica_error must be track or stop" },
	{ "recovery", REPLICA_SET_RECOVERY, set_recovery,
	  "recovery must be automatic or manual" },
	{ "resync_rate", REPLICA_SET_RESYNC_RATE, set_resync_rate,
	  "resync_rate must be auto or 1 to 1000000 (MiB/s)" },
	{ "replica_timeout", REPLICA_SET_REPLICA_TIMEOUT, set_replica_timeout,
	  "replica_timeout must be 0 (for ever) or 100 to 3600000 (ms)" },
	{ "on_meta_error", REPLICA_SET_ON_META_ERROR, set_on_meta_error,
	  "on_meta_error must be continue or stop" },
	{ "queue_bytes", REPLICA_SET_QUEUE_BYTES, set_queue_bytes,
	  "queue_bytes must be 4194304 to 2147483648 (bytes)" },
	{ "rpo", REPLICA_SET_RPO, set_rpo,
	  "rpo must be 0 (none) or 100 to 86400000 (ms)" },
	{ "overflow", REPLICA_SET_OVERFLOW, set_overflow,
	  "overflow must be block, track or fail" },
	{ "max_skew", REPLICA_SET_MAX_SKEW, set_max_skew,
	  "max_skew must be 0 (half of queue_bytes) or up to 2147483648 (bytes)" },
	{ "copy_priority", REPLICA_SET_COPY_PRIORITY, set_copy_priority,
	  "copy_priority must be unmanaged, low, same, high or urgent" },
	{ "delta_ms", REPLICA_SET_DELTA, set_delta,
	  "delta_ms must be 0 (none) or 1000 to 86400000 (ms)" },
	{ "protect", REPLICA_SET_PROTECT, set_protect,
	  "protect must be none or snapshot" },
};

const char *replica_setting_name(unsigned int index)
{
	return index < ARRAY_SIZE(setting_keys) ? setting_keys[index].key : NULL;
}

int replica_setting_parse(struct replica_settings *settings, u32 *mask, const char *key,
			  const char *value, char **error)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(setting_keys); i++) {
		if (strcasecmp(setting_keys[i].key, key))
			continue;
		if (*mask & setting_keys[i].mask) {
			*error = "a setting is given twice";
			return -EINVAL;
		}
		if (!setting_keys[i].set(settings, value)) {
			*error = setting_keys[i].error;
			return -EINVAL;
		}
		*mask |= setting_keys[i].mask;
		return 0;
	}
	*error = "no setting of this name";
	return -ENOENT;
}

/*
 * The other features.
 */

/* Bits for features that are no settings, above those of the settings. */
#define SEEN_OFFLOAD		BIT(23)
#define SEEN_READ_ONLY		BIT(24)
#define SEEN_SWAPS		BIT(25)
#define SEEN_ROLE		BIT(26)
#define SEEN_STALE		BIT(27)
#define SEEN_ACTIVITY		BIT(28)
#define SEEN_REGION_SIZE	BIT(29)
#define SEEN_SYNC		BIT(30)
#define SEEN_DISCARD		BIT(31)

static int seen(u32 *mask, u32 bit, char **error)
{
	if (*mask & bit) {
		*error = "a feature is given twice";
		return -EINVAL;
	}
	*mask |= bit;
	return 0;
}

static int parse_region_size(struct replica_params *params, const char *value, char **error)
{
	if (kstrtou32(value, 10, &params->region_sectors) ||
	    !is_power_of_2(params->region_sectors) ||
	    params->region_sectors < REGION_MIN || params->region_sectors > REGION_MAX) {
		*error = "region_size must be a power of two from 8 to 1048576 (sectors)";
		return -EINVAL;
	}
	params->region_given = true;
	return 0;
}

static int parse_activity(struct replica_params *params, const char *value, char **error)
{
	if (kstrtou32(value, 10, &params->activity) ||
	    params->activity < DM_REPLICA_ACTIVITY_MIN ||
	    params->activity > DM_REPLICA_ACTIVITY_MAX) {
		*error = "activity must be 512 to 65536 (regions)";
		return -EINVAL;
	}
	return 0;
}

static int parse_swaps(struct replica_params *params, const char *value, char **error)
{
	params->swaps_given = true;
	if (!kstrtou32(value, 10, &params->swaps))
		return 0;
	*error = "swaps must be a number, 0 to 4294967295";
	return -EINVAL;
}

static int parse_offload(struct replica_params *params, const char *value, char **error)
{
	if (!kstrtou32(value, 10, &params->offload) &&
	    params->offload <= DM_REPLICA_OFFLOAD_MAX_S)
		return 0;
	*error = "offload must be 0 (none) or 1 to 3600 (seconds)";
	return -EINVAL;
}

static int parse_words(const struct word *words, const char *value, unsigned int *number,
		       char *sentence, char **error)
{
	if (find_word(words, value, number))
		return 0;
	*error = sentence;
	return -EINVAL;
}

static int parse_feature(struct replica_params *params, u32 *mask, const char *key,
			 const char *value, char **error)
{
	unsigned int number;
	int r;

	if (!strcasecmp(key, "region_size"))
		return seen(mask, SEEN_REGION_SIZE, error) ?:
		       parse_region_size(params, value, error);

	if (!strcasecmp(key, "sync")) {
		r = seen(mask, SEEN_SYNC, error) ?:
		    parse_words(sync_words, value, &number, "sync must be full, skip or compare",
				error);
		if (!r) {
			params->sync_skip = number == SYNC_SKIP;
			params->sync_compare = number == SYNC_COMPARE;
		}
		return r;
	}
	if (!strcasecmp(key, "discard")) {
		r = seen(mask, SEEN_DISCARD, error) ?:
		    parse_words(discard_words, value, &number,
				"discard must be zero, passdown or off", error);
		if (!r)
			params->discard = number;
		return r;
	}
	if (!strcasecmp(key, "activity"))
		return seen(mask, SEEN_ACTIVITY, error) ?: parse_activity(params, value, error);
	if (!strcasecmp(key, "offload"))
		return seen(mask, SEEN_OFFLOAD, error) ?: parse_offload(params, value, error);
	if (!strcasecmp(key, "swaps"))
		return seen(mask, SEEN_SWAPS, error) ?: parse_swaps(params, value, error);
	if (!strcasecmp(key, "stale")) {
		r = seen(mask, SEEN_STALE, error) ?:
		    parse_words(stale_words, value, &number, "stale must be refuse or accept",
				error);
		if (!r)
			params->stale_accept = number;
		return r;
	}
	if (!strcasecmp(key, "read_only")) {
		r = seen(mask, SEEN_READ_ONLY, error) ?:
		    parse_words(read_only_words, value, &number,
				"read_only must be none or source", error);
		if (!r)
			params->read_only = number;
		return r;
	}
	if (!strcasecmp(key, "role")) {
		r = seen(mask, SEEN_ROLE, error) ?:
		    parse_words(role_words, value, &number, "role must be mirror or clone", error);
		if (!r)
			params->clone = number;
		return r;
	}
	r = replica_setting_parse(&params->settings, mask, key, value, error);
	if (r == -ENOENT) {
		*error = "unknown feature";
		r = -EINVAL;
	}
	return r;
}

static int parse_features(struct replica_params *params, struct dm_arg_set *as, char **error)
{
	static const struct dm_arg count_arg[] = {
		{ 0, 64, "number of feature arguments must be 0 to 64" },
	};
	unsigned int count;
	u32 mask = 0;
	int r;

	if (!as->argc) {
		*error = "number of feature arguments is missing";
		return -EINVAL;
	}
	r = dm_read_arg_group(count_arg, as, &count, error);
	if (r)
		return r;
	if (count & 1) {
		*error = "the number of feature arguments must be even: each has one value";
		return -EINVAL;
	}
	for (; count; count -= 2) {
		const char *key = dm_shift_arg(as);
		const char *value = dm_shift_arg(as);

		r = parse_feature(params, &mask, key, value, error);
		if (r)
			return r;
	}
	if (as->argc) {
		*error = "more arguments than the number of feature arguments says";
		return -EINVAL;
	}
	return 0;
}

static int parse_mode(struct replica_params *params, const char *mode, char **error)
{
	unsigned int number;
	int r = parse_words(mode_words, mode, &number, "mode must be sync, async or adaptive",
			    error);

	if (!r)
		params->mode = number;
	return r;
}

/* What contradicts a copy of one instant. */
static char *clone_trouble(const struct replica_params *params)
{
	if (params->mode != DM_REPLICA_MODE_SYNC)
		return "role clone goes with mode sync only";
	if (params->sync_skip)
		return "role clone copies everything: sync skip is not for it";
	if (params->sync_compare)
		return "role clone copies everything: sync compare is not for it";
	if (params->stale_accept)
		return "role clone cannot copy again what is lost: stale accept is not for it";
	if (params->settings.rpo)
		return "role clone has no recovery point objective: rpo is not for it";
	if (params->settings.delta_ms)
		return "role clone is of one instant: delta_ms is not for it";
	if (params->settings.protect == DM_REPLICA_PROTECT_SNAPSHOT)
		return "role clone is no copy before it is complete: protect is not for it";
	return NULL;
}

static char *protect_trouble(const struct replica_settings *settings, bool meta)
{
	if (settings->protect != DM_REPLICA_PROTECT_SNAPSHOT)
		return NULL;
	if (!meta)
		return "protect snapshot is for a replica with a meta device";
	/* What makes the snapshot may have to write to the device whose writers are held. */
	if (settings->on_replica_error == DM_REPLICA_ON_ERROR_STOP)
		return "protect snapshot and on_replica_error stop exclude each other";
	return settings->delta_ms ? "protect snapshot and delta_ms exclude each other" : NULL;
}

/* Features that are good each, and do not go together. */
static char *together_trouble(const struct replica_params *params, bool meta)
{
	unsigned int attr;
	char *trouble;

	if (params->clone)
		return clone_trouble(params);
	if (params->offload)
		return "offload is for role clone";
	trouble = protect_trouble(&params->settings, meta);
	return trouble ? trouble : replica_delta_contradiction(&params->settings, params->mode,
								false, &attr);
}

int replica_table_parse(struct replica_params *params, const char **meta,
			struct dm_arg_set *as, sector_t len, char **error)
{
	char *trouble;
	int r;

	*params = (struct replica_params) {
		.region_sectors = replica_default_region_sectors(len),
		.discard = REPLICA_DISCARD_ZERO,
		.settings = {
			.payload = DM_REPLICA_PAYLOAD_COPY,
			.on_replica_error = DM_REPLICA_ON_ERROR_TRACK,
			.recovery = DM_REPLICA_RECOVERY_AUTOMATIC,
			.on_meta_error = DM_REPLICA_ON_META_CONTINUE,
			.replica_timeout = TIMEOUT_DEFAULT_MS,
			.queue_bytes = QUEUE_DEFAULT_BYTES,
			.overflow = DM_REPLICA_OVERFLOW_BLOCK,
			.protect = DM_REPLICA_PROTECT_NONE,
		},
	};
	if (as->argc < 2) {
		*error = "meta device and mode are missing";
		return -EINVAL;
	}
	*meta = dm_shift_arg(as);
	if (!strcmp(*meta, "-"))
		*meta = NULL;
	r = parse_mode(params, dm_shift_arg(as), error);
	if (r)
		return r;
	r = parse_features(params, as, error);
	if (r)
		return r;
	if ((len - 1) >> ilog2(params->region_sectors) >= DM_REPLICA_REGIONS_MAX) {
		*error = "region_size is too small for a device of this size";
		return -EINVAL;
	}
	if (!*meta && (params->activity || params->stale_accept || params->swaps_given)) {
		*error = "activity, swaps and stale accept are for a replica with a meta device";
		return -EINVAL;
	}
	trouble = together_trouble(params, *meta);
	if (!trouble)
		return 0;
	*error = trouble;
	return -EINVAL;
}

const char *replica_mode_name(u16 mode)
{
	return word_of(mode_words, mode);
}

unsigned int replica_table_emit(const struct replica_target *rt,
				const struct replica_settings *settings, u16 mode, bool skip,
				char *result, unsigned int maxlen)
{
	u32 swaps = rt->resumed ? READ_ONCE(rt->replica->swaps) : rt->params.swaps;
	unsigned int sz = 0;

	/* Without a meta device nothing remembers it. */
	if (!rt->meta)
		swaps = 0;
	DMEMIT("%s %s %s %s %u", rt->origin->name, rt->copy->name,
	       rt->meta ? rt->meta->name : "-", replica_mode_name(mode),
	       (rt->meta ? 32 : 26) + (rt->params.clone ? 2 : 0) + (swaps ? 2 : 0) +
	       (settings->delta_ms ? 2 : 0) + (rt->params.read_only ? 2 : 0) +
	       (rt->params.offload ? 2 : 0));
	DMEMIT(" region_size %u", rt->params.region_sectors);
	DMEMIT(" sync %s", word_of(sync_words, skip ? SYNC_SKIP :
				   rt->params.sync_compare ? SYNC_COMPARE : SYNC_FULL));
	DMEMIT(" discard %s", word_of(discard_words, rt->params.discard));
	DMEMIT(" payload %s", word_of(payload_words, settings->payload));
	if (settings->resync_rate)
		DMEMIT(" resync_rate %u", settings->resync_rate);
	else
		DMEMIT(" resync_rate auto");
	DMEMIT(" recovery %s", word_of(recovery_words, settings->recovery));
	DMEMIT(" on_replica_error %s", word_of(on_error_words, settings->on_replica_error));
	DMEMIT(" replica_timeout %u", settings->replica_timeout);
	DMEMIT(" queue_bytes %u rpo %u overflow %s max_skew %u", settings->queue_bytes,
	       settings->rpo, word_of(overflow_words, settings->overflow), settings->max_skew);
	DMEMIT(" copy_priority %s", word_of(priority_words, settings->copy_priority));
	if (rt->meta)
		DMEMIT(" on_meta_error %s activity %u protect %s",
		       word_of(on_meta_error_words, settings->on_meta_error),
		       rt->params.activity, word_of(protect_words, settings->protect));
	if (settings->delta_ms)
		DMEMIT(" delta_ms %u", settings->delta_ms);
	if (swaps)
		DMEMIT(" swaps %u", swaps);
	if (rt->params.read_only)
		DMEMIT(" read_only %s", word_of(read_only_words, true));
	if (rt->params.clone)
		DMEMIT(" role %s", word_of(role_words, true));
	if (rt->params.offload)
		DMEMIT(" offload %u", rt->params.offload);
	return sz;
}
