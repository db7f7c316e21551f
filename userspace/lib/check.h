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
	bool no_attach;			/* a source in use is refused */
	bool token;			/* the source is that of a token: read-only, and shared */
	bool attach;			/* found: the source keeps its name, with a replica */
	bool in_use;			/* found: and it is in use meanwhile */
	const struct replica_info *replicas;	/* that exist already */
	struct replica_finding *findings;	/* worst first */
	bool no_memory;
	struct replica_blockdev source;
	struct replica_blockdev target;
	struct replica_blockdev meta;
	uint64_t meta_bytes;		/* that a meta device must have; 0: not known */
};

/*
 * The whole preflight, but for the question whether there is a module; findings
 * belong to the caller.  target NULL: all that is to be said without one.
 */
void replica_check_run(struct replica_check *check, const char *source,
		       const char *target);

/* The same, the meta device and the module, by arguments; gives a return value. */
int replica_check_args(struct replica_check *check, const struct replica_create_args *args,
		       struct replica_info **replicas);

/*
 * Single steps.  open: true if the device can be examined further.  The others add
 * what they find.
 */
void replica_check_name(struct replica_check *check);
bool replica_check_open(struct replica_check *check, const char *path,
			const char *parameter, struct replica_blockdev *dev);
void replica_check_same(struct replica_check *check, const struct replica_blockdev *a,
			const struct replica_blockdev *b, const char *parameter);
void replica_check_overlap(struct replica_check *check, const struct replica_blockdev *a,
			   const struct replica_blockdev *b, const char *parameter);
void replica_check_read_only(struct replica_check *check,
			     const struct replica_blockdev *dev, const char *parameter);
void replica_check_signature(struct replica_check *check,
			     const struct replica_blockdev *dev, const char *parameter);

/*
 * check-meta.c.  log: is the device the meta device of an association?  meta: is
 * path (NULL: none) fit to be the meta device of check->source and check->target?
 */
void replica_check_log(struct replica_check *check, const struct replica_blockdev *dev,
		       const char *parameter);
void replica_check_meta(struct replica_check *check, const char *path,
			const struct replica_settings *settings);

/* The replicas that exist, or a finding that there is no module; freed by caller. */
int replica_check_replicas(struct replica_check *check,
			   struct replica_info **list);

/* The return value for the findings, with the error filled in. */
int replica_check_result(struct replica_check *check);

/*
 * opened.c: is what fd has opened by the path of dev still the device that was checked?
 * A return value, REPLICA_CACHE_OUT_OF_DATE when number or size differ.
 *
 * replica_check_no_data: has it got data since it was checked?  For who has it alone.
 *
 * replica_opened_path: what leads to the device that fd has open, whatever its own path does.
 *
 * replica_open_target: opens a device that was checked, for nobody else, and looks at all of
 * that again, and without force whether it has got data.
 */
#define REPLICA_OPENED_PATH	32
void replica_opened_path(int fd, char path[REPLICA_OPENED_PATH]);
int replica_check_opened(struct replica_ctx *ctx, const struct replica_blockdev *dev, int fd);
int replica_check_no_data(struct replica_ctx *ctx, const struct replica_blockdev *dev, int fd);
int replica_open_target(struct replica_ctx *ctx, const struct replica_blockdev *dev, bool force,
			int *fd);

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
#define REPLICA_PARAM_META	"MetaDevice"
#define REPLICA_PARAM_NAME	"ElementName"
#define REPLICA_PARAM_SIZE	"Size"
#define REPLICA_PARAM_STORE	"StoreSize"

#endif /* _REPLICA_CHECK_H */
