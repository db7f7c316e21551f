/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_SNAPSHOT_CREATE_H
#define _REPLICA_SNAPSHOT_CREATE_H

#include "ondisk.h"
#include "snapshot.h"

/* A snapshot on its way. */
struct replica_snap_making {
	struct replica_ctx *ctx;
	const struct replica_create_args *args;
	struct replica_create_result *result;
	struct replica_check check;
	struct replica_info *replicas;
	struct replica_lines old;	/* the table of the source */
	char name[DM_REPLICA_NAME_LEN];
	char base[DM_REPLICA_NAME_LEN];
	char id[REPLICA_UUID_TEXT];
	unsigned int chunk;
	uint64_t sectors;
	bool made;			/* the snapshot's device is there, and ours */
};

/*
 * snapshot-check.c, return values.  params: what is no matter of devices.  devices: fills
 * in check, old, names, chunk and sectors; the findings are the caller's.
 */
int replica_snap_check_params(struct replica_ctx *ctx, const struct replica_create_args *args);
int replica_snap_check_devices(struct replica_snap_making *m);

#endif /* _REPLICA_SNAPSHOT_CREATE_H */
