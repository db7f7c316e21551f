// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the maker of a replica wants of it besides what the kernel is told: each goal is
 * met by what is made, or the call is refused.
 */
#include <errno.h>
#include <stdio.h>

#include "create-goals.h"
#include "protect.h"

/* Between delta updates, when the methodology is asked for and no interval, ms. */
#define DEFAULT_DELTA_MS	30000

static uint32_t setting_of(const struct replica_create_args *a, uint32_t bit, uint32_t value)
{
	const struct replica_settings *s = a->replication_settings;

	return s && s->present & bit ? value : 0;
}

/* 0: what is written is sent. */
static uint32_t delta_of(const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;

	if (!s)
		return 0;
	if (setting_of(a, REPLICA_SETTING_DELTA_MS, 1))
		return s->delta_ms;
	return setting_of(a, REPLICA_SETTING_METHODOLOGY, s->methodology) ==
	       REPLICA_METHODOLOGY_DELTA_UPDATE ? DEFAULT_DELTA_MS : 0;
}

/* The system chooses what loses nothing, but where that cannot be. */
uint32_t replica_goals_mode(const struct replica_create_args *a)
{
	if (a->mode)
		return a->mode;
	return delta_of(a) ? DM_REPLICA_MODE_ASYNC : DM_REPLICA_MODE_SYNC;
}

/* The method counts in seconds, the setting in milliseconds. */
static uint64_t objective_of(const struct replica_create_args *a)
{
	return a->rpo_ms ? a->rpo_ms : a->recovery_point_objective * 1000ULL;
}

struct replica_settings replica_goals_settings(const struct replica_create_args *a)
{
	struct replica_settings settings = { .present = 0 };

	if (a->replication_settings)
		settings = *a->replication_settings;
	if (objective_of(a)) {
		settings.rpo_ms = objective_of(a);
		settings.present |= REPLICA_SETTING_RPO;
	}
	if (delta_of(a)) {
		settings.delta_ms = delta_of(a);
		settings.present |= REPLICA_SETTING_DELTA_MS;
	}
	return settings;
}

bool replica_goals_compares(const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;

	return s && setting_of(a, REPLICA_SETTING_METHODOLOGY, s->methodology) ==
		    REPLICA_METHODOLOGY_DIFFERENTIAL;
}

static int fail_rpo(struct replica_ctx *ctx, const char *sentence, uint64_t ms)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "RecoveryPointObjective",
			    "the recovery point objective is %g s, %s", ms / 1000.0, sentence);
}

static int check_rpo(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;
	uint64_t ms = objective_of(a);

	if (!ms)
		return REPLICA_SUCCESS;
	if (replica_goals_mode(a) == DM_REPLICA_MODE_SYNC)
		return fail_rpo(ctx, "and that of a synchronous replica is 0", ms);
	if (ms < DM_REPLICA_RPO_MIN_MS || ms > DM_REPLICA_RPO_MAX_MS)
		return fail_rpo(ctx, "and must be 0 (none), or 0.1 s to a day (86400 s)", ms);
	if (a->rpo_ms && a->recovery_point_objective &&
	    a->recovery_point_objective * 1000ULL != ms)
		return fail_rpo(ctx, "and given in seconds as another one", ms);
	if (s && s->present & REPLICA_SETTING_RPO && s->rpo_ms != ms)
		return fail_rpo(ctx, "and another one is among the settings", ms);
	return REPLICA_SUCCESS;
}

/* Why it is none of a mirror's, by its number. */
static const char *methodology_trouble(uint32_t value)
{
	static const char *const why[] = {
		[REPLICA_METHODOLOGY_OTHER] = "it says no more than that it is none of CIM's",
		[REPLICA_METHODOLOGY_INCREMENTAL] =
			"there is no earlier copy that could be brought up to date; with an initial copy that is skipped there is",
		[REPLICA_METHODOLOGY_COPY_ON_WRITE] =
			"it is that of a snapshot, sync type Snapshot (7)",
		[REPLICA_METHODOLOGY_COPY_ON_ACCESS] =
			"nothing is copied because it is read: the target is to hold everything",
		[REPLICA_METHODOLOGY_SNAP_AND_CLONE] =
			"it is that of two steps, sync type Snapshot (7) and then Clone (8) of the snapshot",
		[REPLICA_METHODOLOGY_BEFORE_ACTIVATION] =
			"the source is in use from the start; WaitForCopyState 4 waits for the copy",
		[REPLICA_METHODOLOGY_REDIRECT_ON_WRITE] =
			"it is that of snapshots of thin volumes, which share their blocks",
	};

	return value < ARRAY_SIZE(why) && why[value] ? why[value] : "no vendor has one here";
}

static int fail_methodology(struct replica_ctx *ctx, uint32_t value)
{
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "DesiredCopyMethodology",
			    "copy methodology %s (%u) is not supported: %s",
			    replica_enum_name(REPLICA_ENUM_METHODOLOGY, value), value,
			    methodology_trouble(value));
}

static int contradict(struct replica_ctx *ctx, uint32_t value, const char *what)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "DesiredCopyMethodology",
			    "copy methodology %s (%u) contradicts %s",
			    replica_enum_name(REPLICA_ENUM_METHODOLOGY, value), value, what);
}

/* A first copy is in full; without one, all that is ever copied is what was written. */
static int check_methodology(struct replica_ctx *ctx, const struct replica_create_args *a,
			     uint32_t value)
{
	bool skip = a->skip_initial_copy;

	switch (value) {
	case REPLICA_METHODOLOGY_ANY:
		return REPLICA_SUCCESS;
	case REPLICA_METHODOLOGY_FULL:
	case REPLICA_METHODOLOGY_DIFFERENTIAL:
		if (skip)
			return contradict(ctx, value, "an initial copy that is skipped");
		break;
	case REPLICA_METHODOLOGY_INCREMENTAL:
		if (!skip)
			return fail_methodology(ctx, value);
		break;
	case REPLICA_METHODOLOGY_DELTA_UPDATE:
		if (a->sync_type == REPLICA_SYNC_TYPE_CLONE)
			return contradict(ctx, value, "a clone, which is of one instant");
		return delta_of(a) ? REPLICA_SUCCESS :
		       contradict(ctx, value, "delta_ms=0, which is no interval");
	default:
		return fail_methodology(ctx, value);
	}
	if (value == REPLICA_METHODOLOGY_DIFFERENTIAL && a->sync_type == REPLICA_SYNC_TYPE_CLONE)
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				    "DesiredCopyMethodology",
				    "copy methodology Differential-Copy (5) is not supported for a clone, which is copied in full (3)");
	return delta_of(a) ? contradict(ctx, value, "delta updates, whose methodology is 8") :
			     REPLICA_SUCCESS;
}

static int fail_delta(struct replica_ctx *ctx, uint32_t ms, const char *sentence)
{
	return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "DeltaUpdateInterval",
			    "the interval of delta updates is %g s, %s", ms / 1000.0, sentence);
}

/* Does overflow=fail act before an update begins, whatever that does? */
static bool stops_always(const struct replica_settings *s, uint32_t ms)
{
	return s->present & REPLICA_SETTING_OVERFLOW &&
	       s->overflow == DM_REPLICA_OVERFLOW_FAIL && s->present & REPLICA_SETTING_RPO &&
	       s->rpo_ms && s->rpo_ms / 8 * 7 <= ms;
}

static int check_delta(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	const struct replica_settings s = replica_goals_settings(a);
	uint32_t ms = delta_of(a);
	char text[128];

	if (!ms)
		return REPLICA_SUCCESS;
	if (a->sync_type == REPLICA_SYNC_TYPE_CLONE)
		return fail_delta(ctx, ms, "and a clone is of one instant: it has none");
	if (replica_goals_mode(a) != DM_REPLICA_MODE_ASYNC) {
		snprintf(text, sizeof(text), "and goes with Mode Async (3) only, not with %s (%u)",
			 replica_enum_name(REPLICA_ENUM_MODE, a->mode), a->mode);
		return fail_delta(ctx, ms, text);
	}
	if (s.present & REPLICA_SETTING_RPO && s.rpo_ms && s.rpo_ms < ms) {
		snprintf(text, sizeof(text),
			 "and a RecoveryPointObjective of %g s, which is shorter, could not be kept",
			 s.rpo_ms / 1000.0);
		return fail_delta(ctx, ms, text);
	}
	if (stops_always(&s, ms)) {
		snprintf(text, sizeof(text),
			 "and overflow=fail stops the replica at 7/8 of a RecoveryPointObjective of %g s, before it is over",
			 s.rpo_ms / 1000.0);
		return fail_delta(ctx, ms, text);
	}
	return REPLICA_SUCCESS;
}

/* The mapped device can be read-only; a device that the copy writes to cannot. */
static int check_read_only(struct replica_ctx *ctx, uint32_t value)
{
	if (value == REPLICA_READ_ONLY_SOURCE)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "ReadOnly",
			    "ReadOnly %u (%s) is not supported: the read-only flag of a target holds for the copy too, whose writes the kernel lets pass with warnings, and is lost when the device is found anew",
			    value, value == REPLICA_READ_ONLY_TARGET ? "target" :
			    "source and target");
}

bool replica_goals_read_only(const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;

	return s && setting_of(a, REPLICA_SETTING_READ_ONLY, s->read_only) ==
		    REPLICA_READ_ONLY_SOURCE;
}

/* These two speak of a target that is made; volume: one is given. */
static int check_target(struct replica_ctx *ctx, const struct replica_settings *s, bool volume)
{
	if (s->present & REPLICA_SETTING_ELEMENT_SUPPLIER && volume && s->element_supplier == 2)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "TargetElementSupplier",
				    "TargetElementSupplier 2 (create new) contradicts a target volume that is given");
	if (s->present & REPLICA_SETTING_ELEMENT_SUPPLIER && !volume &&
	    (s->element_supplier == 1 || s->element_supplier == 5))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "TargetElementSupplier",
				    "TargetElementSupplier %u needs a target volume, and none is given",
				    s->element_supplier);
	if (s->present & REPLICA_SETTING_THIN_POLICY && volume && s->thin_policy != 7)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "ThinProvisioningPolicy",
				    "ThinProvisioningPolicy %u is for a target that is made, and a target volume is given",
				    s->thin_policy);
	return REPLICA_SUCCESS;
}

uint32_t replica_goals_wait(const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;

	if (a->wait_for_copy_state || !s || !(s->present & REPLICA_SETTING_WAIT_STATE))
		return a->wait_for_copy_state;
	return s->wait_state;
}

static int check_wait(struct replica_ctx *ctx, uint32_t state)
{
	switch (state) {
	case 0:
	case DM_REPLICA_STATE_INITIALIZED:
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
	case DM_REPLICA_STATE_SYNCHRONIZED:
		return REPLICA_SUCCESS;
	case DM_REPLICA_STATE_INACTIVE:
		return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				    "WaitForCopyState",
				    "a replica is never created Inactive");
	default:
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "WaitForCopyState",
				    "creation does not lead to state %u (%s)", state,
				    replica_enum_name(REPLICA_ENUM_COPY_STATE,
						      state));
	}
}

/* Who redeems a token has seen to that. */
static int fail_offload(struct replica_ctx *ctx)
{
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "Offload",
			    "the devices copy by themselves when a token is redeemed, and not for this");
}

int replica_goals_check(struct replica_ctx *ctx, const struct replica_create_args *a)
{
	const struct replica_settings *s = a->replication_settings;
	int ret;

	if (a->offload == REPLICA_OFFLOAD_MUST)
		return fail_offload(ctx);
	ret = check_rpo(ctx, a);
	if (ret)
		return ret;
	if (!s)
		return check_wait(ctx, a->wait_for_copy_state);
	ret = check_target(ctx, s, a->target_storage_volume);
	if (!ret && s->present & REPLICA_SETTING_METHODOLOGY)
		ret = check_methodology(ctx, a, s->methodology);
	if (!ret)
		ret = check_delta(ctx, a);
	if (!ret && s->present & REPLICA_SETTING_READ_ONLY)
		ret = check_read_only(ctx, s->read_only);
	if (!ret)
		ret = replica_protect_check_params(ctx, a);
	if (!ret && s->present & REPLICA_SETTING_WAIT_STATE && a->wait_for_copy_state &&
	    s->wait_state != a->wait_for_copy_state)
		ret = replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, "WaitForCopyState",
				   "WaitForCopyState is given twice, as %s (%u) and as %s (%u)",
				   replica_enum_name(REPLICA_ENUM_COPY_STATE,
						     a->wait_for_copy_state),
				   a->wait_for_copy_state,
				   replica_enum_name(REPLICA_ENUM_COPY_STATE, s->wait_state),
				   s->wait_state);
	return ret ? ret : check_wait(ctx, replica_goals_wait(a));
}
