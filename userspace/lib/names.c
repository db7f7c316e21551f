// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of numbers: one table per enumeration, with the words of CIM, or with
 * the words of the table line where that has some.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "replica-private.h"

struct name {
	unsigned int value;
	const char *name;
	const char *alias;		/* accepted, never shown */
};

static const struct name copy_states[] = {
	{ DM_REPLICA_STATE_INITIALIZED, "Initialized", NULL },
	{ DM_REPLICA_STATE_UNSYNCHRONIZED, "Unsynchronized", NULL },
	{ DM_REPLICA_STATE_SYNCHRONIZED, "Synchronized", NULL },
	{ DM_REPLICA_STATE_BROKEN, "Broken", NULL },
	{ DM_REPLICA_STATE_FRACTURED, "Fractured", NULL },
	{ DM_REPLICA_STATE_SPLIT, "Split", NULL },
	{ DM_REPLICA_STATE_INACTIVE, "Inactive", NULL },
	{ DM_REPLICA_STATE_SUSPENDED, "Suspended", NULL },
	{ DM_REPLICA_STATE_FAILEDOVER, "Failedover", NULL },
	{ DM_REPLICA_STATE_PREPARED, "Prepared", NULL },
	{ DM_REPLICA_STATE_ABORTED, "Aborted", NULL },
	{ DM_REPLICA_STATE_SKEWED, "Skewed", NULL },
	{ DM_REPLICA_STATE_NOT_APPLICABLE, "Not Applicable", NULL },
};

static_assert(ARRAY_SIZE(copy_states) == 13, "enum dm_replica_copy_state");

static const struct name progress[] = {
	{ DM_REPLICA_PROGRESS_COMPLETED, "Completed", NULL },
	{ DM_REPLICA_PROGRESS_DORMANT, "Dormant", NULL },
	{ DM_REPLICA_PROGRESS_INITIALIZING, "Initializing", NULL },
	{ DM_REPLICA_PROGRESS_SYNCHRONIZING, "Synchronizing", NULL },
	{ DM_REPLICA_PROGRESS_RESYNCING, "Resyncing", NULL },
	{ DM_REPLICA_PROGRESS_RESTORING, "Restoring", NULL },
	{ DM_REPLICA_PROGRESS_SPLITTING, "Splitting", NULL },
	{ DM_REPLICA_PROGRESS_FAILING_BACK, "Failing Back", NULL },
	{ DM_REPLICA_PROGRESS_REQUIRES_RESYNC, "Requires Resync", NULL },
	{ DM_REPLICA_PROGRESS_REQUIRES_ACTIVATE, "Requires Activate", NULL },
	{ DM_REPLICA_PROGRESS_PENDING, "Pending", NULL },
	{ DM_REPLICA_PROGRESS_REQUIRES_DETACH, "Requires Detach", NULL },
	{ DM_REPLICA_PROGRESS_REQUIRES_RESUME, "Requires Resume", NULL },
};

static_assert(ARRAY_SIZE(progress) == 13, "enum dm_replica_progress");

static const struct name modes[] = {
	{ DM_REPLICA_MODE_SYNC, "sync", "Synchronous" },
	{ DM_REPLICA_MODE_ASYNC, "async", "Asynchronous" },
	{ DM_REPLICA_MODE_ADAPTIVE, "adaptive", NULL },
};

static_assert(ARRAY_SIZE(modes) == 3, "enum dm_replica_mode");

static const struct name sync_types[] = {
	{ REPLICA_SYNC_TYPE_MIRROR, "mirror", NULL },
	{ REPLICA_SYNC_TYPE_SNAPSHOT, "snapshot", NULL },
	{ REPLICA_SYNC_TYPE_CLONE, "clone", NULL },
	{ REPLICA_SYNC_TYPE_TOKENIZED_CLONE, "tokenized-clone", NULL },
};

static_assert(ARRAY_SIZE(sync_types) == 4, "enum replica_sync_type");

static const struct name copy_types[] = {
	{ REPLICA_COPY_TYPE_ASYNC, "Async", NULL },
	{ REPLICA_COPY_TYPE_SYNC, "Sync", NULL },
	{ REPLICA_COPY_TYPE_UNSYNC_ASSOC, "UnSyncAssoc", NULL },
	{ REPLICA_COPY_TYPE_UNSYNC_UNASSOC, "UnSyncUnAssoc", NULL },
};

static_assert(ARRAY_SIZE(copy_types) == 4, "enum replica_copy_type");

static const struct name sync_states[] = {
	{ REPLICA_SYNC_STATE_INITIALIZED, "Initialized", NULL },
	{ REPLICA_SYNC_STATE_PREPARED, "Prepared", NULL },
	{ REPLICA_SYNC_STATE_RESYNC, "ResyncInProgress", NULL },
	{ REPLICA_SYNC_STATE_SYNCHRONIZED, "Synchronized", NULL },
	{ REPLICA_SYNC_STATE_QUIESCED, "Quiesced", NULL },
	{ REPLICA_SYNC_STATE_RESTORE, "RestoreInProgress", NULL },
	{ REPLICA_SYNC_STATE_IDLE, "Idle", NULL },
	{ REPLICA_SYNC_STATE_BROKEN, "Broken", NULL },
	{ REPLICA_SYNC_STATE_FRACTURED, "Fractured", NULL },
	{ REPLICA_SYNC_STATE_FROZEN, "Frozen", NULL },
	{ REPLICA_SYNC_STATE_COPY, "CopyInProgress", NULL },
};

static_assert(ARRAY_SIZE(sync_states) == 11, "enum replica_sync_state");

static const struct name replica_types[] = {
	{ REPLICA_TYPE_FULL_COPY, "Full Copy", NULL },
	{ REPLICA_TYPE_AFTER_DELTA, "After Delta", NULL },
};

static_assert(ARRAY_SIZE(replica_types) == 2, "enum replica_type");

static const struct name operations[] = {
	{ DM_REPLICA_OP_ABORT, "Abort", NULL },
	{ DM_REPLICA_OP_ACTIVATE, "Activate", NULL },
	{ DM_REPLICA_OP_DEACTIVATE, "Deactivate", NULL },
	{ DM_REPLICA_OP_FAILOVER, "Failover", NULL },
	{ DM_REPLICA_OP_FAILBACK, "Failback", NULL },
	{ DM_REPLICA_OP_FRACTURE, "Fracture", NULL },
	{ DM_REPLICA_OP_RESYNC, "Resync", "Resync Replica" },
	{ DM_REPLICA_OP_RESTORE, "Restore From Replica", "Restore" },
	{ DM_REPLICA_OP_RESUME, "Resume", NULL },
	{ DM_REPLICA_OP_RESET_TO_SYNC, "Reset To Sync", NULL },
	{ DM_REPLICA_OP_RESET_TO_ASYNC, "Reset To Async", NULL },
	{ DM_REPLICA_OP_REVERSE_ROLES, "Reverse Roles", "Reverse" },
	{ DM_REPLICA_OP_SPLIT, "Split", NULL },
	{ DM_REPLICA_OP_SUSPEND, "Suspend", NULL },
	{ DM_REPLICA_OP_PREPARE, "Prepare", NULL },
	{ DM_REPLICA_OP_RESET_TO_ADAPTIVE, "Reset To Adaptive", NULL },
	{ REPLICA_OP_DETACH, "Detach", NULL },
	{ REPLICA_OP_DISSOLVE, "Dissolve", NULL },
	{ REPLICA_OP_RETURN_TO_POOL, "Return To ResourcePool", "Return To Pool" },
};

static_assert(ARRAY_SIZE(operations) == 16 + 3, "enum dm_replica_operation, REPLICA_OP_*");

static const struct name job_types[] = {
	{ DM_REPLICA_JOB_INITIAL_COPY, "Initial Copy", NULL },
	{ DM_REPLICA_JOB_RESYNC, "Resync", NULL },
	{ DM_REPLICA_JOB_VERIFY, "Verify", NULL },
	{ DM_REPLICA_JOB_CLONE, "Clone", NULL },
	{ DM_REPLICA_JOB_RESTORE, "Restore", NULL },
	{ DM_REPLICA_JOB_FAILBACK, "Failback", NULL },
	{ DM_REPLICA_JOB_DELTA, "Delta-Update", NULL },
};

static_assert(ARRAY_SIZE(job_types) == DM_REPLICA_JOB_DELTA, "enum dm_replica_job_type");

static const struct name job_states[] = {
	{ DM_REPLICA_JOB_NEW, "New", NULL },
	{ DM_REPLICA_JOB_STARTING, "Starting", NULL },
	{ DM_REPLICA_JOB_RUNNING, "Running", NULL },
	{ DM_REPLICA_JOB_SUSPENDED, "Suspended", NULL },
	{ DM_REPLICA_JOB_SHUTTING_DOWN, "Shutting Down", NULL },
	{ DM_REPLICA_JOB_COMPLETED, "Completed", NULL },
	{ DM_REPLICA_JOB_TERMINATED, "Terminated", NULL },
	{ DM_REPLICA_JOB_KILLED, "Killed", NULL },
	{ DM_REPLICA_JOB_EXCEPTION, "Exception", NULL },
};

static_assert(ARRAY_SIZE(job_states) == 9, "enum dm_replica_job_state");

static const struct name event_types[] = {
	{ DM_REPLICA_EVENT_ADDED, "Added", NULL },
	{ DM_REPLICA_EVENT_REMOVED, "Removed", NULL },
	{ DM_REPLICA_EVENT_STATE, "State", NULL },
	{ DM_REPLICA_EVENT_JOB, "Job", NULL },
	{ DM_REPLICA_EVENT_SETTINGS, "Settings", NULL },
	{ DM_REPLICA_EVENT_REPLICA_ERROR, "Replica Error", NULL },
	{ DM_REPLICA_EVENT_ORIGIN_ERROR, "Origin Error", NULL },
	{ DM_REPLICA_EVENT_READ_FAILOVER, "Read Failover", NULL },
	{ DM_REPLICA_EVENT_META_ERROR, "Meta Error", NULL },
	{ DM_REPLICA_EVENT_META_BACK, "Meta Back", NULL },
	{ DM_REPLICA_EVENT_MODE, "Mode", NULL },
	{ DM_REPLICA_EVENT_RPO, "RPO", NULL },
	{ DM_REPLICA_EVENT_ROLES, "Roles", NULL },
	{ DM_REPLICA_EVENT_PROTECT, "Protect", NULL },
	{ REPLICA_EVENT_SNAPSHOT, "Snapshot", NULL },
	{ REPLICA_EVENT_LOST, "Lost", NULL },
	{ REPLICA_EVENT_STORE, "Store", NULL },
};

static_assert(ARRAY_SIZE(event_types) == DM_REPLICA_EVENT_PROTECT + 3,
	      "enum dm_replica_event_type and enum replica_event_type");

static const struct name payloads[] = {
	{ DM_REPLICA_PAYLOAD_COPY, "copy", NULL },
	{ DM_REPLICA_PAYLOAD_SHARED, "shared", NULL },
};

static_assert(ARRAY_SIZE(payloads) == DM_REPLICA_PAYLOAD_SHARED, "enum dm_replica_payload");

static const struct name on_errors[] = {
	{ DM_REPLICA_ON_ERROR_TRACK, "track", NULL },
	{ DM_REPLICA_ON_ERROR_STOP, "stop", NULL },
};

static_assert(ARRAY_SIZE(on_errors) == DM_REPLICA_ON_ERROR_STOP, "enum dm_replica_on_error");

static const struct name recoveries[] = {
	{ DM_REPLICA_RECOVERY_AUTOMATIC, "automatic", NULL },
	{ DM_REPLICA_RECOVERY_MANUAL, "manual", NULL },
};

static_assert(ARRAY_SIZE(recoveries) == 2, "enum dm_replica_recovery");

static const struct name replication_types[] = {
	{ 2, "Synchronous Mirror Local", NULL },
	{ 3, "Asynchronous Mirror Local", NULL },
	{ 4, "Synchronous Mirror Remote", NULL },
	{ 5, "Asynchronous Mirror Remote", NULL },
	{ 6, "Synchronous Snapshot Local", NULL },
	{ 7, "Asynchronous Snapshot Local", NULL },
	{ 8, "Synchronous Snapshot Remote", NULL },
	{ 9, "Asynchronous Snapshot Remote", NULL },
	{ 10, "Synchronous Clone Local", NULL },
	{ 11, "Asynchronous Clone Local", NULL },
	{ 12, "Synchronous Clone Remote", NULL },
	{ 13, "Asynchronous Clone Remote", NULL },
	{ 14, "Synchronous TokenizedClone Local", NULL },
	{ 15, "Asynchronous TokenizedClone Local", NULL },
	{ 16, "Synchronous TokenizedClone Remote", NULL },
	{ 17, "Asynchronous TokenizedClone Remote", NULL },
	{ 18, "Adaptive Mirror Local", NULL },
	{ 19, "Adaptive Mirror Remote", NULL },
	{ 20, "Adaptive Snapshot Local", NULL },
	{ 21, "Adaptive Snapshot Remote", NULL },
	{ 22, "Adaptive Clone Local", NULL },
	{ 23, "Adaptive Clone Remote", NULL },
	{ 24, "Adaptive TokenizedClone Local", NULL },
	{ 25, "Adaptive TokenizedClone Remote", NULL },
};

static_assert(ARRAY_SIZE(replication_types) == 24, "SupportedReplicationTypes");

static const struct name severities[] = {
	{ REPLICA_SEVERITY_INFO, "info", NULL },
	{ REPLICA_SEVERITY_WARNING, "warning", NULL },
	{ REPLICA_SEVERITY_ERROR, "error", NULL },
};

static_assert(ARRAY_SIZE(severities) == 3, "enum replica_severity");

static const struct name checks[] = {
	{ REPLICA_CHECK_NOT_FOUND, "not-found", NULL },
	{ REPLICA_CHECK_NOT_BLOCK, "not-a-block-device", NULL },
	{ REPLICA_CHECK_SAME_DEVICE, "same-device", NULL },
	{ REPLICA_CHECK_OVERLAP, "overlap", NULL },
	{ REPLICA_CHECK_TOO_SMALL, "too-small", NULL },
	{ REPLICA_CHECK_EMPTY, "empty", NULL },
	{ REPLICA_CHECK_READ_ONLY, "read-only", NULL },
	{ REPLICA_CHECK_MOUNTED, "mounted", NULL },
	{ REPLICA_CHECK_SWAP, "swap", NULL },
	{ REPLICA_CHECK_HOLDERS, "holders", NULL },
	{ REPLICA_CHECK_OPEN, "open", NULL },
	{ REPLICA_CHECK_SIGNATURE, "signature", NULL },
	{ REPLICA_CHECK_IN_REPLICA, "in-replica", NULL },
	{ REPLICA_CHECK_NAME_TAKEN, "name-taken", NULL },
	{ REPLICA_CHECK_NAME_BAD, "name-bad", NULL },
	{ REPLICA_CHECK_BLOCK_SIZE, "block-size", NULL },
	{ REPLICA_CHECK_LARGER, "larger", NULL },
	{ REPLICA_CHECK_PERMISSION, "permission", NULL },
	{ REPLICA_CHECK_MODULE, "module", NULL },
	{ REPLICA_CHECK_POOL_IGNORED, "pool-ignored", NULL },
	{ REPLICA_CHECK_HAS_LOG, "has-log", NULL },
	{ REPLICA_CHECK_SHRINK, "shrink", NULL },
	{ REPLICA_CHECK_ALIGNMENT, "alignment", NULL },
	{ REPLICA_CHECK_SUSPENDED, "suspended", NULL },
	{ REPLICA_CHECK_ATTACH, "attach", NULL },
	{ REPLICA_CHECK_OFFLOAD, "offload", NULL },
	{ REPLICA_CHECK_NO_OFFLOAD, "no-offload", NULL },
};

static_assert(ARRAY_SIZE(checks) == REPLICA_CHECK_NO_OFFLOAD, "enum replica_check_code");

static const struct name discards[] = {
	{ REPLICA_DISCARD_ZERO, "zero", NULL },
	{ REPLICA_DISCARD_PASSDOWN, "passdown", NULL },
	{ REPLICA_DISCARD_OFF, "off", NULL },
};

static_assert(ARRAY_SIZE(discards) == REPLICA_DISCARD_OFF, "enum replica_discard");

static const struct name on_meta_errors[] = {
	{ DM_REPLICA_ON_META_CONTINUE, "continue", NULL },
	{ DM_REPLICA_ON_META_STOP, "stop", NULL },
};

static_assert(ARRAY_SIZE(on_meta_errors) == DM_REPLICA_ON_META_STOP,
	      "enum dm_replica_on_meta_error");

static const struct name overflows[] = {
	{ DM_REPLICA_OVERFLOW_BLOCK, "block", NULL },
	{ DM_REPLICA_OVERFLOW_TRACK, "track", NULL },
	{ DM_REPLICA_OVERFLOW_FAIL, "fail", NULL },
};

static_assert(ARRAY_SIZE(overflows) == DM_REPLICA_OVERFLOW_FAIL, "enum dm_replica_overflow");

static const struct name meta_verdicts[] = {
	{ REPLICA_META_GOOD, "good", NULL },
	{ REPLICA_META_EMPTY, "empty", NULL },
	{ REPLICA_META_FOREIGN, "foreign", NULL },
	{ REPLICA_META_DAMAGED, "damaged", NULL },
	{ REPLICA_META_VERSION, "newer format", NULL },
	{ REPLICA_META_FEATURE, "unknown feature", NULL },
	{ REPLICA_META_NONSENSE, "nonsense", NULL },
};

static_assert(ARRAY_SIZE(meta_verdicts) == REPLICA_META_NONSENSE + 1,
	      "enum replica_meta_verdict");

static const struct name meta_faults[] = {
	{ REPLICA_META_FAULT_SUPERBLOCK, "superblock", NULL },
	{ REPLICA_META_FAULT_COPIES, "copies differ", NULL },
	{ REPLICA_META_FAULT_SIZE, "device too small", NULL },
	{ REPLICA_META_FAULT_INTENTS, "intents", NULL },
	{ REPLICA_META_FAULT_BITMAP, "bitmap", NULL },
};

static_assert(ARRAY_SIZE(meta_faults) == REPLICA_META_FAULT_BITMAP,
	      "enum replica_meta_fault_code");

static const struct name meta_fits[] = {
	{ REPLICA_FIT_UNKNOWN, "unknown", NULL },
	{ REPLICA_FIT_SAME, "same", NULL },
	{ REPLICA_FIT_OLD_REPLICA, "old replica", NULL },
	{ REPLICA_FIT_DAMAGED, "damaged label", NULL },
	{ REPLICA_FIT_OLD_META, "old log", NULL },
	{ REPLICA_FIT_DIVERGED, "diverged", NULL },
	{ REPLICA_FIT_STRANGER, "stranger", NULL },
	{ REPLICA_FIT_LOST, "lost label", NULL },
	{ REPLICA_FIT_SWAPPED, "swapped", NULL },
};

static_assert(ARRAY_SIZE(meta_fits) == REPLICA_FIT_SWAPPED + 1, "enum replica_meta_fit");

static const struct name copy_priorities[] = {
	{ DM_REPLICA_PRIORITY_UNMANAGED, "unmanaged", "Not Managed" },
	{ DM_REPLICA_PRIORITY_LOW, "low", NULL },
	{ DM_REPLICA_PRIORITY_SAME, "same", NULL },
	{ DM_REPLICA_PRIORITY_HIGH, "high", NULL },
	{ DM_REPLICA_PRIORITY_URGENT, "urgent", NULL },
};

static_assert(ARRAY_SIZE(copy_priorities) == DM_REPLICA_PRIORITY_URGENT + 1,
	      "enum dm_replica_copy_priority");

static const struct name protections[] = {
	{ DM_REPLICA_PROTECT_NONE, "none", NULL },
	{ DM_REPLICA_PROTECT_SNAPSHOT, "snapshot", NULL },
};

static_assert(ARRAY_SIZE(protections) == DM_REPLICA_PROTECT_SNAPSHOT, "enum dm_replica_protect");

static const struct name methodologies[] = {
	{ REPLICA_METHODOLOGY_OTHER, "Other", NULL },
	{ REPLICA_METHODOLOGY_ANY, "Implementation decides", NULL },
	{ REPLICA_METHODOLOGY_FULL, "Full-Copy", NULL },
	{ REPLICA_METHODOLOGY_INCREMENTAL, "Incremental-Copy", NULL },
	{ REPLICA_METHODOLOGY_DIFFERENTIAL, "Differential-Copy", NULL },
	{ REPLICA_METHODOLOGY_COPY_ON_WRITE, "Copy-On-Write", NULL },
	{ REPLICA_METHODOLOGY_COPY_ON_ACCESS, "Copy-On-Access", NULL },
	{ REPLICA_METHODOLOGY_DELTA_UPDATE, "Delta-Update", NULL },
	{ REPLICA_METHODOLOGY_SNAP_AND_CLONE, "Snap-And-Clone", NULL },
	{ REPLICA_METHODOLOGY_BEFORE_ACTIVATION, "Copy-Before-Activation", NULL },
	{ REPLICA_METHODOLOGY_REDIRECT_ON_WRITE, "Redirect-On-Write", NULL },
};

static_assert(ARRAY_SIZE(methodologies) == REPLICA_METHODOLOGY_REDIRECT_ON_WRITE,
	      "enum replica_methodology");

static const struct name features[] = {
	{ REPLICA_FEATURE_SUSPENDS_SOURCE, "Service suspends source I/O when necessary", NULL },
	{ REPLICA_FEATURE_ANY_POOL, "Targets allocated from Any storage pool", NULL },
	{ REPLICA_FEATURE_RECOVERS_FROM_BROKEN, "Error recovery from Broken state Automatic",
	  NULL },
	{ REPLICA_FEATURE_REMAINS_ASSOCIATED, "Target must remain associated to source", NULL },
	{ REPLICA_FEATURE_CLONE_DETACHES, "Synchronized clone target detaches automatically",
	  NULL },
	{ REPLICA_FEATURE_COPY_PRIORITY, "Adjustable CopyPriority", NULL },
	{ REPLICA_FEATURE_REVERSED_IN_STEP,
	  "Reverse Roles operation requires Synchronized state", NULL },
	{ REPLICA_FEATURE_ELEMENT_NAME, "Client can supply target ElementName", NULL },
	{ REPLICA_FEATURE_REVERSED_AS_IT_IS,
	  "Reverse Roles operation does not change CopyState", NULL },
};

static_assert(ARRAY_SIZE(features) == 9, "enum replica_feature");

static const struct name offloads[] = {
	{ REPLICA_OFFLOAD_AUTO, "auto", NULL }, { REPLICA_OFFLOAD_NEVER, "never", NULL },
	{ REPLICA_OFFLOAD_MUST, "must", NULL },
};

static const struct name offload_states[] = {
	{ DM_REPLICA_OFFLOAD_AWAITED, "Awaited", NULL },
	{ DM_REPLICA_OFFLOAD_RUNNING, "Running", NULL },
	{ DM_REPLICA_OFFLOAD_OVER, "Over", NULL },
};

static const struct {
	const struct name *names;
	size_t count;
} tables[] = {
	[REPLICA_ENUM_COPY_STATE] = { copy_states, ARRAY_SIZE(copy_states) },
	[REPLICA_ENUM_PROGRESS] = { progress, ARRAY_SIZE(progress) },
	[REPLICA_ENUM_MODE] = { modes, ARRAY_SIZE(modes) },
	[REPLICA_ENUM_SYNC_TYPE] = { sync_types, ARRAY_SIZE(sync_types) },
	[REPLICA_ENUM_COPY_TYPE] = { copy_types, ARRAY_SIZE(copy_types) },
	[REPLICA_ENUM_OPERATION] = { operations, ARRAY_SIZE(operations) },
	[REPLICA_ENUM_JOB_TYPE] = { job_types, ARRAY_SIZE(job_types) },
	[REPLICA_ENUM_JOB_STATE] = { job_states, ARRAY_SIZE(job_states) },
	[REPLICA_ENUM_EVENT_TYPE] = { event_types, ARRAY_SIZE(event_types) },
	[REPLICA_ENUM_PAYLOAD] = { payloads, ARRAY_SIZE(payloads) },
	[REPLICA_ENUM_ON_ERROR] = { on_errors, ARRAY_SIZE(on_errors) },
	[REPLICA_ENUM_RECOVERY] = { recoveries, ARRAY_SIZE(recoveries) },
	[REPLICA_ENUM_REPLICATION_TYPE] = { replication_types, ARRAY_SIZE(replication_types) },
	[REPLICA_ENUM_SEVERITY] = { severities, ARRAY_SIZE(severities) },
	[REPLICA_ENUM_CHECK] = { checks, ARRAY_SIZE(checks) },
	[REPLICA_ENUM_DISCARD] = { discards, ARRAY_SIZE(discards) },
	[REPLICA_ENUM_ON_META_ERROR] = { on_meta_errors, ARRAY_SIZE(on_meta_errors) },
	[REPLICA_ENUM_OVERFLOW] = { overflows, ARRAY_SIZE(overflows) },
	[REPLICA_ENUM_META_VERDICT] = { meta_verdicts, ARRAY_SIZE(meta_verdicts) },
	[REPLICA_ENUM_META_FAULT] = { meta_faults, ARRAY_SIZE(meta_faults) },
	[REPLICA_ENUM_META_FIT] = { meta_fits, ARRAY_SIZE(meta_fits) },
	[REPLICA_ENUM_COPY_PRIORITY] = { copy_priorities, ARRAY_SIZE(copy_priorities) },
	[REPLICA_ENUM_METHODOLOGY] = { methodologies, ARRAY_SIZE(methodologies) },
	[REPLICA_ENUM_FEATURE] = { features, ARRAY_SIZE(features) },
	[REPLICA_ENUM_PROTECT] = { protections, ARRAY_SIZE(protections) },
	[REPLICA_ENUM_OFFLOAD] = { offloads, ARRAY_SIZE(offloads) },
	[REPLICA_ENUM_OFFLOAD_STATE] = { offload_states, ARRAY_SIZE(offload_states) },
	[REPLICA_ENUM_SYNC_STATE] = { sync_states, ARRAY_SIZE(sync_states) },
	[REPLICA_ENUM_REPLICA_TYPE] = { replica_types, ARRAY_SIZE(replica_types) },
};

static_assert(ARRAY_SIZE(tables) == REPLICA_ENUM_COUNT, "enum replica_enum");

EXPORT const char *replica_enum_name(enum replica_enum which, unsigned int value)
{
	if ((unsigned int)which >= ARRAY_SIZE(tables))
		return "Unknown";
	for (size_t i = 0; i < tables[which].count; i++)
		if (tables[which].names[i].value == value)
			return tables[which].names[i].name;
	return "Unknown";
}

bool replica_enum_has(enum replica_enum which, unsigned int value)
{
	for (size_t i = 0; i < tables[which].count; i++)
		if (tables[which].names[i].value == value)
			return true;
	return false;
}

EXPORT int replica_enum_value(enum replica_enum which, const char *name,
			      unsigned int *value)
{
	unsigned int number;

	if ((unsigned int)which >= ARRAY_SIZE(tables) || !name)
		return -ENOENT;
	number = replica_number_of(name);
	for (size_t i = 0; i < tables[which].count; i++) {
		const struct name *n = &tables[which].names[i];

		if (replica_same_words(name, n->name) || number == n->value ||
		    (n->alias && replica_same_words(name, n->alias))) {
			*value = n->value;
			return 0;
		}
	}
	return -ENOENT;
}

int replica_enum_exact(enum replica_enum which, const char *name,
		       unsigned int *value)
{
	for (size_t i = 0; i < tables[which].count; i++) {
		if (strcmp(name, tables[which].names[i].name) == 0) {
			*value = tables[which].names[i].value;
			return 0;
		}
	}
	return -ENOENT;
}

EXPORT int replica_enum_entry(enum replica_enum which, size_t index,
			      unsigned int *value, const char **name)
{
	if ((unsigned int)which >= ARRAY_SIZE(tables) ||
	    index >= tables[which].count)
		return -ENOENT;
	*value = tables[which].names[index].value;
	*name = tables[which].names[index].name;
	return 0;
}
