/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Return values, numbers and their names; part of libreplica.h, which says what
 * holds for all of it.
 */
#ifndef _REPLICA_VALUES_H
#define _REPLICA_VALUES_H

#include <stddef.h>

#include <linux/dm-replica.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------ */
/* Return values */

/* The list of CreateReplica, complete. */
enum replica_return {
	REPLICA_SUCCESS = 0,
	REPLICA_NOT_SUPPORTED = 1,
	REPLICA_UNSPECIFIED_ERROR = 2,
	REPLICA_TIMEOUT = 3,
	REPLICA_FAILED = 4,
	REPLICA_INVALID_PARAMETER = 5,
	REPLICA_NOT_FOUND = 8,
	REPLICA_JOB_STARTED = 4096,
	REPLICA_ACCESS_DENIED = 40001,
	REPLICA_NO_RESOURCES = 40002,
	REPLICA_CACHE_OUT_OF_DATE = 40003,
};

/*
 * SMErrorCode for "In Use", which CreateReplica's own list lacks: such a call
 * returns REPLICA_FAILED with this code in the error.  Any other SMErrorCode is
 * a positive errno, or 0 when no system call was at fault; ENXIO, which has the
 * same number, is given as ENODEV.
 */
#define REPLICA_SM_IN_USE	6

/* Name of a return value as Microsoft prints it, "Object Not Found". */
const char *replica_return_name(int ret);

/*
 * Exit status of a program for a return value: 0 for 0 and 4096; 1, 2, 3, 4, 5
 * and 8 for themselves; 11, 12, 13 for 40001, 40002, 40003.
 */
int replica_return_exit_status(int ret);

/* Return value for a positive or negative errno; 0 for 0. */
int replica_return_from_errno(int err);

/* ------------------------------------------------------------------------ */
/* Names of numbers */

enum replica_sync_type {
	REPLICA_SYNC_TYPE_MIRROR = 6,
	REPLICA_SYNC_TYPE_SNAPSHOT = 7,
	REPLICA_SYNC_TYPE_CLONE = 8,
	REPLICA_SYNC_TYPE_TOKENIZED_CLONE = 9,
};

/* CIM_Synchronized.CopyType: what becomes of the copy, and when it gets a write. */
enum replica_copy_type {
	REPLICA_COPY_TYPE_ASYNC = 2,
	REPLICA_COPY_TYPE_SYNC = 3,
	REPLICA_COPY_TYPE_UNSYNC_ASSOC = 4,	/* of one instant; the association stays */
	REPLICA_COPY_TYPE_UNSYNC_UNASSOC = 5,	/* of one instant; the association ends */
};

/* CIM_StorageSynchronized.SyncState: those of its values that there are here. */
enum replica_sync_state {
	REPLICA_SYNC_STATE_NONE,	/* none of CIM's says it: NULL */
	REPLICA_SYNC_STATE_INITIALIZED = 2,
	REPLICA_SYNC_STATE_PREPARED = 4,
	REPLICA_SYNC_STATE_RESYNC = 5,	/* in progress, or the first copy of a mirror */
	REPLICA_SYNC_STATE_SYNCHRONIZED = 6,	/* of a mirror; SyncMaintained is true */
	REPLICA_SYNC_STATE_QUIESCED = 9,
	REPLICA_SYNC_STATE_RESTORE = 10,	/* in progress, or a failback */
	REPLICA_SYNC_STATE_IDLE,	/* a snapshot, or a token */
	REPLICA_SYNC_STATE_BROKEN,
	REPLICA_SYNC_STATE_FRACTURED,
	REPLICA_SYNC_STATE_FROZEN,	/* a clone that is complete */
	REPLICA_SYNC_STATE_COPY,	/* in progress, of a clone */
};

/* CIM_StorageSynchronized.ReplicaType: how the copy is kept. */
enum replica_type {
	REPLICA_TYPE_FULL_COPY = 2,
	REPLICA_TYPE_AFTER_DELTA = 4,	/* as what differs from the source */
};

/* What became of the mapped device of a clone that has ended. */
enum replica_ended {
	REPLICA_ENDED_NOT,		/* it is a clone still */
	REPLICA_ENDED_REMOVED,		/* nobody had it open */
	REPLICA_ENDED_REPLACED,		/* it leads to the source, and to nothing else */
};

/* Event types of enum dm_replica_event_type, and those of the library. */
enum replica_event_type {
	REPLICA_EVENT_SNAPSHOT = 256,	/* the whole state of one replica, "info" */
	REPLICA_EVENT_LOST,		/* events were lost; the states follow */
	REPLICA_EVENT_STORE,		/* the store of a snapshot fills up, "reason" */
};

/*
 * What only the library does.  The numbers of operations are CIM's, as those of enum
 * dm_replica_operation.
 */
enum replica_operation {
	REPLICA_OP_DETACH = 8,
	REPLICA_OP_DISSOLVE = 9,
	REPLICA_OP_RETURN_TO_POOL = 19,
};

enum replica_severity {
	REPLICA_SEVERITY_INFO = 2,	/* CIM PerceivedSeverity */
	REPLICA_SEVERITY_WARNING = 3,
	REPLICA_SEVERITY_ERROR = 5,
};

/* What a replica does with a discard. */
enum replica_discard {
	REPLICA_DISCARD_ZERO = 1,	/* zeroes on both legs, which may unmap */
	REPLICA_DISCARD_PASSDOWN,	/* as it is: discarded ranges may differ */
	REPLICA_DISCARD_OFF,		/* refuses it */
};

/* CIM_ReplicationSettingData.ReadOnly: which is read-only to the host. */
enum replica_read_only {
	REPLICA_READ_ONLY_SOURCE = 2,
	REPLICA_READ_ONLY_TARGET,
	REPLICA_READ_ONLY_BOTH,
};

/* CIM_ReplicationSettingData.DesiredCopyMethodology and CopyMethodology. */
enum replica_methodology {
	REPLICA_METHODOLOGY_OTHER = 1,
	REPLICA_METHODOLOGY_ANY,	/* the implementation decides */
	REPLICA_METHODOLOGY_FULL,	/* everything is copied */
	REPLICA_METHODOLOGY_INCREMENTAL, /* what was written since the last copy */
	REPLICA_METHODOLOGY_DIFFERENTIAL, /* what a comparison finds different */
	REPLICA_METHODOLOGY_COPY_ON_WRITE,
	REPLICA_METHODOLOGY_COPY_ON_ACCESS,
	REPLICA_METHODOLOGY_DELTA_UPDATE,
	REPLICA_METHODOLOGY_SNAP_AND_CLONE,
	REPLICA_METHODOLOGY_BEFORE_ACTIVATION,
	REPLICA_METHODOLOGY_REDIRECT_ON_WRITE,
};

/* Those of MSFT_SMReplicationCapabilities.GetSupportedFeatures (2 to 55) that there are here. */
enum replica_feature {
	REPLICA_FEATURE_SUSPENDS_SOURCE = 7,	/* holds the source's I/O for a moment */
	REPLICA_FEATURE_ANY_POOL = 8,		/* targets are cut from any pool */
	REPLICA_FEATURE_RECOVERS_FROM_BROKEN = 15,	/* by itself, when the target answers */
	REPLICA_FEATURE_REMAINS_ASSOCIATED = 16,	/* without its source it is nothing */
	REPLICA_FEATURE_CLONE_DETACHES = 18,	/* when it is Synchronized, by itself */
	REPLICA_FEATURE_COPY_PRIORITY = 24,	/* adjustable at run time */
	REPLICA_FEATURE_REVERSED_IN_STEP = 29,	/* Reverse Roles: from Synchronized alone */
	REPLICA_FEATURE_ELEMENT_NAME = 51,	/* the caller may choose it */
	REPLICA_FEATURE_REVERSED_AS_IT_IS = 52,	/* Reverse Roles: the CopyState stays */
};

/* What a copy of the superblock of a meta device is found to be. */
enum replica_meta_verdict {
	REPLICA_META_GOOD,
	REPLICA_META_EMPTY,		/* zeroes: there is no log */
	REPLICA_META_FOREIGN,		/* something else, or not to be read */
	REPLICA_META_DAMAGED,		/* the checksum is wrong */
	REPLICA_META_VERSION,		/* of a newer format */
	REPLICA_META_FEATURE,		/* with a feature that is not known here */
	REPLICA_META_NONSENSE,		/* with values that cannot be */
};

/* What a check of a meta device finds. */
enum replica_meta_fault_code {
	REPLICA_META_FAULT_SUPERBLOCK = 1, /* one copy is not good */
	REPLICA_META_FAULT_COPIES,	/* both are good, and differ */
	REPLICA_META_FAULT_SIZE,	/* the device is too small for the log */
	REPLICA_META_FAULT_INTENTS,	/* sectors of the intents are damaged */
	REPLICA_META_FAULT_BITMAP,	/* sectors of the bitmap are damaged */
};

/* Whether the replica that a meta device names is the one that its log is about. */
enum replica_meta_fit {
	REPLICA_FIT_UNKNOWN,		/* there is no label to tell by */
	REPLICA_FIT_SAME,
	REPLICA_FIT_OLD_REPLICA,	/* it missed an activation: a full copy */
	REPLICA_FIT_DAMAGED,		/* its label is damaged: a full copy */
	REPLICA_FIT_OLD_META,		/* the log is a copy from earlier: refused, as all below */
	REPLICA_FIT_DIVERGED,		/* they went separate ways */
	REPLICA_FIT_STRANGER,		/* it belongs to another association */
	REPLICA_FIT_LOST,		/* it has no label any more */
	REPLICA_FIT_SWAPPED,		/* the origin has it: they changed places */
};

/* Whether the devices of a redeem are to copy by themselves. */
enum replica_offload {
	REPLICA_OFFLOAD_AUTO,		/* if they can */
	REPLICA_OFFLOAD_NEVER,
	REPLICA_OFFLOAD_MUST,		/* refuse a redeem whose devices cannot */
};

/* What a preflight finds. */
enum replica_check_code {
	REPLICA_CHECK_NOT_FOUND = 1,	/* there is no such device */
	REPLICA_CHECK_NOT_BLOCK,	/* not a block device */
	REPLICA_CHECK_SAME_DEVICE,	/* source and target are one device */
	REPLICA_CHECK_OVERLAP,		/* one is part of, or lies on, the other */
	REPLICA_CHECK_TOO_SMALL,	/* the target is smaller than the source */
	REPLICA_CHECK_EMPTY,		/* a device has no size */
	REPLICA_CHECK_READ_ONLY,
	REPLICA_CHECK_MOUNTED,
	REPLICA_CHECK_SWAP,
	REPLICA_CHECK_HOLDERS,		/* in use by other block devices */
	REPLICA_CHECK_OPEN,		/* opened exclusively by somebody */
	REPLICA_CHECK_SIGNATURE,	/* the target carries data of some kind */
	REPLICA_CHECK_IN_REPLICA,	/* already a leg of a replica */
	REPLICA_CHECK_NAME_TAKEN,
	REPLICA_CHECK_NAME_BAD,
	REPLICA_CHECK_BLOCK_SIZE,	/* logical block sizes differ */
	REPLICA_CHECK_LARGER,		/* the target is larger: its end is not used */
	REPLICA_CHECK_PERMISSION,	/* a device could not be examined */
	REPLICA_CHECK_MODULE,		/* the kernel module is not loaded */
	REPLICA_CHECK_POOL_IGNORED,	/* pool given beside a target volume */
	REPLICA_CHECK_HAS_LOG,		/* the meta device is that of an association */
	REPLICA_CHECK_SHRINK,		/* a replica does not become smaller */
	REPLICA_CHECK_ALIGNMENT,	/* no multiple of a logical block */
	REPLICA_CHECK_SUSPENDED,	/* a mapped device holds all I/O */
	REPLICA_CHECK_ATTACH,		/* the replica gets the name of the source, in use */
	REPLICA_CHECK_OFFLOAD,		/* the devices can copy by themselves, or why not */
	REPLICA_CHECK_NO_OFFLOAD,	/* they cannot, and they must */
};

enum replica_enum {
	REPLICA_ENUM_COPY_STATE,	/* enum dm_replica_copy_state */
	REPLICA_ENUM_PROGRESS,		/* enum dm_replica_progress */
	REPLICA_ENUM_MODE,		/* enum dm_replica_mode */
	REPLICA_ENUM_SYNC_TYPE,		/* enum replica_sync_type */
	REPLICA_ENUM_OPERATION,		/* enum dm_replica_operation */
	REPLICA_ENUM_JOB_TYPE,		/* enum dm_replica_job_type */
	REPLICA_ENUM_JOB_STATE,		/* enum dm_replica_job_state */
	REPLICA_ENUM_EVENT_TYPE,	/* the two event enumerations */
	REPLICA_ENUM_PAYLOAD,		/* enum dm_replica_payload */
	REPLICA_ENUM_ON_ERROR,		/* enum dm_replica_on_error */
	REPLICA_ENUM_RECOVERY,		/* enum dm_replica_recovery */
	REPLICA_ENUM_REPLICATION_TYPE,	/* SupportedReplicationTypes, 2 to 25 */
	REPLICA_ENUM_SEVERITY,		/* enum replica_severity */
	REPLICA_ENUM_CHECK,		/* enum replica_check_code */
	REPLICA_ENUM_DISCARD,		/* enum replica_discard */
	REPLICA_ENUM_ON_META_ERROR,	/* enum dm_replica_on_meta_error */
	REPLICA_ENUM_OVERFLOW,		/* enum dm_replica_overflow */
	REPLICA_ENUM_META_VERDICT,	/* enum replica_meta_verdict */
	REPLICA_ENUM_META_FAULT,	/* enum replica_meta_fault_code */
	REPLICA_ENUM_META_FIT,		/* enum replica_meta_fit */
	REPLICA_ENUM_COPY_PRIORITY,	/* enum dm_replica_copy_priority */
	REPLICA_ENUM_METHODOLOGY,	/* CIM's CopyMethodology, 1 to 11 */
	REPLICA_ENUM_COPY_TYPE,		/* enum replica_copy_type */
	REPLICA_ENUM_FEATURE,		/* enum replica_feature */
	REPLICA_ENUM_PROTECT,		/* enum dm_replica_protect */
	REPLICA_ENUM_OFFLOAD,		/* enum replica_offload */
	REPLICA_ENUM_OFFLOAD_STATE,	/* enum dm_replica_offload_state */
	REPLICA_ENUM_SYNC_STATE,	/* enum replica_sync_state */
	REPLICA_ENUM_REPLICA_TYPE,	/* enum replica_type */

	REPLICA_ENUM_COUNT
};

/* Name of a value, "Synchronized"; "Unknown" when it has none.  Never NULL. */
const char *replica_enum_name(enum replica_enum which, unsigned int value);

/*
 * Value of a name.  Letter case does not matter, nor do "-", "_" and blanks
 * ("requires-resync" is "Requires Resync"); a decimal number that is in the
 * table is accepted too.  Returns 0, or -ENOENT.
 */
int replica_enum_value(enum replica_enum which, const char *name,
		       unsigned int *value);

/* The index-th entry (from 0) of a table: 0, or -ENOENT after the last. */
int replica_enum_entry(enum replica_enum which, size_t index,
		       unsigned int *value, const char **name);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_VALUES_H */
