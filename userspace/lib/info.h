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

/* operate.c */
int replica_confirm_name(struct replica_ctx *ctx, struct replica_genl *g,
			 const char *name, uint32_t timeout_ms);

/* wait.c */
struct replica_wait {
	const char *name;		/* dm name */
	uint32_t state;
	uint64_t timeout_ms;		/* 0: no limit */
	replica_progress_fn progress;
	void *progress_data;
	struct replica_info **info;	/* the last state seen; never NULL */
};

int replica_wait_run(struct replica_ctx *ctx, const struct replica_wait *wait);

#endif /* _REPLICA_INFO_H */
