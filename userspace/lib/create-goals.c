// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the maker of a replica wants of it besides what the kernel is told: each goal is
 * met by what is made, or the call is refused.
 */
#include <errno.h>

#include "create-goals.h"

static int fail_methodology(struct replica_ctx *ctx, uint32_t value)
{
	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "DesiredCopyMethodology",
			    "copy methodology %s (%u) is not that of a mirror, which copies in full (3)",
			    replica_enum_name(REPLICA_ENUM_METHODOLOGY, value), value);
}

/* A first copy is in full; without one, all that is ever copied is what was written. */
static int check_methodology(struct replica_ctx *ctx, uint32_t value, bool skip_copy)
{
	switch (value) {
	case REPLICA_METHODOLOGY_ANY:
		return REPLICA_SUCCESS;
	case REPLICA_METHODOLOGY_FULL:
		if (!skip_copy)
			return REPLICA_SUCCESS;
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    "DesiredCopyMethodology",
				    "copy methodology Full-Copy (3) contradicts an initial copy that is skipped");
	case REPLICA_METHODOLOGY_INCREMENTAL:
		return skip_copy ? REPLICA_SUCCESS : fail_methodology(ctx, value);
	default:
		return fail_methodology(ctx, value);
	}
}

/* Nothing but a hint keeps programs from writing to a device that they may open. */
static int fail_read_only(struct replica_ctx *ctx, uint32_t value)
{
	static const char *const names[] = { "source", "target", "source and target" };

	return replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP, "ReadOnly",
			    "ReadOnly %u (%s) is not supported: %s", value, names[value - 2],
			    value == 3 ?
			    "root can still write to the target device itself" :
			    "a source that nobody may write to needs a copy, and no replica");
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
	if (!s)
		return check_wait(ctx, a->wait_for_copy_state);
	ret = check_target(ctx, s, a->target_storage_volume);
	if (!ret && s->present & REPLICA_SETTING_METHODOLOGY)
		ret = check_methodology(ctx, s->methodology, a->skip_initial_copy);
	if (!ret && s->present & REPLICA_SETTING_READ_ONLY)
		ret = fail_read_only(ctx, s->read_only);
	if (!ret && s->present & REPLICA_SETTING_DELTA_INTERVAL)
		ret = replica_fail(ctx, REPLICA_NOT_SUPPORTED, EOPNOTSUPP,
				   "DeltaUpdateInterval",
				   "DeltaUpdateInterval belongs to the copy methodology Delta-Update (8), which is not that of a mirror");
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
