// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is said of an association in the values of MSFT_SMStorageSynchronizedBase. */
#include "info.h"
#include "ktap.h"

#define MIRROR		REPLICA_SYNC_TYPE_MIRROR
#define SNAPSHOT	REPLICA_SYNC_TYPE_SNAPSHOT
#define CLONE		REPLICA_SYNC_TYPE_CLONE
#define TOKEN		REPLICA_SYNC_TYPE_TOKENIZED_CLONE
#define ESTABLISHED	1700000000123

static const uint32_t kinds[] = { MIRROR, SNAPSHOT, CLONE, TOKEN };

static struct replica_info info_of(uint32_t kind, uint32_t state, uint32_t progress)
{
	struct replica_info info = {
		.sync_type = kind,
		.copy_state = state,
		.progress_status = progress,
		.when_established = ESTABLISHED,
		.when_activated = 77,
		.sync_maintained = true,
		.sync_state = 77,
	};

	replica_info_associate(&info);
	return info;
}

static uint32_t sync_state(uint32_t kind, uint32_t state, uint32_t progress)
{
	return info_of(kind, state, progress).sync_state;
}

/* Numbers of CIM, as they stand in its schema; the progress is what the kernel says there. */
static void mirror(void)
{
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_INITIALIZED, 4), 2);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_UNSYNCHRONIZED, 6), 5);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SYNCHRONIZED, 2), 6);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_BROKEN, 20), 12);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_FRACTURED, 18), 13);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SPLIT, 18), 13);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_INACTIVE, 19), 9);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SUSPENDED, 25), 9);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_PREPARED, 19), 4);
}

static void none(void)
{
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_FAILEDOVER, 18), 0);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_ABORTED, 18), 0);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SKEWED, 18), 0);
	CHECK_INT(sync_state(MIRROR, 0, 0), 0);
	/* Nothing is copied: it is given up for now, or nobody has ordered it. */
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_UNSYNCHRONIZED, 20), 0);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_UNSYNCHRONIZED, 18), 0);
	CHECK_INT(sync_state(CLONE, DM_REPLICA_STATE_ABORTED, 22), 0);
	CHECK_INT(sync_state(CLONE, DM_REPLICA_STATE_UNSYNCHRONIZED, 18), 0);
}

static void progress(void)
{
	const uint32_t unsynced = DM_REPLICA_STATE_UNSYNCHRONIZED;

	CHECK_INT(sync_state(MIRROR, unsynced, DM_REPLICA_PROGRESS_SYNCHRONIZING), 5);
	CHECK_INT(sync_state(MIRROR, unsynced, DM_REPLICA_PROGRESS_RESYNCING), 5);
	CHECK_INT(sync_state(MIRROR, unsynced, DM_REPLICA_PROGRESS_RESTORING), 10);
	CHECK_INT(sync_state(MIRROR, unsynced, DM_REPLICA_PROGRESS_FAILING_BACK), 10);
	CHECK_INT(sync_state(SNAPSHOT, unsynced, DM_REPLICA_PROGRESS_RESTORING), 10);
	CHECK_INT(sync_state(CLONE, unsynced, DM_REPLICA_PROGRESS_SYNCHRONIZING), 15);
	/* In step, whatever there is still to be done. */
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SYNCHRONIZED,
			     DM_REPLICA_PROGRESS_FAILING_BACK), 6);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SYNCHRONIZED,
			     DM_REPLICA_PROGRESS_PENDING), 6);
	CHECK_INT(sync_state(MIRROR, DM_REPLICA_STATE_SYNCHRONIZED,
			     DM_REPLICA_PROGRESS_DORMANT), 6);
}

static void one_instant(void)
{
	CHECK_INT(sync_state(CLONE, DM_REPLICA_STATE_SYNCHRONIZED, 2), 14);
	CHECK_INT(sync_state(SNAPSHOT, DM_REPLICA_STATE_SYNCHRONIZED, 2), 11);
	CHECK_INT(sync_state(TOKEN, DM_REPLICA_STATE_SYNCHRONIZED, 2), 11);
	CHECK_INT(sync_state(CLONE, DM_REPLICA_STATE_SUSPENDED, 25), 9);
	CHECK_INT(sync_state(CLONE, DM_REPLICA_STATE_BROKEN, 20), 12);
	CHECK_INT(sync_state(SNAPSHOT, DM_REPLICA_STATE_BROKEN, 3), 12);
	CHECK_INT(sync_state(TOKEN, DM_REPLICA_STATE_BROKEN, 3), 12);
}

/* By CIM it is true of SyncState 6, and here of no other. */
static void maintained_of(uint32_t kind, uint32_t state)
{
	struct replica_info info;
	unsigned int step;
	const char *name;

	for (size_t i = 0; !replica_enum_entry(REPLICA_ENUM_PROGRESS, i, &step, &name); i++) {
		info = info_of(kind, state, step);
		CHECK_INT(info.sync_maintained,
			  kind == MIRROR && state == DM_REPLICA_STATE_SYNCHRONIZED);
		CHECK_INT(info.sync_maintained, info.sync_state == 6);
		CHECK(!info.sync_state ||
		      replica_enum_has(REPLICA_ENUM_SYNC_STATE, info.sync_state));
	}
}

static void maintained(void)
{
	unsigned int state;
	const char *name;

	for (size_t k = 0; k < KTAP_COUNT(kinds); k++)
		for (size_t i = 0; !replica_enum_entry(REPLICA_ENUM_COPY_STATE, i, &state, &name);
		     i++)
			maintained_of(kinds[k], state);
}

static void types_and_times(void)
{
	static const struct {
		uint32_t kind;
		uint32_t type;
		uint64_t activated;
	} cases[] = {
		{ MIRROR, 2, 0 }, { CLONE, 2, ESTABLISHED },
		{ SNAPSHOT, 4, ESTABLISHED }, { TOKEN, 4, ESTABLISHED },
	};
	struct replica_info info;

	for (size_t i = 0; i < KTAP_COUNT(cases); i++) {
		info = info_of(cases[i].kind, DM_REPLICA_STATE_SYNCHRONIZED, 2);
		CHECK_INT(info.replica_type, cases[i].type);
		CHECK_INT(info.when_activated, cases[i].activated);
	}
	/* Nobody has kept when it was taken. */
	info = (struct replica_info){ .sync_type = SNAPSHOT, .when_activated = 77 };
	replica_info_associate(&info);
	CHECK_INT(info.when_activated, 0);
	CHECK_STR(replica_enum_name(REPLICA_ENUM_REPLICA_TYPE, 2), "Full Copy");
	CHECK_STR(replica_enum_name(REPLICA_ENUM_REPLICA_TYPE, 4), "After Delta");
}

static void names(void)
{
	static const struct {
		unsigned int value;
		const char *name;
	} cases[] = {
		{ 2, "Initialized" }, { 4, "Prepared" }, { 5, "ResyncInProgress" },
		{ 6, "Synchronized" }, { 9, "Quiesced" }, { 10, "RestoreInProgress" },
		{ 11, "Idle" }, { 12, "Broken" }, { 13, "Fractured" }, { 14, "Frozen" },
		{ 15, "CopyInProgress" },
	};

	for (size_t i = 0; i < KTAP_COUNT(cases); i++)
		CHECK_STR(replica_enum_name(REPLICA_ENUM_SYNC_STATE, cases[i].value),
			  cases[i].name);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(mirror), T(none), T(progress), T(one_instant), T(maintained),
		T(types_and_times), T(names),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
