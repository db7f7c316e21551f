/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_TABLE_H
#define _REPLICA_TABLE_H

#include "replica-private.h"

#define REPLICA_TARGET_NAME	"replica"

/* Longest leg in a table line, with the final zero. */
#define REPLICA_LEG_LEN		128

/* The parameters of the target, without start and length. */
struct replica_table {
	char origin[REPLICA_LEG_LEN];	/* path or "major:minor" */
	char replica[REPLICA_LEG_LEN];
	char meta[REPLICA_LEG_LEN];	/* "-" if none */
	unsigned int mode;		/* enum dm_replica_mode */
	bool skip_copy;			/* feature "sync skip" */
	bool compare;			/* feature "sync compare" */
	bool stale_accept;		/* feature "stale accept" */
	bool clone;			/* feature "role clone" */
	uint32_t swaps;			/* feature "swaps"; 0: never */
	uint32_t offload;		/* feature "offload", seconds; 0: none */
	struct replica_settings settings;
};

/*
 * Both are pure.  build: 0, -EINVAL for a leg or mode that cannot be in a line,
 * -ENOSPC.  parse: 0, or -EINVAL with the reason.
 */
int replica_table_build(const struct replica_table *table, char *line,
			size_t size);
int replica_table_parse(const char *line, struct replica_table *table,
			const char **why);

/* Does the line need a read-only table? */
bool replica_table_read_only(const char *params);

#endif /* _REPLICA_TABLE_H */
