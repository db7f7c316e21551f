// SPDX-License-Identifier: LGPL-2.1-or-later
/* When a wait for a state is over, in particular that for the end of a failback. */
#include "info.h"
#include "ktap.h"

static bool reached(uint32_t copy_state, uint32_t progress, uint32_t wanted, bool was)
{
	const struct replica_info info = {
		.copy_state = copy_state, .progress_status = progress,
	};

	return replica_wait_reached(&info, wanted, was);
}

static void states(void)
{
	const uint32_t synced = DM_REPLICA_STATE_SYNCHRONIZED, split = DM_REPLICA_STATE_SPLIT;

	CHECK(reached(synced, DM_REPLICA_PROGRESS_COMPLETED, synced, false));
	CHECK(reached(synced, DM_REPLICA_PROGRESS_PENDING, synced, false));
	CHECK(!reached(split, DM_REPLICA_PROGRESS_REQUIRES_RESYNC, synced, false));
	/* Shortly: an event told of it. */
	CHECK(reached(split, DM_REPLICA_PROGRESS_REQUIRES_RESYNC, synced, true));
	CHECK(reached(split, DM_REPLICA_PROGRESS_REQUIRES_RESYNC, split, false));
}

/* The event of the state comes before the legs have their places back. */
static void failback(void)
{
	const uint32_t synced = DM_REPLICA_STATE_SYNCHRONIZED;
	const uint32_t unsynced = DM_REPLICA_STATE_UNSYNCHRONIZED;

	CHECK(!reached(unsynced, DM_REPLICA_PROGRESS_FAILING_BACK, synced, false));
	CHECK(!reached(synced, DM_REPLICA_PROGRESS_FAILING_BACK, synced, false));
	CHECK(!reached(synced, DM_REPLICA_PROGRESS_FAILING_BACK, synced, true));
	CHECK(reached(synced, DM_REPLICA_PROGRESS_COMPLETED, synced, false));
	/* Who waits for another state has nothing to do with that. */
	CHECK(reached(unsynced, DM_REPLICA_PROGRESS_FAILING_BACK, unsynced, false));
	CHECK(reached(synced, DM_REPLICA_PROGRESS_FAILING_BACK, unsynced, true));
}

int main(void)
{
	static const struct ktap_test tests[] = { T(states), T(failback) };

	return ktap_run(tests, KTAP_COUNT(tests));
}
