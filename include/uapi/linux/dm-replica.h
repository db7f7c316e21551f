/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * dm-replica generic netlink protocol, family "dm_replica", version 1.
 *
 * A replica is a device-mapper device whose table holds one "replica" target.  It is named by
 * DM_REPLICA_A_NAME (the device-mapper name) or, when that is absent, by DM_REPLICA_A_MAJOR and
 * DM_REPLICA_A_MINOR of the mapped device.  This group of attributes is written SELECT below.
 *
 * Every command needs CAP_SYS_ADMIN in the initial user namespace, except GET, JOB_GET and
 * CAPS_GET, which any user may send.  Every rejected request carries an extended
 * acknowledgment: a sentence, and the attribute at fault.  A command without a reply below has
 * none but the acknowledgment.  Integers are host endian, and those of 64 bits may be padded
 * with DM_REPLICA_A_PAD.  Times of day are milliseconds since the Unix epoch; 0: never.
 *
 * DM_REPLICA_CMD_GET (do: one replica; dump: all of them)
 *	request:  SELECT (do only)
 *	reply:    the whole of enum dm_replica_attr that is marked (R).
 *	NLM_F_DUMP_INTR is set when a replica was created or removed during the dump.
 *
 * DM_REPLICA_CMD_SET
 *	request:  SELECT, DM_REPLICA_A_SETTINGS { one or more DM_REPLICA_S_* }
 *	All settings change, or none.
 *
 * DM_REPLICA_CMD_OPERATE
 *	request:  SELECT, DM_REPLICA_A_OPERATION (u16), [DM_REPLICA_A_FORCE],
 *		  [DM_REPLICA_A_COMPARE] (resync only: both legs are read, and only what
 *		  differs is written)
 *	reply:    DM_REPLICA_A_COPY_STATE (u16), and DM_REPLICA_A_JOB { } when the operation
 *		  started a job.
 *	errno:    EBUSY when the present state does not allow the operation, EOPNOTSUPP when
 *		  this module never does.
 *
 * DM_REPLICA_CMD_JOB_GET (do: one job; dump: all jobs of one replica, or of all)
 *	request:  do: SELECT, DM_REPLICA_A_JOB_ID (u32); dump: [SELECT]
 *	reply:    DM_REPLICA_A_NAME, _MAJOR, _MINOR, DM_REPLICA_A_JOB { all }
 *
 * DM_REPLICA_CMD_JOB_CANCEL
 *	request:  SELECT, DM_REPLICA_A_JOB_ID (u32)
 *	The job becomes Terminated and the replica Aborted.
 *
 * DM_REPLICA_CMD_CONFIRM (CIM ConfirmTargetData, a drain barrier)
 *	request:  SELECT, DM_REPLICA_A_TIMEOUT (u32, milliseconds)
 *	reply:    the acknowledgment at once; then, when the barrier is over, a unicast
 *		  DM_REPLICA_CMD_CONFIRM with the sequence number of the request:
 *		  DM_REPLICA_A_NAME, DM_REPLICA_A_RESULT (u32): 0 all that was written before
 *		  the call is durable on the replica, 3 the timeout expired, 7 unable to confirm.
 *
 * DM_REPLICA_CMD_CAPS_GET
 *	request:  [SELECT]
 *	reply:    DM_REPLICA_A_REPLICATION_TYPES, DM_REPLICA_A_MODULE_VERSION and, with
 *		  SELECT, DM_REPLICA_A_NAME, DM_REPLICA_A_COPY_STATE,
 *		  DM_REPLICA_A_OPERATIONS, DM_REPLICA_A_OPERATIONS_FORCE.
 *	What is possible depends on the replica alone: a restore without force is refused
 *	besides while the mapped device is open.
 *
 * DM_REPLICA_CMD_VERIFY
 *	request:  SELECT
 *	reply:    as that of OPERATE.  The job compares the legs while they are in use; what
 *		  differs makes the state Skewed, and a resync then copies just that.
 *	errno:    EBUSY when the present state does not allow it.
 *
 * DM_REPLICA_CMD_DIFF_GET (dump only)
 *	request:  SELECT
 *	reply:    for each range that the last verify found different, so far if it still
 *		  runs, in order: DM_REPLICA_A_NAME, _MAJOR, _MINOR, DM_REPLICA_A_JOB_ID,
 *		  DM_REPLICA_A_SECTOR, DM_REPLICA_A_SECTORS.  At most DM_REPLICA_DIFFS_KEPT of
 *		  them; what lies behind the last is in DM_REPLICA_J_DIFFERS only.
 *	errno:    ENOENT when there was no verify.
 *
 * DM_REPLICA_CMD_PROTECTED
 *	request:  SELECT, DM_REPLICA_A_JOB_ID (u32), [DM_REPLICA_A_REASON]
 *	errno:    EBUSY when no resync waits, ESTALE when another one does.
 *	The answer to an event PROTECT: the snapshot of the replica is there, and the resync
 *	that waits for it goes on.  With REASON it could not be made, and the resync waits on.
 *
 * DM_REPLICA_CMD_OFFLOAD (clone role, table feature "offload")
 *	request:  SELECT, DM_REPLICA_A_OFFLOAD (u8, enum dm_replica_offload_step); with CLAIM
 *		  and COPIED also DM_REPLICA_A_SECTOR and DM_REPLICA_A_SECTORS, whole regions;
 *		  with FINISH [DM_REPLICA_A_REASON]
 *	reply:    to CLAIM: DM_REPLICA_A_SECTOR, DM_REPLICA_A_SECTORS: the first run there that
 *		  is to be copied, 0 sectors: there is none.
 *	errno:    EBUSY when the job does not wait for this, another socket does it, or the
 *		  claim was given up; EOPNOTSUPP without the feature.
 *	What is claimed the kernel does not copy until the claim ends, which closing the socket
 *	does too: no command may be under way then.
 *
 * DM_REPLICA_CMD_EVENT (only ever sent by the kernel, multicast group "events")
 *	message:  DM_REPLICA_A_EVENT_SEQ, DM_REPLICA_A_EVENT_TYPE, DM_REPLICA_A_EVENT_TIME,
 *		  DM_REPLICA_A_NAME, _MAJOR, _MINOR, DM_REPLICA_A_COPY_STATE, and by type:
 *		  STATE: DM_REPLICA_A_OLD_COPY_STATE, DM_REPLICA_A_REASON
 *		  JOB: DM_REPLICA_A_JOB { }
 *		  REPLICA_ERROR, ORIGIN_ERROR, READ_FAILOVER, META_ERROR, META_BACK:
 *			DM_REPLICA_A_SECTOR, DM_REPLICA_A_ERRNO, DM_REPLICA_A_REASON
 *		  MODE: DM_REPLICA_A_MODE, DM_REPLICA_A_QUEUE { DM_REPLICA_Q_ACK },
 *			DM_REPLICA_A_REASON
 *		  PROTECT: DM_REPLICA_A_JOB { }, DM_REPLICA_A_REASON
 *	DM_REPLICA_A_EVENT_SEQ counts from 1 for each mapped device without a gap; a listener
 *	that sees a gap has lost events and reads the state anew.
 */
#ifndef _UAPI_LINUX_DM_REPLICA_H
#define _UAPI_LINUX_DM_REPLICA_H

#include <linux/types.h>

#define DM_REPLICA_GENL_NAME		"dm_replica"
#define DM_REPLICA_GENL_VERSION		1
#define DM_REPLICA_MCGRP_EVENTS		"events"

/* The longest of each, with the final zero. */
#define DM_REPLICA_NAME_LEN		128	/* of a mapped device, DM_NAME_LEN */
#define DM_REPLICA_UUID_LEN		129	/* likewise, DM_UUID_LEN */
#define DM_REPLICA_REASON_LEN		128	/* a sentence in DM_REPLICA_A_REASON */

#define DM_REPLICA_JOBS_KEPT		16	/* finished ones of a mapped device */
#define DM_REPLICA_DIFFS_KEPT		4096	/* ranges that a verify remembers */

enum dm_replica_cmd {
	DM_REPLICA_CMD_UNSPEC,
	DM_REPLICA_CMD_GET,
	DM_REPLICA_CMD_SET,
	DM_REPLICA_CMD_OPERATE,
	DM_REPLICA_CMD_JOB_GET,
	DM_REPLICA_CMD_JOB_CANCEL,
	DM_REPLICA_CMD_CONFIRM,
	DM_REPLICA_CMD_CAPS_GET,
	DM_REPLICA_CMD_EVENT,
	DM_REPLICA_CMD_VERIFY,
	DM_REPLICA_CMD_DIFF_GET,
	DM_REPLICA_CMD_PROTECTED,
	DM_REPLICA_CMD_OFFLOAD,
	__DM_REPLICA_CMD_LAST
};

#define DM_REPLICA_CMD_MAX (__DM_REPLICA_CMD_LAST - 1)

/* Attributes of every message.  (R): part of a reply to GET. */
enum dm_replica_attr {
	DM_REPLICA_A_UNSPEC,
	DM_REPLICA_A_PAD,
	DM_REPLICA_A_NAME,		/* (R) string, dm name */
	DM_REPLICA_A_MAJOR,		/* (R) u32 */
	DM_REPLICA_A_MINOR,		/* (R) u32 */
	DM_REPLICA_A_UUID,		/* (R) string, dm uuid; absent if none */
	DM_REPLICA_A_ORIGIN,		/* (R) string, "major:minor" */
	DM_REPLICA_A_REPLICA,		/* (R) string, "major:minor" */
	DM_REPLICA_A_META,		/* (R) string, "major:minor"; absent if none */
	DM_REPLICA_A_SIZE,		/* (R) u64, bytes of a leg that are mirrored */
	DM_REPLICA_A_REGION_SIZE,	/* (R) u32, bytes */
	DM_REPLICA_A_MODE,		/* (R) u16, enum dm_replica_mode */
	DM_REPLICA_A_COPY_STATE,	/* (R) u16, enum dm_replica_copy_state */
	DM_REPLICA_A_REQUESTED_COPY_STATE, /* (R) u16, 15 when reached */
	DM_REPLICA_A_PROGRESS_STATUS,	/* (R) u16, enum dm_replica_progress */
	DM_REPLICA_A_PERCENT_SYNCED,	/* (R) u16, 0 to 100; 100 only if no byte differs */
	DM_REPLICA_A_REASON,		/* (R) string, why the state was entered */
	DM_REPLICA_A_DIRTY_REGIONS,	/* (R) u64 */
	DM_REPLICA_A_DIRTY_BYTES,	/* (R) u64, upper bound of what differs */
	DM_REPLICA_A_CONSISTENT_NOW,	/* (R) u8, 1: the replica is usable as it is */
	DM_REPLICA_A_CONSISTENT_AGE,	/* (R) u64, ms since its last such moment, if known */
	DM_REPLICA_A_LAG_BYTES,		/* (R) u64, accepted writes not on the replica */
	DM_REPLICA_A_LAG_MS,		/* (R) u64, age of the oldest of them */
	DM_REPLICA_A_WHEN_ESTABLISHED,	/* (R) u64, ms since the epoch */
	DM_REPLICA_A_WHEN_SYNCED,	/* (R) u64, ms since the epoch */
	DM_REPLICA_A_WHEN_SUSPENDED,	/* (R) u64, ms since the epoch */
	DM_REPLICA_A_EVENT_SEQ,		/* (R) u64, of the last event */
	DM_REPLICA_A_DM_SUSPENDED,	/* (R) u8, 1 while the mapped device is suspended */
	DM_REPLICA_A_SETTINGS,		/* (R) nest, enum dm_replica_setting_attr */
	DM_REPLICA_A_COUNTERS,		/* (R) nest, enum dm_replica_counter_attr */
	DM_REPLICA_A_JOB,		/* (R) nest, enum dm_replica_job_attr; the one that runs */
	DM_REPLICA_A_OPERATION,		/* u16, enum dm_replica_operation */
	DM_REPLICA_A_FORCE,		/* flag */
	DM_REPLICA_A_JOB_ID,		/* u32 */
	DM_REPLICA_A_TIMEOUT,		/* u32, ms, 1 to DM_REPLICA_CONFIRM_MAX_MS */
	DM_REPLICA_A_RESULT,		/* u32, CIM return value */
	DM_REPLICA_A_REPLICATION_TYPES,	/* binary, array of u16, semantics of CIM */
	DM_REPLICA_A_OPERATIONS,	/* binary, array of u16, possible now */
	DM_REPLICA_A_OPERATIONS_FORCE,	/* binary, array of u16, possible with FORCE */
	DM_REPLICA_A_MODULE_VERSION,	/* string */
	DM_REPLICA_A_EVENT_TYPE,	/* u16, enum dm_replica_event_type */
	DM_REPLICA_A_EVENT_TIME,	/* u64, ms since the epoch */
	DM_REPLICA_A_OLD_COPY_STATE,	/* u16, enum dm_replica_copy_state */
	DM_REPLICA_A_SECTOR,		/* u64, 512 byte sectors from the start */
	DM_REPLICA_A_ERRNO,		/* u32, positive errno */
	DM_REPLICA_A_META_FAILED,	/* (R) u8, with A_META: 1 while it cannot be written */
	DM_REPLICA_A_ACTIVE_REGIONS,	/* (R) u64, with A_META: durably dirty in the log */
	DM_REPLICA_A_EXPOSED_BYTES,	/* (R) u64, what a crash now costs to copy at most */
	DM_REPLICA_A_COMPARE,		/* flag */
	DM_REPLICA_A_SECTORS,		/* u64, 512 byte sectors from A_SECTOR on */
	DM_REPLICA_A_QUEUE,		/* (R) nest, enum dm_replica_queue_attr */
	DM_REPLICA_A_SYNC_TYPE,		/* (R) u16, enum dm_replica_sync_type */
	DM_REPLICA_A_POINT_AGE,		/* (R) u64, ms since the last point in time (S_DELTA_MS) */
	DM_REPLICA_A_DELTA_DUE,		/* (R) u64, ms until the next delta update; 0: under way */
	DM_REPLICA_A_READ_ONLY,		/* (R) u8, CIM's ReadOnly: 2 source, 0: neither */
	DM_REPLICA_A_WHOLE,		/* (R) u8, 1: the replica is a copy of one moment */
	DM_REPLICA_A_WAITS_PROTECTED,	/* (R) u8, 1: a resync waits for CMD_PROTECTED */
	DM_REPLICA_A_OFFLOAD,		/* u8, enum dm_replica_offload_step */
	DM_REPLICA_A_OFFLOAD_STATE,	/* (R) u8, enum dm_replica_offload_state; absent if none */
	DM_REPLICA_A_OFFLOAD_REASON,	/* (R) string, why it is over; absent if not, or unknown */
	__DM_REPLICA_A_LAST
};

#define DM_REPLICA_A_MAX (__DM_REPLICA_A_LAST - 1)

#define DM_REPLICA_CONFIRM_MAX_MS	3600000	/* longest time that CONFIRM may wait: one hour */
#define DM_REPLICA_CLAIM_MAX		131072	/* most sectors of a claim of OFFLOAD: 64 MiB */
#define DM_REPLICA_OFFLOAD_MAX_S	3600	/* longest wait of the feature offload, seconds */

enum dm_replica_offload_step {
	DM_REPLICA_OFFLOAD_CLAIM = 1,	/* what it has them copy next */
	DM_REPLICA_OFFLOAD_COPIED,	/* a part of that is on the replica */
	DM_REPLICA_OFFLOAD_RELEASE,	/* the rest of it is the kernel's */
	DM_REPLICA_OFFLOAD_FINISH,	/* likewise, and nothing follows */
};

enum dm_replica_offload_state {
	DM_REPLICA_OFFLOAD_AWAITED = 1,	/* the job waits for somebody to come */
	DM_REPLICA_OFFLOAD_RUNNING,	/* it waits while the devices copy */
	DM_REPLICA_OFFLOAD_OVER,	/* the kernel copies what is left */
};

/* Attributes inside DM_REPLICA_A_SETTINGS: what may change at run time. */
enum dm_replica_setting_attr {
	DM_REPLICA_S_UNSPEC,
	DM_REPLICA_S_PAYLOAD,		/* u8, enum dm_replica_payload */
	DM_REPLICA_S_ON_REPLICA_ERROR,	/* u8, enum dm_replica_on_error */
	DM_REPLICA_S_RECOVERY,		/* u8, enum dm_replica_recovery */
	DM_REPLICA_S_RESYNC_RATE,	/* u32, MiB/s, 0: auto, at most DM_REPLICA_RATE_MAX */
	DM_REPLICA_S_REPLICA_TIMEOUT,	/* u32, ms, 0: wait for ever */
	DM_REPLICA_S_ON_META_ERROR,	/* u8, enum dm_replica_on_meta_error */
	DM_REPLICA_S_QUEUE_BYTES,	/* u32, bound of payload and bookkeeping, bytes */
	DM_REPLICA_S_RPO,		/* u32, ms, recovery point objective, 0: none */
	DM_REPLICA_S_OVERFLOW,		/* u8, enum dm_replica_overflow */
	DM_REPLICA_S_MAX_SKEW,		/* u32, bytes, mode adaptive; 0: half of QUEUE_BYTES */
	DM_REPLICA_S_COPY_PRIORITY,	/* u8, enum dm_replica_copy_priority */
	DM_REPLICA_S_DELTA_MS,		/* u32, ms between delta updates, 0: writes are shipped */
	DM_REPLICA_S_PROTECT,		/* u8, enum dm_replica_protect; needs a meta device */
	__DM_REPLICA_S_LAST
};

#define DM_REPLICA_S_MAX (__DM_REPLICA_S_LAST - 1)

#define DM_REPLICA_RATE_MAX		1000000	/* highest resync rate limit, MiB/s */
/* Bounds of a replica timeout other than 0, ms. */
#define DM_REPLICA_TIMEOUT_MIN_MS	100
#define DM_REPLICA_TIMEOUT_MAX_MS	3600000
/* Bounds of the queue, bytes: two of the largest writes, and 2 GiB. */
#define DM_REPLICA_QUEUE_MIN		4194304
#define DM_REPLICA_QUEUE_MAX		2147483648
/* Bounds of a recovery point objective other than 0, ms: the longest is a day. */
#define DM_REPLICA_RPO_MIN_MS		100
#define DM_REPLICA_RPO_MAX_MS		86400000
/* Bounds of the time between delta updates other than 0, ms: the longest is a day. */
#define DM_REPLICA_DELTA_MIN_MS		1000
#define DM_REPLICA_DELTA_MAX_MS		86400000

enum dm_replica_payload {
	DM_REPLICA_PAYLOAD_COPY = 1,	/* both legs written from one private copy */
	DM_REPLICA_PAYLOAD_SHARED,	/* both legs written from the caller's pages */
};

enum dm_replica_on_error {
	DM_REPLICA_ON_ERROR_TRACK = 1,	/* the origin goes on, regions are tracked */
	DM_REPLICA_ON_ERROR_STOP,	/* origin writes are held (FailedCopyStopsHostIO) */
};

/* What happens when a write finds no room in the queue, or the RPO would be missed. */
enum dm_replica_overflow {
	DM_REPLICA_OVERFLOW_BLOCK = 1,	/* writes slow down, and wait at the bound */
	DM_REPLICA_OVERFLOW_TRACK,	/* the queue is given up for a resync later */
	DM_REPLICA_OVERFLOW_FAIL,	/* the replica becomes Broken until it is resumed */
};

/* What has to be there before a resync writes to a replica that is a consistent copy. */
enum dm_replica_protect {
	DM_REPLICA_PROTECT_NONE = 1,	/* nothing */
	DM_REPLICA_PROTECT_SNAPSHOT,	/* a snapshot of it: CMD_PROTECTED says so */
};

/* What happens when the meta device cannot be written. */
enum dm_replica_on_meta_error {
	DM_REPLICA_ON_META_CONTINUE = 1,	/* go on; after a crash everything is copied */
	DM_REPLICA_ON_META_STOP,		/* writes are held until it works again */
};

/* CIM_ReplicationSettingData.CopyPriority: what a job does while the application does I/O */
enum dm_replica_copy_priority {
	DM_REPLICA_PRIORITY_UNMANAGED,	/* a quarter of the time, or what a rate limit allows */
	DM_REPLICA_PRIORITY_LOW,	/* a sixteenth of the time */
	DM_REPLICA_PRIORITY_SAME,	/* half of the time */
	DM_REPLICA_PRIORITY_HIGH,	/* all the time, one window after the other */
	DM_REPLICA_PRIORITY_URGENT,	/* as if the application did nothing */
};

/* CIM_ReplicationSettingData.CopyRecoveryMode */
enum dm_replica_recovery {
	DM_REPLICA_RECOVERY_AUTOMATIC = 2,
	DM_REPLICA_RECOVERY_MANUAL = 3,
};

/* Attributes inside DM_REPLICA_A_COUNTERS, all u64, since the device was created. */
enum dm_replica_counter_attr {
	DM_REPLICA_C_UNSPEC,
	DM_REPLICA_C_PAD,
	DM_REPLICA_C_READS,		/* read bios */
	DM_REPLICA_C_READ_BYTES,
	DM_REPLICA_C_WRITES,		/* write bios */
	DM_REPLICA_C_WRITE_BYTES,
	DM_REPLICA_C_FLUSHES,
	DM_REPLICA_C_DISCARDS,		/* discard and secure erase bios */
	DM_REPLICA_C_WRITE_ZEROES,
	DM_REPLICA_C_PAYLOAD_COPIED,	/* bytes copied to private pages */
	DM_REPLICA_C_PAYLOAD_SHARED,	/* bytes written from the caller's pages */
	DM_REPLICA_C_OVERLAP_WAITS,	/* writes that waited for an overlapping write */
	DM_REPLICA_C_RESYNC_WAITS,	/* writes that waited for a chunk being copied */
	DM_REPLICA_C_MEMORY_WAITS,	/* writes that waited for payload memory */
	DM_REPLICA_C_TRACKED_WRITES,	/* writes sent to the origin alone */
	DM_REPLICA_C_HELD_WRITES,	/* writes held by on_replica_error stop */
	DM_REPLICA_C_REPLICA_ERRORS,	/* failed requests of the replica */
	DM_REPLICA_C_REPLICA_TIMEOUTS,	/* requests given up after replica_timeout */
	DM_REPLICA_C_ORIGIN_ERRORS,	/* failed writes of the origin */
	DM_REPLICA_C_READ_FAILOVERS,	/* reads served by the replica */
	DM_REPLICA_C_RESYNC_BYTES,	/* bytes copied by jobs */
	DM_REPLICA_C_PROBES,		/* attempts to reach a broken replica */
	DM_REPLICA_C_EVENTS_DROPPED,	/* events lost for want of room */
	DM_REPLICA_C_INFLIGHT,		/* writes under way now */
	DM_REPLICA_C_DETACHED,		/* given-up replica requests still out */
	DM_REPLICA_C_LOG_WAITS,		/* writes that waited for the log on the meta device */
	DM_REPLICA_C_META_WRITES,	/* requests to the meta device */
	DM_REPLICA_C_META_BYTES,	/* bytes of them */
	DM_REPLICA_C_COMPARED_BYTES,	/* bytes of a leg that jobs compared with the other */
	DM_REPLICA_C_OFFLOADED_BYTES,	/* bytes that the devices copied by themselves */
	__DM_REPLICA_C_LAST
};

#define DM_REPLICA_C_MAX (__DM_REPLICA_C_LAST - 1)

/* Attributes inside DM_REPLICA_A_QUEUE: the writes that the origin has acknowledged alone. */
enum dm_replica_queue_attr {
	DM_REPLICA_Q_UNSPEC,
	DM_REPLICA_Q_PAD,
	DM_REPLICA_Q_ACK,		/* u16, enum dm_replica_mode: of the present */
	DM_REPLICA_Q_ENTRIES,		/* u64, writes and flushes in it */
	DM_REPLICA_Q_BYTES,		/* u64, memory in use, payload and bookkeeping */
	DM_REPLICA_Q_HIGH_ENTRIES,	/* u64, the most since the device was created */
	DM_REPLICA_Q_HIGH_BYTES,	/* u64 */
	DM_REPLICA_Q_HIGH_AGE,		/* u64, ms, of the oldest entry */
	DM_REPLICA_Q_RATE_IN,		/* u64, bytes/s of payload, over the last seconds */
	DM_REPLICA_Q_RATE_OUT,		/* u64, bytes/s that the replica took meanwhile */
	DM_REPLICA_Q_DRAIN,		/* u64, ms until it is empty; absent if unknown */
	DM_REPLICA_Q_PENDING,		/* u8, 1: writes are being slowed down */
	DM_REPLICA_Q_OVERFLOWS,		/* u64, times that it was given up */
	DM_REPLICA_Q_DELAYS,		/* binary, array of DM_REPLICA_DELAYS u64, see below */
	DM_REPLICA_Q_SWITCHES,		/* u64, changes of Q_ACK in mode adaptive */
	DM_REPLICA_Q_SYNC_TIME,		/* u64, ms of mode adaptive that both legs acknowledged */
	DM_REPLICA_Q_ASYNC_TIME,	/* u64, ms that the origin alone did */
	DM_REPLICA_Q_SWITCH_REASON,	/* string, of the last switch; absent if none */
	DM_REPLICA_Q_RPO_MISSED,	/* u64, times that a write got older than the RPO */
	__DM_REPLICA_Q_LAST
};

#define DM_REPLICA_Q_MAX (__DM_REPLICA_Q_LAST - 1)

/*
 * DM_REPLICA_Q_DELAYS: how many writes the queue delayed, by how much.  Element n
 * counts delays below 2^n ms, and those of 2^(n-1) ms or more from n = 1 on; the
 * last one has no upper bound.
 */
#define DM_REPLICA_DELAYS		14

/* Attributes inside DM_REPLICA_A_JOB. */
enum dm_replica_job_attr {
	DM_REPLICA_J_UNSPEC,
	DM_REPLICA_J_PAD,
	DM_REPLICA_J_ID,		/* u32, from 1, unique for a mapped device */
	DM_REPLICA_J_TYPE,		/* u16, enum dm_replica_job_type */
	DM_REPLICA_J_STATE,		/* u16, enum dm_replica_job_state */
	DM_REPLICA_J_PERCENT,		/* u16, 0 to 100 */
	DM_REPLICA_J_BYTES_DONE,	/* u64 */
	DM_REPLICA_J_BYTES_TOTAL,	/* u64 */
	DM_REPLICA_J_START_TIME,	/* u64, ms since the epoch */
	DM_REPLICA_J_ELAPSED,		/* u64, ms */
	DM_REPLICA_J_ETA,		/* u64, ms; absent if unknown or over */
	DM_REPLICA_J_ERROR_CODE,	/* u32, a CreateReplica return value, 0: none */
	DM_REPLICA_J_ERROR_TEXT,	/* string; absent if none */
	DM_REPLICA_J_DIFFERS,		/* u64, bytes that a verify found different */
	DM_REPLICA_J_OFFLOADED,		/* u64, part of BYTES_DONE that the devices copied */
	__DM_REPLICA_J_LAST
};

#define DM_REPLICA_J_MAX (__DM_REPLICA_J_LAST - 1)

enum dm_replica_job_type {
	DM_REPLICA_JOB_INITIAL_COPY = 1,
	DM_REPLICA_JOB_RESYNC,
	DM_REPLICA_JOB_VERIFY,
	DM_REPLICA_JOB_CLONE,
	DM_REPLICA_JOB_RESTORE,		/* from the replica to the origin, see OP_RESTORE */
	DM_REPLICA_JOB_FAILBACK,	/* likewise, see OP_FAILBACK */
	DM_REPLICA_JOB_DELTA,		/* a delta update, see S_DELTA_MS */
};

/* CIM_ConcreteJob.JobState */
enum dm_replica_job_state {
	DM_REPLICA_JOB_NEW = 2,
	DM_REPLICA_JOB_STARTING = 3,
	DM_REPLICA_JOB_RUNNING = 4,
	DM_REPLICA_JOB_SUSPENDED = 5,
	DM_REPLICA_JOB_SHUTTING_DOWN = 6,
	DM_REPLICA_JOB_COMPLETED = 7,
	DM_REPLICA_JOB_TERMINATED = 8,
	DM_REPLICA_JOB_KILLED = 9,
	DM_REPLICA_JOB_EXCEPTION = 10,
};

/* MSFT_SMStorageVolume.CreateReplica, parameter Mode */
enum dm_replica_mode {
	DM_REPLICA_MODE_SYNC = 2,
	DM_REPLICA_MODE_ASYNC = 3,
	DM_REPLICA_MODE_ADAPTIVE = 4,
};

/* MSFT_SMStorageVolume.CreateReplica, parameter SyncType: the role of the replica */
enum dm_replica_sync_type {
	DM_REPLICA_SYNC_TYPE_MIRROR = 6,
	DM_REPLICA_SYNC_TYPE_CLONE = 8,
};

/* CIM_Synchronized.CopyState */
enum dm_replica_copy_state {
	DM_REPLICA_STATE_INITIALIZED = 2,
	DM_REPLICA_STATE_UNSYNCHRONIZED = 3,
	DM_REPLICA_STATE_SYNCHRONIZED = 4,
	DM_REPLICA_STATE_BROKEN = 5,
	DM_REPLICA_STATE_FRACTURED = 6,
	DM_REPLICA_STATE_SPLIT = 7,
	DM_REPLICA_STATE_INACTIVE = 8,
	DM_REPLICA_STATE_SUSPENDED = 9,
	DM_REPLICA_STATE_FAILEDOVER = 10,
	DM_REPLICA_STATE_PREPARED = 11,
	DM_REPLICA_STATE_ABORTED = 12,
	DM_REPLICA_STATE_SKEWED = 13,
	DM_REPLICA_STATE_NOT_APPLICABLE = 15,
};

/* CIM_Synchronized.ProgressStatus */
enum dm_replica_progress {
	DM_REPLICA_PROGRESS_COMPLETED = 2,
	DM_REPLICA_PROGRESS_DORMANT = 3,
	DM_REPLICA_PROGRESS_INITIALIZING = 4,
	DM_REPLICA_PROGRESS_SYNCHRONIZING = 6,
	DM_REPLICA_PROGRESS_RESYNCING = 7,
	DM_REPLICA_PROGRESS_RESTORING = 8,
	DM_REPLICA_PROGRESS_SPLITTING = 10,
	DM_REPLICA_PROGRESS_FAILING_BACK = 12,
	DM_REPLICA_PROGRESS_REQUIRES_RESYNC = 18,
	DM_REPLICA_PROGRESS_REQUIRES_ACTIVATE = 19,
	DM_REPLICA_PROGRESS_PENDING = 20,
	DM_REPLICA_PROGRESS_REQUIRES_DETACH = 22,
	DM_REPLICA_PROGRESS_REQUIRES_RESUME = 25,
};

/* CIM_ReplicationService.ModifyReplicaSynchronization, parameter Operation */
enum dm_replica_operation {
	DM_REPLICA_OP_ABORT = 2,
	DM_REPLICA_OP_ACTIVATE = 4,
	DM_REPLICA_OP_DEACTIVATE = 7,
	DM_REPLICA_OP_FAILOVER = 10,
	DM_REPLICA_OP_FAILBACK = 11,
	DM_REPLICA_OP_FRACTURE = 12,
	DM_REPLICA_OP_RESYNC = 14,
	DM_REPLICA_OP_RESTORE = 15,
	DM_REPLICA_OP_RESUME = 16,
	DM_REPLICA_OP_RESET_TO_SYNC = 17,
	DM_REPLICA_OP_RESET_TO_ASYNC = 18,
	DM_REPLICA_OP_REVERSE_ROLES = 20,
	DM_REPLICA_OP_SPLIT = 21,
	DM_REPLICA_OP_SUSPEND = 22,
	DM_REPLICA_OP_PREPARE = 24,
	DM_REPLICA_OP_RESET_TO_ADAPTIVE = 25,
};

enum dm_replica_event_type {
	DM_REPLICA_EVENT_ADDED = 1,	/* a mapped device became a replica */
	DM_REPLICA_EVENT_REMOVED,	/* it is none any more, and is not found */
	DM_REPLICA_EVENT_STATE,		/* the copy state changed */
	DM_REPLICA_EVENT_JOB,		/* a job started or ended */
	DM_REPLICA_EVENT_SETTINGS,	/* a setting changed */
	DM_REPLICA_EVENT_REPLICA_ERROR,
	DM_REPLICA_EVENT_ORIGIN_ERROR,
	DM_REPLICA_EVENT_READ_FAILOVER,	/* the replica served a read that the origin failed */
	DM_REPLICA_EVENT_META_ERROR,	/* the log cannot be written: see on_meta_error */
	DM_REPLICA_EVENT_META_BACK,	/* it can again */
	DM_REPLICA_EVENT_MODE,		/* the mode, or in mode adaptive Q_ACK, changed */
	DM_REPLICA_EVENT_RPO,		/* overflow block or S_DELTA_MS: missed, kept again */
	DM_REPLICA_EVENT_ROLES,		/* origin and replica changed places */
	DM_REPLICA_EVENT_PROTECT,	/* a resync waits for CMD_PROTECTED */
};

#endif /* _UAPI_LINUX_DM_REPLICA_H */
