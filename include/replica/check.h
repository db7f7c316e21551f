/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The preflight of CreateReplica; part of libreplica.h, which says what holds for all of
 * it.
 */
#ifndef _REPLICA_PUBLIC_CHECK_H
#define _REPLICA_PUBLIC_CHECK_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One result of a preflight.  Freed by replica_finding_free(). */
struct replica_finding {
	struct replica_finding *next;
	uint32_t severity;		/* enum replica_severity */
	uint32_t code;			/* enum replica_check_code */
	int ret;			/* what CreateReplica returns for it; 0: goes on */
	int sm_code;			/* SMErrorCode that belongs to it */
	bool forceable;			/* an error only without force */
	char *parameter;		/* "Source", "TargetStorageVolume", "MetaDevice", ... */
	char *sentence;
	char *found;			/* NULL if there is nothing to compare */
	char *expected;
};

void replica_finding_free(struct replica_finding *list);

/*
 * Examines whether a replica of source may be made on target, and changes
 * nothing.  name is the intended name, or NULL.  With force, findings that
 * force overrules come out as warnings.  *list has all findings, worst first;
 * NULL for none.  Returns REPLICA_SUCCESS if there is no error among them, else
 * what CreateReplica would return; the list is given out in both cases.
 */
int replica_check(struct replica_ctx *ctx, const char *source,
		  const char *target, const char *name, bool force,
		  struct replica_finding **list);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_PUBLIC_CHECK_H */
