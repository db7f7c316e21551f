/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots by dm-snapshot.  Each has a hidden device of its own, the base, which has
 * the table that the source had; the source has "snapshot-origin BASE" in its place,
 * and the snapshot is "snapshot BASE STORE PO CHUNK".  A second snapshot puts its base
 * between the source and the first one's, so that each is added and taken out without
 * a touch of the others:
 *
 *	source -> base of the newest -> ... -> base of the oldest -> what was there
 *
 * The kernel's tables are all the memory that there is: a snapshot and its base are
 * found by their uuids, and what lies on a base by its table.
 */
#ifndef _REPLICA_SNAPSHOT_H
#define _REPLICA_SNAPSHOT_H

#include "check.h"
#include "dm-lines.h"

struct replica_lv;

/* What follows is the uuid of the association. */
#define REPLICA_SNAP_UUID_PREFIX	"REPLICA-snap-"	/* udev: links go to the source */
#define REPLICA_TOKEN_UUID_PREFIX	"REPLICA-TOKEN-"	/* of a token: token.h */
/* Of the copy of a replica by which a failover is tested; its base is as any other. */
#define REPLICA_TEST_UUID_MARK		"test-"
#define REPLICA_TEST_UUID_PREFIX	"REPLICA-snap-test-"
#define REPLICA_BASE_UUID_PREFIX	"REPLICA-BASE-"	/* capitals: udev hides it */
#define REPLICA_BASE_SUFFIX		"-base"

/* SupportedReplicationTypes */
#define REPLICA_SNAPSHOT_LOCAL	6
#define REPLICA_TOKENIZED_LOCAL	14

#define REPLICA_SNAP_TARGET		"snapshot"
#define REPLICA_SNAP_ORIGIN_TARGET	"snapshot-origin"
#define REPLICA_SNAP_MERGE_TARGET	"snapshot-merge"
#define REPLICA_SNAP_KEPT_TARGET	"linear"

/* All mapped devices, each with its live table. */
struct replica_maps {
	size_t count;
	struct replica_lines *map;
};

/* A snapshot among them; members that are not there are NULL. */
struct replica_snap {
	struct replica_ctx *ctx;
	struct replica_maps maps;
	const struct replica_lines *self;
	const struct replica_lines *base;
	const struct replica_lines *upper;	/* what lies on the base */
	const struct replica_lines *source;	/* what people use */
	bool merging;			/* upper has the target snapshot-merge */
	bool kept;			/* of a restore that failed: see snapshot-again.c */
	bool holds;			/* kept, and the source is held */
	dev_t store;			/* 0: not known any more */
	unsigned int chunk;		/* sectors */
	/* Of one that LVM has made, which has no base: snapshot-lvm.h */
	struct replica_lv *lvs;		/* what LVM says */
	const struct replica_lv *lv;	/* one of them; NULL: dm-snapshot's */
	bool thin;			/* the store is a thin pool */
};

/* What the kernel says of a store; all in sectors. */
struct replica_usage {
	uint64_t used;
	uint64_t total;
	uint64_t metadata;		/* of what is used */
	bool valid;			/* the three above are known */
	bool overflow;			/* a write to the snapshot found no room */
	bool merge_failed;
};

/*
 * snapshot-dm.c.  Return values, but for maps_read and usage: 0 or -errno.
 * parse_usage: pure, of what a snapshot or its merge says.
 *
 * resume: exchanges the tables if a second one is loaded, within one call; with
 * freeze, file systems on the device are brought to rest before.  load_read_only: with
 * such a table the device is read-only.  REPLICA_TIMEOUT: it is done, and udev is late.
 * wake: the kernel may leave a device suspended whose tables it could not exchange: it gets
 * the old one again and goes on; the error stays.
 */
#define REPLICA_UDEV_HIDDEN	1	/* udev leaves the device alone */

int replica_maps_read(struct replica_ctx *ctx, struct replica_maps *maps);
void replica_maps_clear(struct replica_maps *maps);
void replica_snap_parse_usage(const char *text, struct replica_usage *usage);
int replica_snap_usage(const char *name, struct replica_usage *usage);
int replica_snap_make(struct replica_ctx *ctx, const char *name, const char *uuid);
int replica_snap_load(struct replica_ctx *ctx, const char *name, uint64_t sectors,
		      const char *type, const char *params);
int replica_snap_load_read_only(struct replica_ctx *ctx, const char *name, uint64_t sectors,
				const char *type, const char *params);
int replica_snap_resume(struct replica_ctx *ctx, const char *name, int hidden, bool freeze);
int replica_snap_suspend(struct replica_ctx *ctx, const char *name);
void replica_snap_wake(struct replica_ctx *ctx, const char *name, const struct replica_lines *old);

/*
 * snapshot.c.  map_by_name: NULL for none.  is: does the name (a dm name) belong to a
 * snapshot, or to a token?  id: what follows the prefix in the uuid of one, else NULL.
 * none: fails if it is one, for functions that are for mirrors.  find: looks it up; a return
 * value, to be cleared in any case.  info: its state, or a list of all; jobs go to the end of
 * a list, of all snapshots for name NULL.
 * idle: REPLICA_SUCCESS when nobody has the device open; udev may for a moment.
 */
const struct replica_lines *replica_map_by_name(const struct replica_maps *maps, const char *name);
const char *replica_snap_id(const char *uuid);
bool replica_snap_is(struct replica_ctx *ctx, const char *name);
int replica_snap_none(struct replica_ctx *ctx, const char *name);
int replica_snap_find(struct replica_ctx *ctx, const char *name, struct replica_snap *snap);
void replica_snap_clear(struct replica_snap *snap);
bool replica_snap_is_base(const struct replica_lines *map);
int replica_snap_info(struct replica_ctx *ctx, const char *name, struct replica_info **info);
int replica_snap_list(struct replica_ctx *ctx, struct replica_info **list);
int replica_snap_jobs(struct replica_ctx *ctx, const char *name, struct replica_job **jobs);
int replica_snap_idle(struct replica_ctx *ctx, const char *name, const char *what);

/* The store that is in a table, if it is that of a snapshot, or of a source that is merged. */
void replica_snap_parse_store(struct replica_snap *snap, const struct replica_lines *table);

/*
 * snapshot-state.c.  info_new: of one that was found; a return value.  set_state, set_usage:
 * parts of it; 0 or -ENOMEM.  set_good: the state of one that is Synchronized; full: and has
 * its room in a thin pool without any.
 */
int replica_snap_info_new(const struct replica_snap *snap, struct replica_info **info);
void replica_snap_set_state(struct replica_info *info, uint32_t state, uint32_t progress,
			    const char *reason);
void replica_snap_set_good(const struct replica_snap *snap, struct replica_info *info, bool full);
int replica_snap_set_usage(struct replica_info *info, const struct replica_usage *usage);

/* The length of a table in sectors. */
uint64_t replica_lines_sectors(const struct replica_lines *lines);

/*
 * snapshot-create.c: CreateReplica with SyncType 7.  create_test: the same, with a mark by
 * which the copy is known as that of a test: in its uuid, or a tag if LVM makes it.
 * snapshot-end.c.  end: the source gets its table back, the snapshot and its base go,
 * the store is free, and goes back if it was cut from a pool; also of one whose creation
 * or end was cut short.  A store with what a restore that failed could not copy stays.
 * list (may be NULL): what went back.  What is in use is refused.  With force a restore that
 * failed is given up, and the store keeps its rest.  end_locked: for who holds
 * replica_lock_tables(), without force; store is the device-mapper uuid of a store that is of
 * no more use to anybody, "" if there is none, and is for the caller to give back.  needed:
 * does the store hold what a restore that failed could not copy?  merge_over: is all copied?
 * fail_given_up: a restore has failed and was given up.
 * snapshot-restore.c: replica_restore(), the source becomes what the snapshot is.
 * wipe: both ends of a store that is still in use, if it is what it was when it was looked at.
 */
int replica_snap_create_replica(struct replica_ctx *ctx, const struct replica_create_args *args,
				struct replica_create_result **result);
int replica_snap_create_test(struct replica_ctx *ctx, const struct replica_create_args *args,
			     struct replica_create_result **result);
int replica_snap_end_locked(struct replica_ctx *ctx, const char *name,
			    char store[DM_REPLICA_UUID_LEN]);
int replica_snap_end(struct replica_ctx *ctx, const char *name, bool force,
		     struct replica_pool_volume **list);
bool replica_snap_store_needed(const struct replica_snap *snap);
bool replica_snap_merge_over(const struct replica_usage *usage);
int replica_snap_fail_given_up(const struct replica_snap *snap);
int replica_snap_wipe(struct replica_ctx *ctx, const struct replica_blockdev *store);

/*
 * snapshot-again.c.  torn: the source is partly restored, and nothing goes on with it.
 * keep: the snapshot says from now on where its store is, and with hold that the source is.
 * again: goes on with a restore that failed, or was gone on with and the tool killed.
 * set: a table of one line, live at once; "error" lets go of whatever the snapshot has.
 */
bool replica_snap_torn(const struct replica_snap *snap);
int replica_snap_keep(struct replica_snap *snap, bool hold);
int replica_snap_again(struct replica_snap *snap);
int replica_snap_set(struct replica_snap *snap, const struct replica_lines *map, const char *type,
		     const char *params, int hidden);

/*
 * snapshot-pool.c.  give_back: removes a store that was cut from a pool, by the uuid that
 * end_locked gave out; any other is left alone.  return: ends a snapshot whose store was cut from
 * a pool, and no other.  from_pool: was it?  No, if LVM does not tell.
 * mark_rest: if the store has what a restore has not copied yet, and was cut from a pool, it
 * is not taken for a stale one from now on, whatever becomes of the snapshot.
 */
int replica_snap_give_back(struct replica_ctx *ctx, const char *name, const char *dm_uuid,
			   struct replica_pool_volume **list);
int replica_snap_return(struct replica_ctx *ctx, const char *name,
			struct replica_pool_volume **list);
bool replica_snap_from_pool(const struct replica_snap *snap);
int replica_snap_mark_rest(struct replica_ctx *ctx, const char *name);

/*
 * snapshot-watch.c: what has changed since the last look, of one snapshot or of all.
 * new: NULL without memory.  step gives out one event after another, NULL when there is
 * no more until the next look.
 */
struct replica_snap_watch;

struct replica_snap_watch *replica_snap_watch_new(struct replica_ctx *ctx, const char *name);
void replica_snap_watch_free(struct replica_snap_watch *watch);
/* 0 or -ENOMEM; looks at the kernel if a second has passed since the last time. */
int replica_snap_watch_step(struct replica_ctx *ctx, struct replica_snap_watch *watch,
			    struct replica_event **event);
/* Milliseconds until it is worth to look again; -1: never. */
int replica_snap_watch_nap(const struct replica_snap_watch *watch);

#endif /* _REPLICA_SNAPSHOT_H */
