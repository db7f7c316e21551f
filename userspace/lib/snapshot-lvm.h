/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots of logical volumes.  LVM makes, merges and removes them, and lays the tables:
 *
 *	thick	source "snapshot-origin REAL", snapshot "snapshot REAL COW P CHUNK"
 *	merged	source "snapshot-merge REAL COW P CHUNK", snapshot "error"
 *	thin	both "thin POOL ID": nothing but LVM's metadata says whose snapshot it is
 *
 * A volume with REPLICA_POOL_TAG_SNAPSHOT that has a source is ours, and no other.  The
 * kernel is asked first: without a volume in it that may be a snapshot LVM is not, and as
 * long as these, their names and their sources are the same what LVM has said holds for the
 * context.  They outlive a
 * reboot; one that is not active is not seen.
 */
#ifndef _REPLICA_SNAPSHOT_LVM_H
#define _REPLICA_SNAPSHOT_LVM_H

#include "pool.h"
#include "snapshot.h"

/* What the kernel says of a thin pool, in blocks of it. */
struct replica_thin_usage {
	uint64_t used;
	uint64_t total;
	bool failed;			/* then nothing else is known */
	bool full;			/* writes wait or fail */
};

/*
 * snapshot-lvm.c, the first four pure.  volume: what is behind "LVM-" in the uuid of a whole
 * volume, NULL for any other.  may_be: a snapshot, by its table.  link: fills in lv and what
 * follows from maps and lv; self is the map of that volume.  parse_thin: 0 or -EPROTO.
 */
const char *replica_lvsnap_volume(const char *uuid);
bool replica_lvsnap_may_be(const struct replica_lines *map);
void replica_lvsnap_link(struct replica_snap *snap, const struct replica_lines *self,
			 const struct replica_lv *lv);
int replica_lvsnap_parse_thin(const char *status, struct replica_thin_usage *usage);

/*
 * Of the maps in snap, which are read anew when LVM was asked.  find: REPLICA_NOT_FOUND
 * without a word if name is none.  list: all that LVM knows, for snap->lvs.  next: of these,
 * from lv on, the first that is a snapshot and active.
 */
int replica_lvsnap_find(struct replica_snap *snap, const char *name);
int replica_lvsnap_list(struct replica_snap *snap);
const struct replica_lv *replica_lvsnap_next(const struct replica_snap *snap,
					     const struct replica_lv *lv,
					     const struct replica_lines **self);

/* Does the name belong to a volume of LVM?  For what is known to be a snapshot. */
bool replica_lvsnap_is(struct replica_ctx *ctx, const char *name);

/* The mapped device of the snapshot that LVM calls text, "LV" or "VG/LV"; false: none, or two. */
bool replica_lvsnap_alias(struct replica_ctx *ctx, const char *text,
			  char name[DM_REPLICA_NAME_LEN]);

/* What LVM has said is asked for again. */
void replica_lvsnap_forget(struct replica_ctx *ctx);

/* 0 or -ENOMEM: the state of a thin one. */
int replica_lvsnap_thin_state(const struct replica_snap *snap, struct replica_info *info);

/*
 * snapshot-lvm-create.c.  source: is that of args a volume of LVM?  create: a snapshot of it;
 * tags: that it gets besides, NULL for fewer.  check: whether create would make one; changes
 * nothing.
 * The findings are the caller's.
 * judge, judge_target: pure but for the error; can lv (NULL: LVM has none such) have one, and
 * there?
 */
int replica_lvsnap_judge(struct replica_ctx *ctx, const char *path, const struct replica_lv *lv);
int replica_lvsnap_judge_target(struct replica_ctx *ctx, const struct replica_create_args *args,
				const struct replica_lv *lv);
bool replica_lvsnap_source(struct replica_ctx *ctx, const struct replica_create_args *args);
int replica_lvsnap_check(struct replica_ctx *ctx, const struct replica_create_args *args,
			 struct replica_finding **findings);
int replica_lvsnap_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			  const char *const tags[3], struct replica_create_result *result);

/*
 * snapshot-lvm-end.c: as replica_snap_end(), and replica_restore() of a name that is
 * resolved; list may be NULL.
 */
int replica_lvsnap_end(struct replica_ctx *ctx, const char *name,
		       struct replica_pool_volume **list);
int replica_lvsnap_restore(struct replica_ctx *ctx, const char *name, uint32_t timeout_ms,
			   replica_progress_fn progress, void *data);

#endif /* _REPLICA_SNAPSHOT_LVM_H */
