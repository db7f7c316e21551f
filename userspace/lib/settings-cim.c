// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Settings by the names of CIM_ReplicationSettingData and MSFT_SMReplicationSettings.
 * Some mean the same as a key of ours; the others are goals of the one who makes a
 * replica, which create-goals.c holds against what is made.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "settings-keys.h"

/* CIM leaves numbers from here on to vendors. */
#define FIRST_VENDOR_VALUE	32768

enum goal_index {
	GOAL_SUPPLIER,
	GOAL_THIN,
	GOAL_METHODOLOGY,
	GOAL_READ_ONLY,
	GOAL_WAIT,
};

static const struct goal {
	uint32_t bit;
	size_t member;			/* uint32_t */
	uint32_t min;
	uint32_t max;
	bool vendors;			/* their numbers are values, too */
	const char *key;
	const char *rule;
} goals[] = {
#define MEMBER(m)	offsetof(struct replica_settings, m)
	[GOAL_SUPPLIER] = {
		REPLICA_SETTING_ELEMENT_SUPPLIER, MEMBER(element_supplier), 1, 5, false,
		"TargetElementSupplier",
		"must be 1 (use existing), 2 (create new), 3 (use and create), 4 (the system decides) or 5 (client must supply)",
	},
	[GOAL_THIN] = {
		REPLICA_SETTING_THIN_POLICY, MEMBER(thin_policy), 2, 7, false,
		"ThinProvisioningPolicy",
		"must be 2 (thin to thin), 3 (thin to full), 4 (full to thin), 5 (as the source), 6 (the pool decides) or 7 (the system decides)",
	},
	[GOAL_METHODOLOGY] = {
		REPLICA_SETTING_METHODOLOGY, MEMBER(methodology), 1, 11, true,
		"DesiredCopyMethodology",
		"must be a number of CIM from 1 (other) to 11 (redirect on write)",
	},
	[GOAL_READ_ONLY] = {
		REPLICA_SETTING_READ_ONLY, MEMBER(read_only), 2, 4, false,
		"ReadOnly", "must be 2 (source), 3 (target) or 4 (both)",
	},
	[GOAL_WAIT] = {
		REPLICA_SETTING_WAIT_STATE, MEMBER(wait_state), DM_REPLICA_STATE_INITIALIZED,
		DM_REPLICA_STATE_NOT_APPLICABLE, false, "WaitForCopyState",
		"must be a copy state of CIM, such as 4 (Synchronized)",
	},
#undef MEMBER
};

static uint32_t *member_of(struct replica_settings *s, const struct goal *goal)
{
	return (uint32_t *)((char *)s + goal->member);
}

static uint32_t value_of(const struct replica_settings *s, const struct goal *goal)
{
	return *(const uint32_t *)((const char *)s + goal->member);
}

bool replica_goals_contradict(const struct replica_settings *a,
			      const struct replica_settings *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(goals); i++)
		if (a->present & b->present & goals[i].bit &&
		    value_of(a, &goals[i]) != value_of(b, &goals[i]))
			return true;
	return false;
}

void replica_goals_merge(struct replica_settings *to, const struct replica_settings *from)
{
	for (size_t i = 0; i < ARRAY_SIZE(goals); i++)
		if (from->present & goals[i].bit)
			*member_of(to, &goals[i]) = value_of(from, &goals[i]);
}

static bool goal_ok(const struct goal *goal, uint32_t value)
{
	if (goal->vendors && value >= FIRST_VENDOR_VALUE && value <= UINT16_MAX)
		return true;
	return value >= goal->min && value <= goal->max;
}

int replica_goals_validate(const struct replica_settings *s, const char **key,
			   const char **why)
{
	for (size_t i = 0; i < ARRAY_SIZE(goals); i++) {
		if (!(s->present & goals[i].bit) || goal_ok(&goals[i], value_of(s, &goals[i])))
			continue;
		*key = goals[i].key;
		*why = goals[i].rule;
		return -EINVAL;
	}
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Values */

/* A decimal number of up to five digits: the bounds are replica_goals_validate()'s. */
static int parse_number(const char *value, uint32_t *number)
{
	size_t len = strlen(value);

	return len && len <= 5 && strspn(value, "0123456789") == len &&
	       sscanf(value, "%u", number) == 1 ? 0 : -EINVAL;
}

static int parse_goal(const char *value, struct replica_settings *s, const char **why,
		      enum goal_index which)
{
	const struct goal *goal = &goals[which];

	*why = goal->rule;
	s->present |= goal->bit;
	return parse_number(value, member_of(s, goal));
}

static int parse_supplier(const char *value, struct replica_settings *s, const char **why)
{
	return parse_goal(value, s, why, GOAL_SUPPLIER);
}

static int parse_thin(const char *value, struct replica_settings *s, const char **why)
{
	return parse_goal(value, s, why, GOAL_THIN);
}

static int parse_methodology(const char *value, struct replica_settings *s, const char **why)
{
	return parse_goal(value, s, why, GOAL_METHODOLOGY);
}

static int parse_read_only(const char *value, struct replica_settings *s, const char **why)
{
	return parse_goal(value, s, why, GOAL_READ_ONLY);
}

/* By name, too, as on the command line. */
static int parse_wait(const char *value, struct replica_settings *s, const char **why)
{
	*why = goals[GOAL_WAIT].rule;
	s->present |= REPLICA_SETTING_WAIT_STATE;
	return replica_enum_value(REPLICA_ENUM_COPY_STATE, value, &s->wait_state);
}

/* CIM's datetime as an interval: days, hours, minutes, seconds, microseconds. */
static int parse_interval(const char *value, uint64_t *ms)
{
	unsigned int days, hours, minutes, seconds, micros;
	int end = 0;

	if (strspn(value, "0123456789.:") != strlen(value) || strlen(value) != 25 ||
	    sscanf(value, "%8u%2u%2u%2u.%6u:000%n", &days, &hours, &minutes, &seconds,
		   &micros, &end) != 5 || end != 25 ||
	    hours > 23 || minutes > 59 || seconds > 59 || micros % 1000)
		return -EINVAL;
	*ms = (((days * 24ULL + hours) * 60 + minutes) * 60 + seconds) * 1000 + micros / 1000;
	return 0;
}

static int parse_desired_rpo(const char *value, struct replica_settings *s, const char **why)
{
	uint64_t ms;

	*why = "must be an interval like 00000000000015.000000:000, in whole ms, up to a day";
	return parse_interval(value, &ms) ? -EINVAL : replica_settings_rpo(ms, s);
}

static int parse_delta(const char *value, struct replica_settings *s, const char **why)
{
	uint64_t ms;

	*why = "must be an interval like 00000000000030.000000:000, in whole ms, of 1 s to a day";
	/* There is no such thing as an interval of nothing: delta_ms=0 ends the updates. */
	return parse_interval(value, &ms) || !ms ? -EINVAL : replica_settings_delta(ms, s);
}

static int parse_stops_host_io(const char *value, struct replica_settings *s,
			       const char **why)
{
	*why = "must be true or false";
	s->present |= REPLICA_SETTING_ON_REPLICA_ERROR;
	if (strcasecmp(value, "true") == 0)
		s->on_replica_error = DM_REPLICA_ON_ERROR_STOP;
	else if (strcasecmp(value, "false") == 0)
		s->on_replica_error = DM_REPLICA_ON_ERROR_TRACK;
	else
		return -EINVAL;
	return 0;
}

/* 4 leaves the choice to us, and we choose as without the setting. */
static int parse_recovery_mode(const char *value, struct replica_settings *s,
			       const char **why)
{
	*why = "must be 2 (automatic), 3 (manual) or 4 (implementation decides)";
	s->present |= REPLICA_SETTING_RECOVERY;
	if (strcmp(value, "2") == 0 || strcmp(value, "4") == 0)
		s->recovery = DM_REPLICA_RECOVERY_AUTOMATIC;
	else if (strcmp(value, "3") == 0)
		s->recovery = DM_REPLICA_RECOVERY_MANUAL;
	else
		return -EINVAL;
	return 0;
}

static int parse_skew(const char *value, struct replica_settings *s, const char **why)
{
	*why = "must be a size of up to 2G, 0 for half of queue_bytes";
	s->present |= REPLICA_SETTING_MAX_SKEW;
	return replica_parse_size(value, &s->max_skew);
}

static int parse_priority(const char *value, struct replica_settings *s, const char **why)
{
	*why = "must be 0 (not managed), 1 (low), 2 (same), 3 (high) or 4 (urgent)";
	s->present |= REPLICA_SETTING_COPY_PRIORITY;
	if (parse_number(value, &s->copy_priority) ||
	    !replica_enum_has(REPLICA_ENUM_COPY_PRIORITY, s->copy_priority))
		return -EINVAL;
	return 0;
}

const struct replica_key replica_cim_keys[] = {
	{ "FailedCopyStopsHostIO", parse_stops_host_io },
	{ "CopyRecoveryMode", parse_recovery_mode },
	{ "DesiredRPO", parse_desired_rpo },
	{ "MaximumSkew", parse_skew },
	{ "CopyPriority", parse_priority },
	{ "DesiredCopyMethodology", parse_methodology },
	{ "TargetElementSupplier", parse_supplier },
	{ "ThinProvisioningPolicy", parse_thin },
	{ "ReadOnly", parse_read_only },
	{ "DeltaUpdateInterval", parse_delta },
	{ "WaitForCopyState", parse_wait },
};

const size_t replica_nr_cim_keys = ARRAY_SIZE(replica_cim_keys);

/* ------------------------------------------------------------------------ */
/* Names that are known elsewhere */

static const struct {
	const char *name;
	const char *why;
} foreign[] = {
	{ "DeltaUpdateBlocks", "delta updates go by time, see DeltaUpdateInterval" },
	{ "ConsistentPointInTime", "it is for groups, and there are no groups" },
	{ "ConsistentAsyncCopy", "mode async keeps the order of writes always" },
	{ "OnGroupOrListError", "it is for groups, and there are no groups" },
	{ "UnequalGroupsAction", "it is for groups, and there are no groups" },
	{ "Pairing", "it is for groups, and there are no groups" },
	{ "Multihop", "a chain is made replica by replica" },
	{ "AutoDelete", "'detach' and 'remove' end a replica" },
	{ "TimeBeforeRemoval", "'detach' and 'remove' end a replica" },
	{ "LogDevices", "the log is on the meta device" },
	{ "LogSizeInBytes", "the log is as large as the meta device has to be" },
	{ "ReplicationQuorum", "on_replica_error says whether writers are held" },
	{ "SyncMode", "the mode is a parameter of its own" },
};

const char *replica_foreign_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (strcmp(foreign[i].name, name) == 0)
			return foreign[i].why;
	return NULL;
}
