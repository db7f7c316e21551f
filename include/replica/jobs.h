/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: the copying and comparing that goes on behind a replica.  Part of libreplica.h, which
 * says what holds for all of it.
 *
 * The kernel keeps the last 16 jobs of a replica as long as that is there.  What this library
 * ends leaves its jobs in the registry, where they stay for a while, at most 256 of all
 * replicas; so a job can be asked for that was over together with its replica, as that of a
 * clone is.
 */
#ifndef _REPLICA_JOBS_H
#define _REPLICA_JOBS_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * TimeBeforeRemoval of a job whose replica has ended: what made a copy is to be kept for a day,
 * and any other job for 15 minutes.
 */
#define REPLICA_JOB_KEPT_MS		900000
#define REPLICA_JOB_KEPT_COPY_MS	86400000

/* MSFT_SMJob.  Freed by replica_job_free(). */
struct replica_job {
	struct replica_job *next;
	char *name;			/* replica it belongs to; NULL inside replica_info */
	uint32_t id;
	uint32_t type;			/* enum dm_replica_job_type */
	uint32_t state;			/* enum dm_replica_job_state */
	uint32_t percent;		/* 0 to 100 */
	uint64_t bytes_done;
	uint64_t bytes_total;
	uint64_t start_time;		/* time of day */
	uint64_t elapsed_ms;
	uint64_t eta_ms;		/* only if has_eta */
	bool has_eta;
	uint32_t error_code;		/* a CreateReplica return value */
	char *error_text;		/* NULL: none */
	uint64_t differs;		/* bytes that a verify found different */
	uint64_t replica_ended;		/* time of day; 0: its replica has not */
	uint64_t kept_ms;		/* from then on; 0: as long as the replica is there */
	uint64_t offloaded;		/* part of bytes_done that the devices copied */
};

void replica_job_free(struct replica_job *list);

/*
 * Jobs of one replica, or of all when name is NULL; *jobs is NULL for none.  Ordered by
 * replica; jobs of replicas of that name that have ended come first.  A name that only those
 * had is found, too.
 */
int replica_jobs(struct replica_ctx *ctx, const char *name, struct replica_job **jobs);
/* One of them; where two replicas of a name had that number, the later one's. */
int replica_job_get(struct replica_ctx *ctx, const char *name, uint32_t id,
		    struct replica_job **job);
int replica_job_cancel(struct replica_ctx *ctx, const char *name, uint32_t id);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_JOBS_H */
