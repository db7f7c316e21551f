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
	bool test;			/* it gets the mark of one */
	struct replica_check check;
	struct replica_info *replicas;
	struct replica_lines old;	/* the table of the source */
	char name[DM_REPLICA_NAME_LEN];
	char base[DM_REPLICA_NAME_LEN];
	char id[sizeof(REPLICA_TEST_UUID_MARK) + REPLICA_UUID_TEXT];
	unsigned int chunk;
	uint64_t sectors;
	bool made;			/* the snapshot's device is there, and ours */
	bool touched;			/* the kernel was told to exchange the source's table */
};

/*
 * snapshot-check.c, return values.  params: what is no matter of devices.  source: fills in
 * check, old, names and sectors, and leaves the findings to be judged; devices: chunk and the
 * store too, and judges.  The findings are the caller's.
 */
int replica_snap_check_params(struct replica_ctx *ctx, const struct replica_create_args *args);
int replica_snap_check_source(struct replica_snap_making *m);
int replica_snap_check_devices(struct replica_snap_making *m);

/*
 * Both pure.  chunk: sectors of a chunk, for the larger logical block size of source and
 * store, and the size of the store.  store_min: bytes of the smallest store with it.
 */
unsigned int replica_snap_chunk(unsigned int block, uint64_t store);
uint64_t replica_snap_store_min(unsigned int chunk);

/* snapshot-create.c: of a store that exists; create_as: also one of a test. */
int replica_snap_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			struct replica_create_result *result);
int replica_snap_create_as(struct replica_ctx *ctx, const struct replica_create_args *args,
			   bool test, struct replica_create_result *result);

/*
 * snapshot-pool.c.  create: of a store that is cut from a pool.  store_bytes: how large it is
 * to be, before that is rounded to what the pool deals in.
 */
int replica_snap_pool_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			     bool test, struct replica_create_result *result);
int replica_snap_store_bytes(struct replica_ctx *ctx, const struct replica_create_args *args,
			     const struct replica_blockdev *source, uint64_t *bytes);

#endif /* _REPLICA_SNAPSHOT_CREATE_H */
