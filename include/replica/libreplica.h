/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libreplica - block replicas made by the device-mapper target "replica"
 *
 * The model is MSFT_SMStorageVolume.CreateReplica and the CIM classes it was
 * taken from: numbers of enumerations, return values and property names are
 * theirs.
 *
 * Return values.  A function that takes a context and returns int returns a
 * value of enum replica_return: 0 is success, and REPLICA_JOB_STARTED (4096)
 * is success with a job that goes on.  Any other value is a failure, and
 * replica_last_error() tells what happened.  Functions without a context are
 * pure; those that can fail return 0 or a negative errno.
 *
 * Ownership.  A pointer given out through a "**" parameter belongs to the
 * caller and has one free function, named at the structure.  It is set to NULL
 * when the call fails, and every free function accepts NULL.  Lists are chained
 * with "next" and freed as a whole.  Strings inside a structure belong to the
 * structure; a string that is not known is NULL.
 *
 * ABI.  Structures that the library gives out grow at the end only.  Those
 * that the caller fills start with "size", to be set to sizeof of the
 * structure; members left zero mean "the default".
 *
 * Example.  userspace/examples/create.c makes a replica with every parameter of
 * CreateReplica, as a CIM provider would.
 *
 * Units.  Bytes, milliseconds; times of day are milliseconds since the Unix
 * epoch (UTC), 0: never.  A timeout of 0 means "no limit".
 *
 * Threads.  A context, and what was made from it, is used by one thread at a
 * time.  The library never prints, never exits and changes no signal handler.
 */
#ifndef _REPLICA_LIBREPLICA_H
#define _REPLICA_LIBREPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dm-replica.h>
#include <replica/values.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REPLICA_VERSION_MAJOR	1
#define REPLICA_VERSION_MINOR	0
#define REPLICA_VERSION_PATCH	0

/* Version of the library in use, "1.0.0". */
const char *replica_version(void);

/* ------------------------------------------------------------------------ */
/* Context and error */

struct replica_ctx;
struct replica_error;
struct replica_finding;
struct replica_job;
struct replica_protection;

/* A new context, or NULL with errno set.  Opens nothing. */
struct replica_ctx *replica_ctx_new(void);
void replica_ctx_free(struct replica_ctx *ctx);

/*
 * The error of the last call made with this context that failed, or NULL when
 * the last call succeeded.  Valid until the next call with this context.
 */
const struct replica_error *replica_last_error(const struct replica_ctx *ctx);

/* What is in it: <replica/error.h>, included below. */

/* ------------------------------------------------------------------------ */
/* Settings */

enum replica_setting {			/* bits of "present" */
	REPLICA_SETTING_PAYLOAD = 1u << 0,
	REPLICA_SETTING_ON_REPLICA_ERROR = 1u << 1,
	REPLICA_SETTING_RECOVERY = 1u << 2,
	REPLICA_SETTING_RESYNC_RATE = 1u << 3,
	REPLICA_SETTING_REPLICA_TIMEOUT = 1u << 4,
	REPLICA_SETTING_REGION_SIZE = 1u << 5,	/* when created only */
	REPLICA_SETTING_DISCARD = 1u << 6,	/* when created only, never reported */
	REPLICA_SETTING_ON_META_ERROR = 1u << 7, /* with a meta device only */
	REPLICA_SETTING_ACTIVITY = 1u << 8,	/* likewise, and when created only */
	REPLICA_SETTING_QUEUE_BYTES = 1u << 9,
	REPLICA_SETTING_RPO = 1u << 10,
	REPLICA_SETTING_OVERFLOW = 1u << 11,
	REPLICA_SETTING_MAX_SKEW = 1u << 12,
	REPLICA_SETTING_COPY_PRIORITY = 1u << 13,
	/* Those below but the last for create_replica() only, and never reported. */
	REPLICA_SETTING_ELEMENT_SUPPLIER = 1u << 14,
	REPLICA_SETTING_THIN_POLICY = 1u << 15,
	REPLICA_SETTING_METHODOLOGY = 1u << 16,
	REPLICA_SETTING_READ_ONLY = 1u << 17,	/* reported as read_only of struct replica_info */
	REPLICA_SETTING_WAIT_STATE = 1u << 18,
	REPLICA_SETTING_DELTA_MS = 1u << 19,	/* reported, and may be changed */
	REPLICA_SETTING_PROTECT = 1u << 20,	/* likewise; snapshot: with a meta device only */
};

/* Only members whose bit is in "present" have a meaning. */
struct replica_settings {
	uint32_t present;		/* of enum replica_setting */
	uint32_t payload;		/* enum dm_replica_payload */
	uint32_t on_replica_error;	/* enum dm_replica_on_error */
	uint32_t recovery;		/* enum dm_replica_recovery */
	uint32_t resync_rate;		/* MiB/s, 0: automatic */
	uint32_t replica_timeout_ms;	/* 0: wait for ever */
	uint64_t region_size;		/* bytes */
	uint32_t discard;		/* enum replica_discard */
	uint32_t on_meta_error;		/* enum dm_replica_on_meta_error */
	uint32_t activity;		/* most regions in the working set */
	uint64_t queue_bytes;		/* bound of the queue's memory */
	uint32_t rpo_ms;		/* recovery point objective; 0: none */
	uint32_t overflow;		/* enum dm_replica_overflow */
	uint64_t max_skew;		/* bytes; 0: half of queue_bytes */
	uint32_t copy_priority;		/* enum dm_replica_copy_priority */
	uint32_t element_supplier;	/* TargetElementSupplier, 1 to 5 */
	uint32_t thin_policy;		/* ThinProvisioningPolicy, 2 to 7 */
	uint32_t methodology;		/* DesiredCopyMethodology, enum replica_methodology */
	uint32_t read_only;		/* ReadOnly, 2 to 4 */
	uint32_t wait_state;		/* WaitForCopyState, enum dm_replica_copy_state */
	uint32_t delta_ms;		/* between delta updates; 0: none */
	uint32_t protect;		/* enum dm_replica_protect */
};

/*
 * Reads "key=value,key=value" into settings, over what is there.  Keys: payload,
 * on_replica_error, recovery, resync_rate, replica_timeout, region_size, discard,
 * on_meta_error, activity, queue_bytes, rpo, overflow, max_skew, copy_priority, delta_ms,
 * protect, and the CIM names FailedCopyStopsHostIO (true, false), CopyRecoveryMode (2, 3, 4),
 * DesiredRPO and DeltaUpdateInterval (intervals, ddddddddhhmmss.mmmmmm:000), MaximumSkew (bytes),
 * WaitForCopyState (a number or a name), and as numbers CopyPriority,
 * DesiredCopyMethodology, TargetElementSupplier, ThinProvisioningPolicy and ReadOnly.
 * A key given twice, under either name, must say the same.
 * Fails with REPLICA_INVALID_PARAMETER, or with REPLICA_NOT_SUPPORTED for a name of
 * CIM's that is none of these, and the key in ParameterInfo; settings is unchanged then.
 */
int replica_settings_parse(struct replica_ctx *ctx, const char *text,
			   struct replica_settings *settings);

/* The index-th key (from 0) of replica_settings_parse(), NULL after the last. */
const char *replica_settings_key(size_t index);

/*
 * "4096", "64k", "1M", "1MiB", "2G" (powers of 1024), "10s" (512 byte sectors)
 * to bytes.  Returns 0, -EINVAL or -ERANGE.
 */
int replica_parse_size(const char *text, uint64_t *bytes);

/*
 * "500ms", "30s", "5m", "2h", "1d" to milliseconds; a number without unit counts
 * default_unit_ms (1: milliseconds, 1000: seconds).  "2.5s" is accepted.
 * Returns 0, -EINVAL or -ERANGE.
 */
int replica_parse_duration(const char *text, unsigned int default_unit_ms, uint64_t *ms);

/* ------------------------------------------------------------------------ */
/* State */

/* enum dm_replica_counter_attr, same order. */
struct replica_counters {
	uint64_t reads;
	uint64_t read_bytes;
	uint64_t writes;
	uint64_t write_bytes;
	uint64_t flushes;
	uint64_t discards;
	uint64_t write_zeroes;
	uint64_t payload_copied;
	uint64_t payload_shared;
	uint64_t overlap_waits;
	uint64_t resync_waits;
	uint64_t memory_waits;
	uint64_t tracked_writes;
	uint64_t held_writes;
	uint64_t replica_errors;
	uint64_t replica_timeouts;
	uint64_t origin_errors;
	uint64_t read_failovers;
	uint64_t resync_bytes;
	uint64_t probes;
	uint64_t events_dropped;
	uint64_t inflight;
	uint64_t detached;
	uint64_t log_waits;
	uint64_t meta_writes;
	uint64_t meta_bytes;
	uint64_t compared_bytes;
	uint64_t offloaded_bytes;
};

/* Name of a counter ("read_bytes") and its value: 0, or -ENOENT after the last. */
int replica_counter_entry(const struct replica_counters *counters, size_t index,
			  const char **name, uint64_t *value);

/* The writes that the origin alone has acknowledged, and how the queue did. */
struct replica_queue {
	uint32_t ack_mode;		/* enum dm_replica_mode: acknowledged so now */
	uint64_t entries;
	uint64_t bytes;			/* memory in use */
	uint64_t high_entries;		/* the most there ever was */
	uint64_t high_bytes;
	uint64_t high_age_ms;
	uint64_t rate_in;		/* bytes per second */
	uint64_t rate_out;
	uint64_t drain_ms;		/* only if has_drain */
	bool has_drain;
	bool pending;			/* writers are being slowed down */
	uint64_t overflows;		/* times that it was given up */
	uint64_t rpo_missed;		/* times that a write got older than the RPO */
	uint64_t delays[DM_REPLICA_DELAYS];
	uint64_t switches;		/* of mode adaptive */
	uint64_t sync_time_ms;
	uint64_t async_time_ms;
	char *switch_reason;		/* NULL: none */
};

/* Everything the kernel tells of one replica.  Freed by replica_info_free(). */
struct replica_info {
	struct replica_info *next;
	char *name;			/* dm name */
	char *uuid;			/* dm uuid; NULL: none */
	uint32_t major;
	uint32_t minor;
	char *origin;			/* "major:minor" */
	char *replica;			/* "major:minor" */
	char *meta;			/* "major:minor"; NULL: none */
	char *origin_path;		/* "/dev/..."; NULL if not found */
	char *replica_path;
	uint64_t size;			/* bytes that are mirrored */
	uint64_t region_size;		/* bytes */
	uint32_t sync_type;		/* enum replica_sync_type */
	uint32_t mode;			/* enum dm_replica_mode */
	uint32_t copy_state;		/* enum dm_replica_copy_state */
	uint32_t requested_copy_state;	/* 15 when reached */
	uint32_t progress_status;	/* enum dm_replica_progress */
	uint32_t percent_synced;	/* 0 to 100; 100 only if no byte differs */
	char *reason;			/* why the state was entered */
	uint64_t dirty_regions;
	uint64_t dirty_bytes;
	bool consistent_now;		/* the replica is usable as it is */
	bool has_consistent_age;	/* false: it never was */
	uint64_t consistent_age_ms;
	uint32_t read_only;		/* ReadOnly: 2 source, 0: neither */
	bool has_point;			/* delta updates: one was complete */
	uint64_t point_age_ms;		/* since the instant that it carried */
	bool has_delta_due;		/* the next one has a time */
	uint64_t delta_due_ms;		/* until then; 0: it is due or under way */
	uint64_t lag_bytes;
	uint64_t lag_ms;
	uint64_t when_established;	/* times of day */
	uint64_t when_synced;
	uint64_t when_suspended;
	uint64_t event_seq;		/* of the last event */
	bool dm_suspended;		/* the mapped device is suspended (dmsetup) */
	struct replica_settings settings;
	struct replica_counters counters;
	struct replica_job *job;	/* NULL: none runs */
	bool meta_failed;		/* the log cannot be written; only with a meta device */
	uint64_t active_regions;	/* that the log has as dirty now */
	uint64_t exposed_bytes;		/* that a crash now would cost to copy, at most */
	char *meta_path;		/* NULL if not found, or none */
	struct replica_queue queue;
	struct replica_store *store;	/* of a snapshot, whose "replica" it is, else NULL */
	struct replica_token *token;	/* of the snapshot of a token, else NULL: token.h */
	struct replica_thin *thin;	/* of legs from a dm-thin pool, else NULL: pool.h */
	bool ends_itself;		/* a clone that somebody waits for, to end it: clone.h */
	bool whole;			/* the replica is a copy of one moment, now or earlier */
	bool waits_protected;		/* a resync waits for a snapshot of it: protect.h */
	struct replica_protection *protection;	/* by replica_get() and _list(), or NULL */
	uint32_t offload_state;		/* enum dm_replica_offload_state; 0: none, token.h */
	char *offload_reason;		/* why it is over; NULL: not known, or all was copied */
	bool sync_maintained;		/* a mirror that is Synchronized */
	uint32_t sync_state;		/* enum replica_sync_state */
	uint32_t replica_type;		/* enum replica_type */
	uint64_t when_activated;	/* its one instant; 0: of a mirror, or not known */
};

void replica_info_free(struct replica_info *list);

/*
 * A "name" below is the name of the mapped device, or the path of its node if
 * it has a "/" in it.
 *
 * replica_get() gives one replica, replica_list() all of them (*list is NULL for
 * none), ordered by name.
 */
int replica_get(struct replica_ctx *ctx, const char *name, struct replica_info **info);
int replica_list(struct replica_ctx *ctx, struct replica_info **list);

/* ------------------------------------------------------------------------ */
/* CreateReplica */

/*
 * Called during a wait with the present state, when it changes and about twice
 * a second.  A value other than 0 ends the wait; the call then returns
 * REPLICA_FAILED with SMErrorCode ECANCELED.  It must not use the context.
 */
typedef int (*replica_progress_fn)(const struct replica_info *info, void *data);

/*
 * Parameters of CreateReplica under their own names; "source" is the
 * MSFT_SMStorageVolume whose method it is.  The second half is what the
 * method lacks.
 */
struct replica_create_args {
	size_t size;			/* sizeof(struct replica_create_args) */
	const char *source;		/* path of the source */
	const char *element_name;	/* name of the replica; NULL: made from source */
	uint32_t sync_type;		/* enum replica_sync_type */
	uint32_t mode;			/* enum dm_replica_mode; 0: the system chooses */
	const char *target_storage_system; /* NULL, or a name of this one: no other is supported */
	const char *target_storage_volume; /* path of the target */
	const char *target_storage_pool;   /* pool.h; ignored when a volume is given */
	uint32_t recovery_point_objective; /* seconds, up to a day; 0: none, as in mode sync */
	const struct replica_settings *replication_settings; /* NULL: defaults */
	const char *username;		/* NULL: a local target has no credentials */
	const char *password;
	bool skip_initial_copy;		/* source and target are known to be equal */
	bool force;			/* overrule findings that are forceable */
	bool dry_run;			/* check, build the table, create nothing */
	uint32_t wait_for_copy_state;	/* 0: do not wait; WaitForCopyState of CIM */
	uint32_t timeout_ms;		/* of the wait, 0: no limit */
	replica_progress_fn progress;	/* NULL: none */
	void *progress_data;
	const char *meta;		/* path, or REPLICA_META_FROM_POOL; NULL: none */
	uint32_t rpo_ms;		/* the objective finer, in its place; 0: not given */
	bool no_attach;			/* refuse a source in use, mapped device or not */
	uint64_t store_bytes;		/* of a snapshot, from a pool; 0: as snapshot.h says */
	uint32_t store_percent;		/* the same as a share of the source, 1 to 101 */
	const char *token;		/* its file; sync type tokenized clone only: token.h */
	const char *store;		/* path; of a token that is captured */
	uint32_t token_timeout_ms;	/* of inactivity; 0: REPLICA_TOKEN_TIMEOUT_MS */
	uint32_t offload;		/* enum replica_offload, of a redeem: token.h */
};

/* The MSFT_SMStorageVolume that a peer embeds as its Element. */
struct replica_peer_element {
	char *device;			/* path */
	char *device_number;		/* "major:minor" */
	uint64_t size;			/* bytes */
};

/* MSFT_SMReplicaPeer. */
struct replica_peer {
	char *object_id;		/* ObjectId: of this object, the key */
	char *identifier;		/* Identifier: dm uuid of the association */
	uint32_t object_type;		/* PeerObjectType: 4 StorageVolume */
	char *peer_object_id;		/* PeerObjectId: of the target, among all systems */
	char *object_name;		/* PeerObjectName: path of the target */
	char *unique_id;		/* PeerUniqueId: WWID, dm uuid, or major:minor */
	char *system_name;		/* PeerSystemName: host name */
	char *provider_uri;		/* PeerProviderURI; NULL: this library, no other */
	bool is_cim_replication_entity_based;
	bool is_primary;		/* IsPrimary: the source, not the target */
	struct replica_peer_element element;
};

/* Freed by replica_create_result_free(). */
struct replica_create_result {
	char *element_name;		/* the name that was given or made */
	char *uuid;			/* dm uuid of the mapped device */
	char *device;			/* path of the mapped device */
	char *target_storage_volume;
	struct replica_peer peer;	/* TargetReplicaPeer */
	uint32_t job_id;		/* 0: no job */
	char *table;			/* of device-mapper; NULL: a dry run with a pool */
	struct replica_info *info;	/* NULL after a dry run */
	struct replica_finding *findings; /* all of the preflight */
	char *meta;			/* NULL: none */
	char *target_storage_pool;	/* that the target was cut from; NULL: from none */
	uint32_t ended;			/* enum replica_ended, of a clone that was waited for */
	char *token;			/* the file that was written; NULL: none */
	struct replica_pool_plan *plan;	/* of a dry run with a pool: pool.h */
};

void replica_create_result_free(struct replica_create_result *result);

/*
 * Creates a replica: a new mapped device through which the source is used from
 * now on, with target as its copy.  Source and target must not be in use.
 *
 * But a mapped device in use, or whose own name is element_name, keeps its name, uuid and
 * users and gets the table of the replica; a hidden device gets its table and is the origin.
 *
 * Returns REPLICA_JOB_STARTED when an initial copy runs (result->job_id),
 * REPLICA_SUCCESS when there is none or when it ended within the call.
 * A clone that is waited for until Synchronized is ended too, as by replica_finish().
 *
 * *result is also given out, incomplete, when the preflight refused (findings)
 * and when a wait failed (REPLICA_TIMEOUT and others): the replica exists then
 * if result->info is not NULL.
 */
int replica_create_replica(struct replica_ctx *ctx,
			   const struct replica_create_args *args,
			   struct replica_create_result **result);

/* ------------------------------------------------------------------------ */
/* Work on a replica */

/* Changes settings at run time: all of them, or none. */
int replica_set(struct replica_ctx *ctx, const char *name,
		const struct replica_settings *settings);

/*
 * SetReplicationRelationship.  job_id (0: no job) and copy_state may be NULL.
 * Returns REPLICA_JOB_STARTED with a job, else REPLICA_SUCCESS.  A state that
 * forbids the operation gives REPLICA_FAILED with SMErrorCode 6.
 */
int replica_operate(struct replica_ctx *ctx, const char *name,
		    enum dm_replica_operation operation, bool force,
		    uint32_t *job_id, uint32_t *copy_state);

/* ConfirmTargetData: waits until all earlier writes are durable on the replica. */
int replica_confirm(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms);

/*
 * Waits until a copy state is reached.  progress and info may be NULL; *info is
 * the last state seen, also after a timeout.  Ends with REPLICA_FAILED when
 * the state cannot be reached any more without an operation (Synchronized of
 * an Aborted replica), with REPLICA_NOT_FOUND when the replica goes away.
 */
int replica_wait_state(struct replica_ctx *ctx, const char *name,
		       enum dm_replica_copy_state state, uint32_t timeout_ms,
		       replica_progress_fn progress, void *progress_data,
		       struct replica_info **info);

/*
 * Ends a replica in an orderly way (CIM Detach): the state must be
 * Synchronized, everything written is confirmed on the replica, then the mapped
 * device goes away and leaves two equal devices, and no log.  With force the state does not
 * matter, and what cannot be confirmed is left.  A target that was cut from a pool stays
 * and is no longer ours, a meta device from a pool goes back; with force also where LVM does
 * not answer, which is then returned when all else is done, as is that a snapshot stays with
 * the tag by which the next replica of the name would remove it.  A mapped device that is open
 * is refused with SMErrorCode 6, with and without force, but for a source with its replica
 * under its own name, which gets its own table back.
 */
int replica_detach(struct replica_ctx *ctx, const char *name, bool force, uint32_t timeout_ms);

/*
 * Drops the mapped device now, in any state, without waiting for the replica
 * leg; the source keeps all its data, the target is whatever it is, the log on a
 * meta device is erased; what is returned when all else is done is as of replica_detach().  Also
 * removes a mapped device of ours that the kernel module does not know.
 * A mapped device that is open is refused with SMErrorCode 6, but for a source with its
 * replica under its own name; of it, also takes away what a call that was cut off left.
 */
int replica_remove(struct replica_ctx *ctx, const char *name);

#ifdef __cplusplus
}
#endif

#include <replica/capabilities.h>
#include <replica/check.h>
#include <replica/clone.h>
#include <replica/error.h>
#include <replica/events.h>
#include <replica/failover-test.h>
#include <replica/jobs.h>
#include <replica/meta.h>
#include <replica/pool.h>
#include <replica/protect.h>
#include <replica/registry.h>
#include <replica/resize.h>
#include <replica/snapshot.h>
#include <replica/token.h>
#include <replica/verify.h>

#endif /* _REPLICA_LIBREPLICA_H */
