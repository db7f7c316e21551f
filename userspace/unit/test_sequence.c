// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "event.h"
#include "ktap.h"

static int event(struct replica_tracked **list, uint32_t type, uint32_t minor,
		 uint64_t seq)
{
	char name_a[] = "a", name_b[] = "b";
	const struct replica_event e = {
		.type = type, .seq = seq, .major = 253, .minor = minor,
		.name = minor == 1 ? name_a : name_b,
	};

	return replica_sequence_event(list, &e);
}

static void snapshot(struct replica_tracked **list, uint32_t minor, uint64_t seq)
{
	char name_a[] = "a", name_b[] = "b";
	const struct replica_info i = {
		.major = 253, .minor = minor, .event_seq = seq,
		.name = minor == 1 ? name_a : name_b,
	};

	CHECK_INT(replica_sequence_snapshot(list, &i), 0);
}

static void events_after_a_snapshot(void)
{
	struct replica_tracked *list = NULL;

	snapshot(&list, 1, 7);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 6), REPLICA_SEQUENCE_OLD);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 7), REPLICA_SEQUENCE_OLD);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 8), REPLICA_SEQUENCE_NEXT);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 8), REPLICA_SEQUENCE_OLD);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_STATE, 1, 9),
		  REPLICA_SEQUENCE_NEXT);
	replica_sequence_free(list);
}

static void gaps(void)
{
	struct replica_tracked *list = NULL;

	snapshot(&list, 1, 7);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 9), REPLICA_SEQUENCE_GAP);
	/* the gap stays until a snapshot closes it */
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 10), REPLICA_SEQUENCE_GAP);
	snapshot(&list, 1, 10);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_JOB, 1, 11), REPLICA_SEQUENCE_NEXT);
	replica_sequence_free(list);
}

static void devices_count_apart(void)
{
	struct replica_tracked *list = NULL;

	snapshot(&list, 1, 100);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_ADDED, 2, 1), REPLICA_SEQUENCE_NEW);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_STATE, 2, 2), REPLICA_SEQUENCE_NEXT);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_STATE, 1, 101),
		  REPLICA_SEQUENCE_NEXT);
	replica_sequence_free(list);
}

static void removed_and_made_anew(void)
{
	struct replica_tracked *list = NULL;

	snapshot(&list, 1, 50);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_REMOVED, 1, 51),
		  REPLICA_SEQUENCE_NEXT);
	CHECK(!list);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_ADDED, 1, 1), REPLICA_SEQUENCE_NEW);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_STATE, 1, 2), REPLICA_SEQUENCE_NEXT);
	/* an end of something that was never seen, or is said to be gone, says nothing */
	CHECK_INT(event(&list, DM_REPLICA_EVENT_REMOVED, 2, 9),
		  REPLICA_SEQUENCE_OLD);
	replica_sequence_forget(&list, 253, 1);
	CHECK(!list);
}

/* Read when it was about to be removed, and with another one in its place. */
static void removed_while_read(void)
{
	struct replica_tracked *list = NULL;

	snapshot(&list, 1, 51);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_STATE, 1, 51), REPLICA_SEQUENCE_OLD);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_REMOVED, 1, 51), REPLICA_SEQUENCE_NEXT);
	CHECK(!list);
	snapshot(&list, 1, 52);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_REMOVED, 1, 51), REPLICA_SEQUENCE_OLD);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_REMOVED, 1, 54), REPLICA_SEQUENCE_GAP);
	CHECK_INT(event(&list, DM_REPLICA_EVENT_REMOVED, 1, 53), REPLICA_SEQUENCE_NEXT);
	CHECK(!list);
}

static void sweep(void)
{
	struct replica_tracked *list = NULL, *gone;

	snapshot(&list, 1, 5);
	snapshot(&list, 2, 5);
	CHECK(!replica_sequence_unseen(&list));
	replica_sequence_clear_seen(list);
	snapshot(&list, 2, 6);
	gone = replica_sequence_unseen(&list);
	if (CHECK(gone))
		CHECK_STR(gone->name, "a");
	free(gone);
	CHECK(!replica_sequence_unseen(&list));
	replica_sequence_forget(&list, 1, 1);	/* unknown: nothing happens */
	CHECK(list && !list->next);
	replica_sequence_free(list);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(events_after_a_snapshot), T(gaps), T(devices_count_apart),
		T(removed_and_made_anew),
		T(removed_while_read), T(sweep),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
