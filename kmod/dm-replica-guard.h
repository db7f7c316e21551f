/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands between a resync and a replica that is a consistent copy.  Pure: facts in,
 * decision out; dm-replica-protect.h has the idea.
 */
#ifndef DM_REPLICA_GUARD_H
#define DM_REPLICA_GUARD_H

#include <linux/types.h>

enum replica_guard {
	REPLICA_GUARD_OPEN,
	REPLICA_GUARD_WAITS,	/* for the snapshot of the replica */
	REPLICA_GUARD_TEARS,	/* for the superblock, which says that the replica is whole */
	REPLICA_GUARD_PASSES,	/* for its second start */
};

/**
 * struct replica_guard_facts - what a decision is made of
 * @whole: the replica is a copy of one moment
 * @protects: the setting protect is snapshot
 * @forgoes: whoever orders the resync goes on without
 * @logged: the superblock on the device may say that it is whole
 */
struct replica_guard_facts {
	bool whole;
	bool protects;
	bool forgoes;
	bool logged;
};

/* A resync is to begin, or is ordered once more: what the guard is from then on. */
static inline unsigned int replica_guard_next(unsigned int guard,
					      const struct replica_guard_facts *facts)
{
	switch (guard) {
	case REPLICA_GUARD_WAITS:
		return facts->forgoes ? REPLICA_GUARD_TEARS : REPLICA_GUARD_WAITS;
	case REPLICA_GUARD_TEARS:
		return REPLICA_GUARD_TEARS;
	case REPLICA_GUARD_PASSES:
		return REPLICA_GUARD_OPEN;
	default:
		break;
	}
	if (!facts->whole)
		return REPLICA_GUARD_OPEN;
	if (facts->protects && !facts->forgoes)
		return REPLICA_GUARD_WAITS;
	return facts->logged ? REPLICA_GUARD_TEARS : REPLICA_GUARD_OPEN;
}

/*
 * Is a superblock to say that the replica is whole?  Before a resync that is to be taken back,
 * for which it has to wait; so where nothing is protected it is said at the end in order alone,
 * which the first superblock after that takes back anyway.
 */
static inline bool replica_guard_logs(unsigned int guard,
				      const struct replica_guard_facts *facts, bool clean)
{
	return facts->whole && guard < REPLICA_GUARD_TEARS && (facts->protects || clean);
}

#endif /* DM_REPLICA_GUARD_H */
