// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The guard before a resync, kmod/dm-replica-guard.h: whatever happens in whichever order, no
 * byte is written to a whole replica without a snapshot or an order to go on without, and no
 * superblock that a power cut may leave says that a torn replica is whole.
 */
#include "dm-replica-guard.h"

#include "ktap.h"
#include "random.h"

/* As the module has them, and the device. */
static unsigned int guard;
static struct replica_guard_facts facts;
static bool disk;			/* the superblock on the device says that it is whole */
static bool writing, writes;		/* one is under way, and what it says */
static bool copying;			/* Unsynchronized, and the guard is open */
static bool torn;			/* what the replica really is */
static bool answered, forgone, unset;	/* what may have opened the guard */

static void power_on(void)
{
	guard = REPLICA_GUARD_OPEN;
	facts = (struct replica_guard_facts){ .whole = disk, .protects = facts.protects };
	facts.logged = disk;
	writing = false;
	copying = false;
	answered = false;
	forgone = false;
	unset = false;
}

static void begin_write(bool clean)
{
	if (writing)
		return;
	writing = true;
	writes = replica_guard_logs(guard, &facts, clean);
	facts.logged |= writes;
}

static void end_write(void)
{
	if (!writing)
		return;
	writing = false;
	disk = writes;
	facts.logged = writes;
}

/* What protect.c does when the superblock has been written. */
static void pass(void)
{
	if (guard == REPLICA_GUARD_TEARS && !writing && !facts.logged)
		guard = REPLICA_GUARD_PASSES;
}

static void enter_resync(bool force)
{
	bool whole = facts.whole;

	facts.forgoes = force;
	forgone |= force;
	/* What the setting is when it begins counts. */
	if (guard == REPLICA_GUARD_OPEN)
		unset |= !facts.protects;
	guard = replica_guard_next(guard, &facts);
	facts.forgoes = false;
	copying = guard == REPLICA_GUARD_OPEN;
	if (!copying)
		return;
	/* The first byte. */
	CHECK(!whole || !facts.protects || answered || forgone || unset);
	CHECK(!disk);
	CHECK(!(writing && writes));
	facts.whole = false;
	torn = true;
}

static void leave(bool in_step)
{
	guard = REPLICA_GUARD_OPEN;
	if (in_step && copying) {
		facts.whole = true;
		torn = false;
	}
	copying = false;
	answered = false;
	forgone = false;
	unset = false;
}

static void answer(void)
{
	if (guard != REPLICA_GUARD_WAITS)
		return;
	guard = REPLICA_GUARD_TEARS;
	answered = true;
}

static void set_protect(bool protects)
{
	facts.protects = protects;
	unset |= !protects;
	if (guard == REPLICA_GUARD_WAITS && !protects)
		guard = REPLICA_GUARD_TEARS;
}

static void step(void)
{
	switch (random_below(12)) {
	case 0:
		enter_resync(false);
		break;
	case 1:
		enter_resync(random_below(8) == 0);
		break;
	case 2:
		leave(true);
		break;
	case 3:
		leave(false);
		break;
	case 4:
		answer();
		break;
	case 5:
		if (random_below(4) == 0)
			set_protect(random_below(2));
		break;
	case 6:
		/* The end in order, and the first superblock after that. */
		if (!writing) {
			begin_write(true);
			end_write();
			power_on();
			begin_write(false);
			end_write();
		}
		break;
	case 7:
		/* A power cut leaves the old superblock, or the one that is under way. */
		if (random_below(3) == 0) {
			if (writing && random_below(2))
				disk = writes;
			power_on();
		}
		break;
	case 8:
		pass();
		break;
	default:
		if (writing)
			end_write();
		else
			begin_write(false);
	}
	CHECK(!facts.whole || !torn);
	CHECK(!disk || !torn);
	CHECK(!writing || !writes || !torn);
}

static void whatever_happens(void)
{
	disk = false;
	facts.protects = true;
	power_on();
	facts.whole = true;
	torn = false;
	for (int i = 0; i < 200000 && !ktap_failed; i++)
		step();
}

static unsigned int next_of(unsigned int from, bool whole, bool protects, bool forgoes,
			    bool logged)
{
	const struct replica_guard_facts now = {
		.whole = whole, .protects = protects, .forgoes = forgoes, .logged = logged,
	};

	return replica_guard_next(from, &now);
}

static void each_case(void)
{
	CHECK_INT(next_of(REPLICA_GUARD_OPEN, true, true, false, true), REPLICA_GUARD_WAITS);
	CHECK_INT(next_of(REPLICA_GUARD_OPEN, true, true, false, false), REPLICA_GUARD_WAITS);
	CHECK_INT(next_of(REPLICA_GUARD_OPEN, true, true, true, true), REPLICA_GUARD_TEARS);
	CHECK_INT(next_of(REPLICA_GUARD_OPEN, true, false, false, true), REPLICA_GUARD_TEARS);
	CHECK_INT(next_of(REPLICA_GUARD_OPEN, true, false, false, false), REPLICA_GUARD_OPEN);
	/* What is torn is not protected again. */
	CHECK_INT(next_of(REPLICA_GUARD_OPEN, false, true, false, true), REPLICA_GUARD_OPEN);
	/* An order that comes again changes nothing, but with force. */
	CHECK_INT(next_of(REPLICA_GUARD_WAITS, true, true, false, true), REPLICA_GUARD_WAITS);
	CHECK_INT(next_of(REPLICA_GUARD_WAITS, true, true, true, true), REPLICA_GUARD_TEARS);
	CHECK_INT(next_of(REPLICA_GUARD_TEARS, true, true, false, true), REPLICA_GUARD_TEARS);
	CHECK_INT(next_of(REPLICA_GUARD_PASSES, true, true, false, false), REPLICA_GUARD_OPEN);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(each_case), T(whatever_happens),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
