// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "ktap.h"
#include "replica-private.h"

static void every_name_finds_its_value(void)
{
	unsigned int value, found;
	const char *name;
	size_t entries;

	for (unsigned int e = 0; e < REPLICA_ENUM_COUNT; e++) {
		for (entries = 0;
		     !replica_enum_entry(e, entries, &value, &name); entries++) {
			found = value + 1;
			CHECK_INT(replica_enum_value(e, name, &found), 0);
			CHECK_INT(found, value);
			CHECK_STR(replica_enum_name(e, value), name);
		}
		CHECK(entries > 1);
	}
}

static void names_within_a_table_differ(void)
{
	unsigned int a, b;
	const char *na, *nb;

	for (unsigned int e = 0; e < REPLICA_ENUM_COUNT; e++)
		for (size_t i = 0; !replica_enum_entry(e, i, &a, &na); i++)
			for (size_t j = 0; j < i; j++) {
				replica_enum_entry(e, j, &b, &nb);
				CHECK(a != b);
				CHECK(strcmp(na, nb) != 0);
			}
}

static void known_names(void)
{
	CHECK_STR(replica_enum_name(REPLICA_ENUM_COPY_STATE, 4), "Synchronized");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_COPY_STATE, 12), "Aborted");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_COPY_STATE, 13), "Skewed");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_JOB_TYPE, 3), "Verify");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_PROGRESS, 18), "Requires Resync");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_OPERATION, 21), "Split");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_OPERATION, 18), "Reset To Async");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_OPERATION, 25), "Reset To Adaptive");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_EVENT_TYPE, 11), "Mode");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_OVERFLOW, 3), "fail");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_JOB_STATE, 7), "Completed");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_REPLICATION_TYPE, 2),
		  "Synchronous Mirror Local");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_EVENT_TYPE, 257), "Lost");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_EVENT_TYPE, 258), "Store");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_OPERATION, 15), "Restore From Replica");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_OPERATION, 19), "Return To ResourcePool");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_PROGRESS, 8), "Restoring");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_JOB_TYPE, 5), "Restore");
}

/* The commands that are shorter than the operation's name, which hints are made of. */
static void short_names(void)
{
	static const struct {
		const char *name;
		unsigned int value;
	} cases[] = {
		{ "reverse", DM_REPLICA_OP_REVERSE_ROLES }, { "reverse_roles", 20 },
		{ "restore", DM_REPLICA_OP_RESTORE }, { "return-to-pool", 19 },
		{ "failover", DM_REPLICA_OP_FAILOVER }, { "prepare", DM_REPLICA_OP_PREPARE },
	};
	unsigned int value;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_INT(replica_enum_value(REPLICA_ENUM_OPERATION, cases[i].name, &value), 0);
		CHECK_INT(value, cases[i].value);
	}
	CHECK_INT(replica_enum_value(REPLICA_ENUM_OPERATION, "test-failover", &value), -ENOENT);
}

static void unknown_values(void)
{
	unsigned int value = 77;
	const char *name;

	CHECK_STR(replica_enum_name(REPLICA_ENUM_COPY_STATE, 0), "Unknown");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_COPY_STATE, ~0u), "Unknown");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_COUNT, 4), "Unknown");
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COUNT, "Split", &value), -ENOENT);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, "", &value), -ENOENT);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, NULL, &value),
		  -ENOENT);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, "Synchron", &value),
		  -ENOENT);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, "1", &value),
		  -ENOENT);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, "4x", &value),
		  -ENOENT);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE,
				     "18446744073709551620", &value), -ENOENT);
	CHECK_INT(value, 77);
	CHECK_INT(replica_enum_entry(REPLICA_ENUM_COUNT, 0, &value, &name),
		  -ENOENT);
}

static void tolerant_names(void)
{
	unsigned int value;

	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, "synchronized",
				     &value), 0);
	CHECK_INT(value, DM_REPLICA_STATE_SYNCHRONIZED);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_PROGRESS, "requires-resync",
				     &value), 0);
	CHECK_INT(value, DM_REPLICA_PROGRESS_REQUIRES_RESYNC);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_SYNC_TYPE, "TokenizedClone",
				     &value), 0);
	CHECK_INT(value, REPLICA_SYNC_TYPE_TOKENIZED_CLONE);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_MODE, "Synchronous", &value), 0);
	CHECK_INT(value, DM_REPLICA_MODE_SYNC);
	CHECK_INT(replica_enum_value(REPLICA_ENUM_COPY_STATE, "6", &value), 0);
	CHECK_INT(value, DM_REPLICA_STATE_FRACTURED);
}

static void exact_names(void)
{
	unsigned int value;

	CHECK_INT(replica_enum_exact(REPLICA_ENUM_MODE, "sync", &value), 0);
	CHECK_INT(replica_enum_exact(REPLICA_ENUM_MODE, "Sync", &value), -ENOENT);
	CHECK_INT(replica_enum_exact(REPLICA_ENUM_MODE, "2", &value), -ENOENT);
	CHECK_INT(replica_enum_exact(REPLICA_ENUM_MODE, "synchronous", &value),
		  -ENOENT);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(every_name_finds_its_value), T(names_within_a_table_differ),
		T(known_names), T(short_names), T(unknown_values), T(tolerant_names),
		T(exact_names),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
