/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verify: whether the legs of a replica are equal, while they are in use; and the
 * resync that copies only what differs.  Part of libreplica.h, which says what holds
 * for all of it.
 */
#ifndef _REPLICA_VERIFY_H
#define _REPLICA_VERIFY_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Starts a job that compares the legs.  It ends with the state Synchronized, or with
 * Skewed when anything differs.  Returns REPLICA_JOB_STARTED; a state that forbids it
 * gives REPLICA_FAILED with SMErrorCode 6.  job_id may be NULL.
 */
int replica_verify(struct replica_ctx *ctx, const char *name, uint32_t *job_id);

/*
 * Waits until a job is over.  progress and job may be NULL; *job is what the kernel
 * tells of it at the end, also of one that did not complete: that is REPLICA_FAILED,
 * or the return value that the job has.
 */
int replica_wait_job(struct replica_ctx *ctx, const char *name, uint32_t id,
		     uint32_t timeout_ms, replica_progress_fn progress,
		     void *progress_data, struct replica_job **job);

/* A range of the legs. */
struct replica_diff {
	struct replica_diff *next;
	uint64_t offset;		/* bytes from the start */
	uint64_t length;		/* bytes */
};

/* What the last verify found.  Freed by replica_differences_free(). */
struct replica_differences {
	char *name;			/* of the replica */
	uint32_t job_id;		/* of the verify; 0: not known any more */
	struct replica_job *job;	/* NULL likewise; it may still run */
	uint64_t differs;		/* bytes in all, or in the ranges if more is not known */
	bool truncated;			/* there is more than the ranges say */
	struct replica_diff *ranges;	/* by offset; NULL: none */
};

void replica_differences_free(struct replica_differences *differences);

/*
 * The ranges that the last verify found different, DM_REPLICA_DIFFS_KEPT at most.
 * REPLICA_NOT_FOUND with SMErrorCode ENOENT when there was none since the mapped
 * device was made.
 */
int replica_differences(struct replica_ctx *ctx, const char *name,
			struct replica_differences **differences);

/*
 * Copies what the last verify found different from the origin to the replica, by a
 * resync in the state Skewed.  Any other state gives REPLICA_FAILED with SMErrorCode 6,
 * and is in copy_state then.  job_id and copy_state as those of replica_operate().
 */
int replica_repair(struct replica_ctx *ctx, const char *name, uint32_t *job_id,
		   uint32_t *copy_state);

enum replica_resync_flags {
	REPLICA_RESYNC_FORCE = 1u << 0,		/* everything, though it is synchronized */
	REPLICA_RESYNC_COMPARE = 1u << 1,	/* reads both, writes only what differs */
};

/* replica_operate() with DM_REPLICA_OP_RESYNC and these flags. */
int replica_resync(struct replica_ctx *ctx, const char *name, unsigned int flags,
		   uint32_t *job_id, uint32_t *copy_state);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_VERIFY_H */
