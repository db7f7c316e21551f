/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The snapshot of a replica that is about to be resynced; Documentation/design/protect.rst.
 *
 * LVM makes it of a volume of its own, with REPLICA_POOL_TAG_PROTECT.  Of a volume that was cut
 * from a pool of dm-thin it is another volume of that pool, which the directory has with the
 * same tag; and a uuid by which udev knows it: it has the file system of its source.
 *
 * Both carry the uuid of their replica, as another one may get the name; and
 * REPLICA_POOL_TAG_WHOLE as soon as the resync was seen to wait still when they were there:
 * until then nobody can tell whether the resync went on, and they are torn.
 */
#ifndef _REPLICA_LIB_PROTECT_H
#define _REPLICA_LIB_PROTECT_H

#include <replica/protect.h>

#include "check.h"
#include "info.h"
#include "ondisk.h"
#include "pool.h"
#include "sysfs.h"

/* Behind the prefix of the uuids of volumes of a pool of dm-thin. */
#define REPLICA_THIN_PROTECT_MARK	"protect-"	/* and the moment, in hexadecimal, */
#define REPLICA_PROTECT_OF_LEN		18	/* "-" and the beginning of the replica's uuid */
/* The moment, milliseconds of the time of day, follows. */
#define REPLICA_POOL_TAG_AT		"dm-replica-at."
/* The uuid of the replica follows; of dm-thin, the number of the volume that it is of. */
#define REPLICA_POOL_TAG_OF		"dm-replica-of."
#define REPLICA_POOL_TAG_LEG		"dm-replica-leg."
/* It is a copy of a replica that was whole; a device of dm-thin has no other. */
#define REPLICA_POOL_TAG_WHOLE		"dm-replica-whole"
/* Room for any of these with what follows. */
#define REPLICA_PROTECT_TAG		(sizeof(REPLICA_POOL_TAG_OF) + REPLICA_UUID_TEXT)

/* One that was found.  lv is of a pool of dm-thin, else NULL. */
struct replica_protect_copy {
	bool there;
	bool lost;
	bool whole;			/* false: torn perhaps, and no copy for anybody */
	bool kept;			/* when its replica ends: as a volume like any other */
	char name[DM_REPLICA_NAME_LEN];
	char uuid[DM_REPLICA_UUID_LEN];
	uint64_t at;
	struct replica_lv *lv;
};

/*
 * protect-find.c.  Pure: names, what device-mapper and LVM call it; at, the moment that is
 * among the tags, 0 for none; beside, the name that device-mapper has for a volume in the group
 * of another one, false: that is none; is_of, is the volume a snapshot that protects the replica
 * with that uuid, of the volume with that number, 0: of any; is_of_uuid, the same of a mapped
 * device of dm-thin.
 * uuid: that of the replica, "" if nobody knows it.
 * leg: the replica's device, examined.  legs: that, and the origin: a copy that was made of it
 * before they changed places is as much to be dealt with.  What sysfs says without either being
 * opened: devno, dm_name and dm_uuid, or nothing.  find: of one leg, a return value, also if
 * there is none; look: of the replica, else of the origin, by the kernel's devices, false for
 * none, or what cannot be told.  Both to be cleared in any case.
 * fill: info->protection; what goes wrong is no failure.
 */
void replica_protect_names(const char *name, char dm[DM_REPLICA_NAME_LEN],
			   char lv[DM_REPLICA_NAME_LEN]);
uint64_t replica_protect_at(const char *tags);
bool replica_protect_beside(const char *leg, const char *lv, char name[DM_REPLICA_NAME_LEN]);
bool replica_protect_is_of(const struct replica_lv *lv, const char *uuid, uint32_t leg);
bool replica_protect_is_of_uuid(const char *dm_uuid, const char *uuid, uint64_t *at);
void replica_protect_uuid(struct replica_ctx *ctx, const struct replica_info *info,
			  char uuid[REPLICA_UUID_TEXT]);
int replica_protect_leg(struct replica_ctx *ctx, const struct replica_info *info,
			struct replica_blockdev *leg);
void replica_protect_legs(struct replica_ctx *ctx, const struct replica_info *info,
			  struct replica_blockdev legs[REPLICA_LEGS]);
int replica_protect_find(struct replica_ctx *ctx, const struct replica_info *info,
			 const struct replica_blockdev *leg, struct replica_protect_copy *copy);
bool replica_protect_look(struct replica_ctx *ctx, const struct replica_info *info,
			  struct replica_protect_copy *copy);
void replica_protect_clear(struct replica_protect_copy *copy);
void replica_protection_free(struct replica_protection *protection);
void replica_protect_fill(struct replica_ctx *ctx, struct replica_info *info);

/*
 * protect-make.c.  Pure: store, how large the store of a thick one is to be, of a replica of
 * size bytes of which so many are to be copied, where so many are free.  judge: can there be a
 * snapshot of that leg at all?  Pure but for the error.  is_left: pure; is the volume, which has
 * the name that a snapshot of the volume leg is to get, in its way, and left by the replica with
 * that uuid?  waits: does the job of info still wait?  The error stays.  make, drop: return
 * values; what is made for a resync that waits no more is removed, and REPLICA_CACHE_OUT_OF_DATE.
 */
uint64_t replica_protect_store(uint64_t size, uint64_t dirty, uint64_t free);
int replica_protect_judge(struct replica_ctx *ctx, const char *path, const char *dm_uuid);
bool replica_protect_is_left(const struct replica_lv *lv, const char *leg, const char *uuid);
bool replica_protect_waits(struct replica_ctx *ctx, const struct replica_info *info);
int replica_protect_make(struct replica_ctx *ctx, const struct replica_info *info,
			 const struct replica_blockdev *leg,
			 const struct replica_protect_args *args,
			 struct replica_protect_copy *copy);
int replica_protect_drop(struct replica_ctx *ctx, const struct replica_protect_copy *copy);

/*
 * protect.c.  One at a time, of those who do what: "work", or "watch".
 */
int replica_protect_lock(struct replica_ctx *ctx, const char *what, const char *name, int *fd);

/* The end of a replica: whoever watches over it waits, and copies may stay. */
struct replica_protect_ending {
	int lock;			/* -1: not held */
	struct replica_protect_copy copies[REPLICA_LEGS];	/* as the legs */
};

enum replica_protect_fate {
	REPLICA_PROTECT_STAY,		/* its replica does not end */
	REPLICA_PROTECT_DROP,
	REPLICA_PROTECT_KEEP,		/* without its replica */
	REPLICA_PROTECT_REFUSE,
};

/*
 * protect-check.c.  params: before there is a target; create: of a target that was examined;
 * set: of a replica that there is.
 * end: before a replica ends: a snapshot of one that is whole goes, of whichever leg.  One of a
 * torn replica is the last consistent copy: without force that is a failure, with it the snapshot
 * stays, or goes with its replica if that goes.  fate: the same, pure.  ended: after end, in any
 * case; gone: the replica is.  Returns ret, with its error, or that a snapshot that stays could
 * not be told from one of the next replica of the name.
 */
int replica_protect_check_params(struct replica_ctx *ctx,
				 const struct replica_create_args *args);
int replica_protect_check_create(struct replica_check *check,
				 const struct replica_create_args *args);
int replica_protect_check_set(struct replica_ctx *ctx, const char *name,
			      const struct replica_settings *settings);
enum replica_protect_fate replica_protect_fate(const struct replica_info *info, bool lost,
					       bool force, bool goes, bool of_origin);
int replica_protect_end(struct replica_ctx *ctx, const char *name, bool force, bool goes,
			struct replica_protect_ending *ending);
int replica_protect_ended(struct replica_ctx *ctx, struct replica_protect_ending *ending,
			  bool gone, int ret);

#endif /* _REPLICA_LIB_PROTECT_H */
