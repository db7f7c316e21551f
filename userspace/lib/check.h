/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_CHECK_H
#define _REPLICA_CHECK_H

#include "sysfs.h"

/* What is to be examined, and what came out. */
struct replica_check {
	struct replica_ctx *ctx;
	const char *name;		/* NULL: none to examine */
	bool force;
	bool skip_copy;			/* the legs are said to be equal */
	const struct replica_info *replicas;	/* that exist already */
	struct replica_finding *findings;	/* worst first */
	bool no_memory;
	struct replica_blockdev source;
	struct replica_blockdev target;
};

/*
 * The whole preflight, but for the question whether there is a module; findings
 * belong to the caller.
 */
void replica_check_run(struct replica_check *check, const char *source,
		       const char *target);

/* The replicas that exist, or a finding that there is no module; freed by caller. */
int replica_check_replicas(struct replica_check *check,
			   struct replica_info **list);

/* The return value for the findings, with the error filled in. */
int replica_check_result(struct replica_check *check);

/* finding.c: adds one; severity, return value and so on come from its code. */
struct replica_finding *replica_finding_add(struct replica_check *check,
					    enum replica_check_code code,
					    const char *parameter,
					    const char *fmt, ...) __printf(4, 5);
/* What was found and what is expected, to be added to the last one. */
void replica_finding_compare(struct replica_check *check,
			     struct replica_finding *finding,
			     const char *found, const char *expected);
bool replica_finding_has(const struct replica_check *check,
			 enum replica_check_code code, const char *parameter);

/* in-use.c: mounts, swap, replicas, holders, exclusive opens of one device. */
void replica_check_use(struct replica_check *check,
		       const struct replica_blockdev *dev, const char *parameter);

#define REPLICA_PARAM_SOURCE	"Source"
#define REPLICA_PARAM_TARGET	"TargetStorageVolume"
#define REPLICA_PARAM_NAME	"ElementName"

#endif /* _REPLICA_CHECK_H */
