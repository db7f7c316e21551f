// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The association as MSFT_SMStorageSynchronizedBase sees it, by what is known of a replica.
 * SyncState is older than CopyState and has fewer values: where none of them is true, there
 * is none.
 */
#include "info.h"

static bool is_mirror(const struct replica_info *info)
{
	return info->sync_type == REPLICA_SYNC_TYPE_MIRROR;
}

static bool is_clone(const struct replica_info *info)
{
	return info->sync_type == REPLICA_SYNC_TYPE_CLONE;
}

/* A copy that waits, or that nobody has ordered, is not in progress. */
static uint32_t copying_state(const struct replica_info *info)
{
	switch (info->progress_status) {
	case DM_REPLICA_PROGRESS_SYNCHRONIZING:
	case DM_REPLICA_PROGRESS_RESYNCING:
		return is_clone(info) ? REPLICA_SYNC_STATE_COPY : REPLICA_SYNC_STATE_RESYNC;
	case DM_REPLICA_PROGRESS_RESTORING:
	case DM_REPLICA_PROGRESS_FAILING_BACK:
		return REPLICA_SYNC_STATE_RESTORE;
	default:
		return REPLICA_SYNC_STATE_NONE;
	}
}

/* CIM has Synchronized for what is kept in step alone, which a copy of one instant is not. */
static uint32_t complete_state(const struct replica_info *info)
{
	if (is_mirror(info))
		return REPLICA_SYNC_STATE_SYNCHRONIZED;
	return is_clone(info) ? REPLICA_SYNC_STATE_FROZEN : REPLICA_SYNC_STATE_IDLE;
}

static uint32_t sync_state(const struct replica_info *info)
{
	switch (info->copy_state) {
	case DM_REPLICA_STATE_INITIALIZED:
		return REPLICA_SYNC_STATE_INITIALIZED;
	case DM_REPLICA_STATE_UNSYNCHRONIZED:
		return copying_state(info);
	case DM_REPLICA_STATE_SYNCHRONIZED:
		return complete_state(info);
	case DM_REPLICA_STATE_BROKEN:
		return REPLICA_SYNC_STATE_BROKEN;
	case DM_REPLICA_STATE_FRACTURED:
	case DM_REPLICA_STATE_SPLIT:
		return REPLICA_SYNC_STATE_FRACTURED;
	case DM_REPLICA_STATE_INACTIVE:
	case DM_REPLICA_STATE_SUSPENDED:
		return REPLICA_SYNC_STATE_QUIESCED;
	case DM_REPLICA_STATE_PREPARED:
		return REPLICA_SYNC_STATE_PREPARED;
	default:
		/* Failedover, Aborted, Skewed. */
		return REPLICA_SYNC_STATE_NONE;
	}
}

/*
 * The instant of a clone or a token is that in which the association began; of a snapshot
 * nobody keeps it, nor when a mirror was activated or resumed last.
 */
void replica_info_associate(struct replica_info *info)
{
	info->sync_state = sync_state(info);
	info->sync_maintained = info->sync_state == REPLICA_SYNC_STATE_SYNCHRONIZED;
	info->replica_type = is_mirror(info) || is_clone(info) ? REPLICA_TYPE_FULL_COPY :
								REPLICA_TYPE_AFTER_DELTA;
	info->when_activated = is_mirror(info) ? 0 : info->when_established;
}
