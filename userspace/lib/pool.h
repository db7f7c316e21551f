/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools, and volumes that are cut from them. */
#ifndef _REPLICA_LIB_POOL_H
#define _REPLICA_LIB_POOL_H

#include <replica/pool.h>

#include "volume.h"

/* What a volume of ours carries; the name of the replica follows the second. */
#define REPLICA_POOL_TAG	"dm-replica"
#define REPLICA_POOL_TAG_NAME	"dm-replica."
/*
 * It goes back to the pool whatever is on it: its replica ends, or what lay there before it was
 * cut has not been wiped yet.  No name of a replica makes this tag.
 */
#define REPLICA_POOL_TAG_RETURN	"dm-replica-return"
/* It is the store of a snapshot, and of no use without it.  Likewise. */
#define REPLICA_POOL_TAG_STORE	"dm-replica-store"
/* And it alone has what a restore has not copied yet, as long as there is something on it. */
#define REPLICA_POOL_TAG_REST	"dm-replica-rest"

/*
 * A snapshot that LVM has made for us, which carries none of those, since it is no volume
 * that anybody could have forgotten.
 */
#define REPLICA_POOL_TAG_SNAPSHOT	"dm-replica-snapshot"
/* Besides, when it is the copy of a replica by which a failover is tested. */
#define REPLICA_POOL_TAG_TEST		"dm-replica-test"
/* Likewise, when it protects a replica that is resynced; a volume of dm-thin has it alone. */
#define REPLICA_POOL_TAG_PROTECT	"dm-replica-protect"
/* What one of dm-thin has instead when it has outlived its replica, or is about to. */
#define REPLICA_POOL_TAG_KEPT		"dm-replica-kept"

#define REPLICA_PARAM_POOL	"TargetStoragePool"

struct replica_pool {
	char vg[144];			/* or the path of a pool of dm-thin */
	char thin[128];			/* "": the volume group itself */
	uint64_t unit;			/* volumes are a multiple of so many bytes */
	uint64_t free;			/* bytes */
	bool dm_thin;			/* LVM does not manage it */
	bool stale;			/* and parts of new blocks hold what was there before */
	uint64_t meta_free;		/* bytes of its metadata */
};

/* REPLICA_NOT_FOUND, with what was looked for, when there is no such pool. */
int replica_pool_open(struct replica_ctx *ctx, const char *text, struct replica_pool *pool);
/* Pure.  Its unit and room, of what lvs said; a return value. */
int replica_pool_take_thin(struct replica_ctx *ctx, const struct replica_lv *lv,
			   struct replica_pool *pool);

/* Pure.  The same of a pool of dm-thin. */
void replica_pool_take_dm(const struct replica_thin_pool *dm, struct replica_pool *pool);
/* Pure.  Does it give space to a volume when it is written only? */
bool replica_pool_is_thin(const struct replica_pool *pool);

/* "VG", "VG/THINPOOL" or the path, to be freed; NULL without memory. */
char *replica_pool_name(const struct replica_pool *pool);

/* Pure.  Does the text mean the pool of that name, with or without "/dev/"? */
bool replica_pool_is(const char *text, const char *name);
/* Pure.  Bytes of a target for a source: its label has room behind what is mirrored. */
uint64_t replica_pool_target_bytes(uint64_t source);
/* bytes rounded up to whole units; 0: that cannot be. */
uint64_t replica_pool_round(uint64_t bytes, uint64_t unit);
/* The name of a replica with what LVM does not take made to "_". */
void replica_pool_stem(const char *name, char *stem, size_t size);
/* Room for such a name, with which "replica-" and "-replica-999" fit into one of LVM. */
#define REPLICA_POOL_STEM	100
/* The tag of the volumes that were cut for it. */
#define REPLICA_POOL_NAME_TAG	(REPLICA_POOL_STEM + sizeof(REPLICA_POOL_TAG_NAME))
void replica_pool_name_tag(const char *name, char tag[REPLICA_POOL_NAME_TAG]);
/* The same as the beginning of a volume's name, changed if LVM reserves it; 8 characters more. */
void replica_pool_volume_stem(const char *stem, char *name, size_t size);

/*
 * Who cuts holds the lock shared until the volumes belong to a replica; who looks for
 * what is left holds it alone.
 */
int replica_pool_lock(struct replica_ctx *ctx, bool alone, int *fd);
void replica_pool_unlock(int *fd);

/*
 * The volumes of one replica that were cut from a pool; NULL for those that were not.  Where
 * the legs have changed places the one that was cut as the target is the origin.
 */
struct replica_cut {
	struct replica_pool pool;
	struct replica_lv *target;
	struct replica_lv *origin;
	struct replica_lv *meta;
	int lock;			/* -1: not held */
};

/*
 * pool-cut.c.  make: makes both, meta_bytes 0: the target alone; make_store: a target that
 * is the store of a snapshot; after a failure nothing is left, or the error says what.
 * undo: gives them back; the error stays.
 */
int replica_cut_make(struct replica_ctx *ctx, struct replica_cut *cut, const char *name,
		     uint64_t bytes, uint64_t meta_bytes);
int replica_cut_make_store(struct replica_ctx *ctx, struct replica_cut *cut, const char *name,
			   uint64_t bytes);
int replica_cut_room(struct replica_ctx *ctx, const struct replica_pool *pool,
		     uint64_t bytes, uint64_t meta_bytes);
void replica_cut_undo(struct replica_ctx *ctx, struct replica_cut *cut);
void replica_cut_clear(struct replica_cut *cut);

/*
 * once_tag: a tag that no other call has, for what a command makes.  undo_half: removes all
 * that carries it, after a command that failed; the error stays.  free_name: "STEM-ROLE",
 * with a number if there is such a volume already.
 */
#define REPLICA_CUT_TAG		48
void replica_cut_once_tag(char tag[REPLICA_CUT_TAG]);
void replica_cut_undo_half(struct replica_ctx *ctx, const char *vg, const char *tag);
int replica_cut_free_name(struct replica_ctx *ctx, const char *vg, const char *stem,
			  const char *role, char *name, size_t size);

/*
 * pool-plan.c: what would be cut, in bytes that are not rounded yet; NULL without memory.
 */
struct replica_pool_plan *replica_pool_plan_new(const struct replica_pool *pool,
						uint64_t source, uint64_t target,
						uint64_t meta);

/* pool-create.c: run makes a replica of volumes that exist. */
typedef int (*replica_create_fn)(struct replica_ctx *ctx,
				 const struct replica_create_args *args,
				 struct replica_cut *cut,
				 struct replica_create_result **result);
int replica_pool_check_args(struct replica_ctx *ctx, const struct replica_create_args *args);
int replica_pool_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			replica_create_fn run, struct replica_create_result **result);

/*
 * pool-return.c.  find: the volume that is this mapped device, if it has the tag, else
 * NULL.  legs: the volumes of a replica that carry our tag; origin: that one alone.  keep:
 * takes the tags off the target, and the origin, for they are to stay.  looks_cut: pure; may
 * the mapped device be a volume that was cut as a target, by its name and uuid?  doom: marks
 * both as to go; spare: takes that back, the error stays.  give_back: removes the meta device,
 * and the target if it is to go; list may be NULL.  has_snapshot: pure; one that would go with
 * the volume, among all of its group.  alone: fails if there is one; to be asked right before
 * the volume is removed.
 */
int replica_pool_find(struct replica_ctx *ctx, const char *dm_uuid, const char *tag,
		      struct replica_lv **lv);
bool replica_lv_has_snapshot(const struct replica_lv *list, const struct replica_lv *lv);
int replica_pool_alone(struct replica_ctx *ctx, const struct replica_lv *lv);
int replica_pool_legs(struct replica_ctx *ctx, const char *name, struct replica_cut *legs);
int replica_pool_origin(struct replica_ctx *ctx, const char *name, struct replica_cut *legs);
bool replica_pool_looks_cut(const char *dm_name, const char *dm_uuid);
/* What no end of a snapshot would change: is there a target that may go? */
int replica_pool_was_cut(struct replica_ctx *ctx, const char *name,
			 const struct replica_cut *legs);
/* protected: the snapshot that protects the replica is not in the way, it goes before. */
int replica_pool_returnable(struct replica_ctx *ctx, const char *name,
			    const struct replica_cut *legs, bool protected);
int replica_pool_keep(struct replica_ctx *ctx, const struct replica_cut *legs);
/* The replica goes on: its volumes get back what keep has taken.  The error stays. */
void replica_pool_unkeep(struct replica_ctx *ctx, const struct replica_cut *legs);
/* It has ended: those of dm-thin are nobody's business any more.  The error stays. */
void replica_pool_kept(struct replica_ctx *ctx, const struct replica_cut *legs);
int replica_pool_doom(struct replica_ctx *ctx, const struct replica_cut *legs);
void replica_pool_spare(struct replica_ctx *ctx, const struct replica_cut *legs);
/*
 * Of a replica whose target stays, also one that was marked as to go when a return to the pool
 * was cut off.  note_target: its dm uuid, "" if it has none.  unmark: asks LVM, so it is for
 * afterwards.  The error stays.
 */
void replica_pool_note_target(struct replica_ctx *ctx, const char *name,
			      char dm_uuid[DM_REPLICA_UUID_LEN]);
void replica_pool_unmark(struct replica_ctx *ctx, const char *dm_uuid);
int replica_pool_give_back(struct replica_ctx *ctx, const struct replica_cut *legs,
			   bool target, struct replica_pool_volume **list);

/* Adds to the end; false: no memory.  reason NULL: it goes. */
bool replica_pool_volume_add(struct replica_pool_volume **list, const struct replica_lv *lv,
			     const char *reason);

#endif /* _REPLICA_LIB_POOL_H */
