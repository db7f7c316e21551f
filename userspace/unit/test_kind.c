// SPDX-License-Identifier: LGPL-2.1-or-later
/* Kinds of copy: every number has a name, and what is waited for is what create takes. */
#include <errno.h>

#include "create-goals.h"
#include "fake.h"
#include "ktap.h"
#include "snapshot-create.h"

static const uint16_t made[] = { 2, 3, 6, 10, 14, 18 };

static void named(enum replica_enum which, const uint16_t *values, size_t count)
{
	CHECK(count > 0);
	for (size_t i = 0; i < count; i++) {
		CHECK(replica_enum_has(which, values[i]));
		CHECK(!i || values[i] > values[i - 1]);
	}
}

static void names(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_copy_kind kind;

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		CHECK_INT(replica_kind_get(ctx, made[i], &kind), 0);
		CHECK_INT(kind.replication_type, made[i]);
		named(REPLICA_ENUM_OPERATION, kind.operations, kind.nr_operations);
		named(REPLICA_ENUM_COPY_STATE, kind.copy_states, kind.nr_copy_states);
		named(REPLICA_ENUM_COPY_STATE, kind.wait_states, kind.nr_wait_states);
		named(REPLICA_ENUM_FEATURE, kind.features, kind.nr_features);
	}
	fake_free(ctx);
}

static bool has(const uint16_t *values, size_t count, unsigned int value)
{
	for (size_t i = 0; i < count; i++)
		if (values[i] == value)
			return true;
	return false;
}

/*
 * A mirror has every operation and every state that there is a name for: what the kernel has,
 * and what the library does.  A clone does not change places.
 */
static void mirror(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_copy_kind kind, clone;

	CHECK_INT(replica_kind_get(ctx, 2, &kind), 0);
	CHECK_INT(replica_kind_get(ctx, 10, &clone), 0);
	for (unsigned int value = 0; value < 64; value++) {
		CHECK_INT(has(kind.operations, kind.nr_operations, value),
			  replica_enum_has(REPLICA_ENUM_OPERATION, value));
		CHECK_INT(has(kind.copy_states, kind.nr_copy_states, value),
			  replica_enum_has(REPLICA_ENUM_COPY_STATE, value) &&
			  value != DM_REPLICA_STATE_NOT_APPLICABLE);
	}
	CHECK(has(kind.operations, kind.nr_operations, DM_REPLICA_OP_REVERSE_ROLES));
	CHECK(has(kind.features, kind.nr_features, REPLICA_FEATURE_REVERSED_IN_STEP));
	CHECK(has(kind.features, kind.nr_features, REPLICA_FEATURE_REVERSED_AS_IT_IS));
	CHECK(!has(clone.operations, clone.nr_operations, DM_REPLICA_OP_FAILOVER));
	CHECK(!has(clone.copy_states, clone.nr_copy_states, DM_REPLICA_STATE_FAILEDOVER));
	fake_free(ctx);
}

static bool is_made(unsigned int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		if (made[i] == type)
			return true;
	return false;
}

static void others(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_copy_kind kind;

	for (unsigned int type = 0; type <= UINT16_MAX; type++)
		if (!is_made(type) && replica_kind_get(ctx, type, &kind) != -ENOENT)
			CHECK_INT(type, -1);
	fake_free(ctx);
}

/* The table of CIM, by its words. */
static void types(void)
{
	static const struct {
		const char *name;
		unsigned int sync_type;
		unsigned int mode;
	} cases[] = {
		{ "Synchronous Mirror Local", 6, 0 },
		{ "Synchronous Mirror Local", 6, 2 },
		{ "Asynchronous Mirror Local", 6, 3 },
		{ "Adaptive Mirror Local", 6, 4 },
		{ "Synchronous Snapshot Local", 7, 2 },
		{ "Adaptive Snapshot Local", 7, 4 },
		{ "Asynchronous Clone Local", 8, 3 },
		{ "Synchronous TokenizedClone Local", 9, 0 },
		{ "Adaptive TokenizedClone Local", 9, 4 },
	};
	uint16_t type;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(replica_kind_type(cases[i].sync_type, cases[i].mode, &type), 0);
		CHECK_STR(replica_enum_name(REPLICA_ENUM_REPLICATION_TYPE, type),
			  cases[i].name);
	}
	CHECK_INT(replica_kind_type(5, 2, &type), -ENOENT);
	CHECK_INT(replica_kind_type(10, 2, &type), -ENOENT);
	CHECK_INT(replica_kind_type(6, 1, &type), -ENOENT);
	CHECK_INT(replica_kind_type(6, 5, &type), -ENOENT);
	CHECK_INT(replica_kind_type(~0u, ~0u, &type), -ENOENT);
}

static bool waits_for(const struct replica_copy_kind *kind, uint16_t state)
{
	for (size_t i = 0; i < kind->nr_wait_states; i++)
		if (kind->wait_states[i] == state)
			return true;
	return false;
}

/* What CreateReplica itself makes of each state to wait for. */
static void waits(void)
{
	struct replica_ctx *ctx = fake_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		struct replica_create_args args = {
			.size = sizeof(args), .source = "/dev/a", .target_storage_volume = "/dev/b",
		};
		struct replica_copy_kind kind;
		bool snapshot;

		CHECK_INT(replica_kind_get(ctx, made[i], &kind), 0);
		args.sync_type = kind.sync_type;
		args.mode = kind.mode;
		/* A redeem is a clone. */
		snapshot = kind.sync_type == REPLICA_SYNC_TYPE_SNAPSHOT;
		for (uint16_t state = 1; state <= DM_REPLICA_STATE_NOT_APPLICABLE; state++) {
			args.wait_for_copy_state = state;
			CHECK_INT(!(snapshot ? replica_snap_check_params(ctx, &args) :
				    replica_goals_check(ctx, &args)), waits_for(&kind, state));
		}
	}
	fake_free(ctx);
}

static bool detaches(struct replica_ctx *ctx, uint16_t type)
{
	struct replica_copy_kind kind;

	CHECK_INT(replica_kind_get(ctx, type, &kind), 0);
	for (size_t i = 0; i < kind.nr_features; i++)
		if (kind.features[i] == REPLICA_FEATURE_CLONE_DETACHES)
			return true;
	return false;
}

/* A clone by itself, where there is who ends it, and no other kind. */
static void ends(void)
{
	const char *unit = "/lib/systemd/system/dm-replica-finish@.service";
	struct replica_ctx *ctx = fake_ctx();

	CHECK(!detaches(ctx, 10));
	fake_file(unit, "[Unit]\n");
	CHECK(!detaches(ctx, 10));
	fake_file("/run/systemd/system/other.service", "[Unit]\n");
	CHECK(!detaches(ctx, 10));
	fake_file("/run/udev/control", "");
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		CHECK_INT(detaches(ctx, made[i]), made[i] == 10);
	/* Masked. */
	fake_file("/etc/systemd/system/dm-replica-finish@.service", "");
	CHECK(!detaches(ctx, 10));
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(names), T(mirror), T(others), T(types), T(waits), T(ends),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
