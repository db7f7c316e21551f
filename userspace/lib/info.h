/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_INFO_H
#define _REPLICA_INFO_H

#include "replica-private.h"

/*
 * For use within a call that has begun already.  name is a dm name.  Return
 * values with the error filled in.
 */
int replica_info_read(struct replica_ctx *ctx, struct replica_genl *g,
		      const char *name, struct replica_info **info);
int replica_info_list(struct replica_ctx *ctx, struct replica_genl *g,
		      struct replica_info **list);

/* Pure.  The replica, and what was the replica before they changed places, or will be. */
#define REPLICA_LEGS	2
/* Their numbers, 0 for one that is not told. */
void replica_info_legs(const struct replica_info *info, dev_t legs[REPLICA_LEGS]);

/*
 * association.c: pure.  Fills in what MSFT_SMStorageSynchronizedBase has besides: sync_maintained,
 * sync_state, replica_type and when_activated, by the kind, the state and the progress.
 */
void replica_info_associate(struct replica_info *info);

/* operate.c */
int replica_confirm_name(struct replica_ctx *ctx, struct replica_genl *g,
			 const char *name, uint32_t timeout_ms);

/* verify.c: SUCCESS in the state in which there is something to repair. */
int replica_repair_fault(struct replica_ctx *ctx, const struct replica_info *info);

/* jobs.c: one, or all for id 0; of all replicas for name NULL. */
int replica_jobs_read(struct replica_ctx *ctx, const char *name, uint32_t id,
		      struct replica_job **jobs);
/* One, of a replica that has ended, too. */
int replica_job_find(struct replica_ctx *ctx, const char *name, uint32_t id,
		     struct replica_job **job);

/* wait.c */
struct replica_wait {
	const char *name;		/* dm name */
	uint32_t state;			/* of the copy; 0: the job is waited for */
	uint32_t job_id;
	uint64_t timeout_ms;		/* 0: no limit */
	bool patient;			/* a clone that others may bring to go on is no failure */
	replica_progress_fn progress;
	void *progress_data;
	struct replica_info **info;	/* the last state seen; never NULL */
	struct replica_job **job;	/* as it ended */
};

int replica_wait_run(struct replica_ctx *ctx, const struct replica_wait *wait);

/*
 * Pure.  Is a wait for that state over, now or because an event told of it before?  Not as long
 * as the legs have yet to get their places back.
 */
bool replica_wait_reached(const struct replica_info *info, uint32_t state, bool was_reached);

#endif /* _REPLICA_INFO_H */
