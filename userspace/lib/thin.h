/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of dm-thin that LVM does not manage, and the volumes that are cut from them.
 *
 * The kernel lists the volumes of such a pool to nobody; who makes them has to remember their
 * numbers.  Ours are remembered in the pool itself, so that they are found wherever the pool
 * is: the volume REPLICA_THIN_FIRST is the directory, and has an entry for each of the
 * others, which follow.  The entry is written before the volume is made, and goes after it;
 * a directory without entries is removed.  It has what LVM keeps of a volume of its own:
 * name, size and tags.
 */
#ifndef _REPLICA_THIN_H
#define _REPLICA_THIN_H

#include "dm-lines.h"
#include "lvm.h"

/* The number of the directory; those below it are for others.  There are 24 bits. */
#define REPLICA_THIN_FIRST	8388608U
/* So many numbers behind it are tried, beside those that the directory has. */
#define REPLICA_THIN_TRIES	256
#define REPLICA_THIN_MAX	127	/* volumes in one pool */

/* Of the mapped devices; no replica begins so, and udev treats it as any device. */
#define REPLICA_THIN_UUID_PREFIX	"REPLICATHIN-"
/* Of the directory, while somebody works on it: capitals, so that udev hides it. */
#define REPLICA_THIN_DIR_PREFIX		"REPLICA-POOL-"

#define REPLICA_THIN_TARGET		"thin"
#define REPLICA_THIN_POOL_TARGET	"thin-pool"

/* One of two copies of the directory, the other one lies behind it. */
#define REPLICA_THIN_COPY_BYTES		65536

struct replica_thin_volume {
	uint32_t id;
	bool made;			/* false: it was about to be */
	uint64_t sectors;
	char uuid[64];			/* of its mapped device, */
	char name[128];			/* and the name */
	char tags[304];			/* "a,b" */
};

struct replica_thin_dir {
	uint64_t seq;			/* of the copy that was written last */
	size_t count;
	struct replica_thin_volume volume[REPLICA_THIN_MAX];
};

/* What the kernel says of a pool. */
struct replica_thin_status {
	uint64_t meta_used;		/* blocks of 4 KiB */
	uint64_t meta_total;
	uint64_t used;			/* blocks of the pool */
	uint64_t total;
	bool failed;
	bool read_only;
	bool full;			/* it has been out of space, and still holds writes */
	bool needs_check;
};

struct replica_thin_pool {
	char path[144];			/* "/dev/mapper/..." */
	char name[128];
	char devno[32];			/* "253:4" */
	uint64_t block;			/* bytes */
	bool stale;			/* new blocks are not zeroed */
	struct replica_thin_status status;
};

/* Does a pool, or the "volume group" of a volume, go by that name? */
bool replica_thin_is(const char *pool);

/*
 * thin-dir.c, pure.  encode: into one copy, all of it; false if that could not be read back, as
 * with a name that no volume can have.  decode: the newer of two copies that
 * lie one behind the other; 0, -ENODATA (there are zeroes) or -EBADMSG.
 * drop: forgets an entry.  tag: adds ("--addtag") or takes away ("--deltag"); false: no room.
 */
bool replica_thin_encode(const struct replica_thin_dir *dir, void *copy);
int replica_thin_decode(const void *copies, struct replica_thin_dir *dir);
void replica_thin_drop(struct replica_thin_dir *dir, struct replica_thin_volume *volume);
bool replica_thin_tag_text(char *tags, size_t size, const char *change,
			   const char *const *words, size_t count);

/*
 * thin-pool.c.  Pure: parse_status and parse_table of the pool's target, false when they
 * are not understood; meta_need: metadata in bytes that so many more blocks may take, about.
 * open: a return value; all that stands in the way of a new volume but room is a failure.
 * find: the same without a look at its state.  message: 0 or -errno.  mapped: how much the pool
 * has given to the volume that is a mapped device; 0 or -errno.
 * of_volume: pool and number of a mapped device of ours, by its table; false if it is none.
 * of_legs: the same of two, "253:4"; NULL if both are none.
 */
bool replica_thin_parse_status(const char *text, struct replica_thin_status *status);
bool replica_thin_parse_table(const char *params, struct replica_thin_pool *pool);
uint64_t replica_thin_meta_need(uint64_t blocks);
int replica_thin_find(struct replica_ctx *ctx, const char *path, struct replica_thin_pool *pool);
int replica_thin_open(struct replica_ctx *ctx, const char *path, struct replica_thin_pool *pool);
int replica_thin_mapped(const char *name, uint64_t *sectors);
int replica_thin_message(const struct replica_thin_pool *pool, const char *what, uint32_t id);
bool replica_thin_of_volume(struct replica_ctx *ctx, dev_t devno, char pool[144], uint32_t *id);
struct replica_thin *replica_thin_of_legs(struct replica_ctx *ctx, const char *target,
					  const char *meta);

/*
 * thin-work.c: work on a directory, alone.  begin: with create it is made if there is none;
 * without, work->dir is NULL then.  save: what was changed in it is durable.  end: lets
 * go of it; the error stays.  Return values.
 */
struct replica_thin_work {
	struct replica_ctx *ctx;
	struct replica_thin_pool pool;
	struct replica_thin_dir *dir;
	bool mapped;			/* its mapped device is there */
	bool known;			/* dir is what is in the pool */
	int fd;
	int lock;
	char name[64];			/* of its mapped device */
};

int replica_thin_begin(struct replica_ctx *ctx, const char *path, bool create,
		       struct replica_thin_work *work);
int replica_thin_save(struct replica_thin_work *work);
int replica_thin_end(struct replica_thin_work *work, int ret);

/* How a volume is mapped. */
enum replica_thin_at {
	REPLICA_THIN_NOWHERE,		/* not, or by a device without a table */
	REPLICA_THIN_HERE,
	REPLICA_THIN_LENT,		/* its device has the table of what was made of it */
	REPLICA_THIN_ELSEWHERE,		/* its device is another volume, as of a copy of the pool */
};

/*
 * thin-map.c: mapped devices of volumes.  make: REPLICA_NOT_FOUND if the pool has no
 * volume of that number.  gone: removes it if it is there; refuses one that is open, lent or
 * elsewhere.  follow: the pool, "253:4", and the number that are at the bottom of a live table;
 * neither is set if it is nowhere or elsewhere.
 */
struct replica_thin_map {
	const char *name;
	const char *uuid;
	uint32_t id;
	uint64_t sectors;
	int hidden;			/* from udev */
};

int replica_thin_map_make(struct replica_thin_work *work, const struct replica_thin_map *map);
int replica_thin_map_gone(struct replica_thin_work *work, const struct replica_thin_map *map);
enum replica_thin_at replica_thin_map_at(struct replica_thin_work *work,
					 const struct replica_thin_map *map, int *open_count);
enum replica_thin_at replica_thin_follow(struct replica_ctx *ctx, const struct replica_lines *top,
					 char pool[32], uint32_t *id);

/* thin.c: what lvm.h does for volumes of LVM, with the path of the pool as their group. */
int replica_thin_list(struct replica_ctx *ctx, const char *pool, struct replica_lv **list);
int replica_thin_create(struct replica_ctx *ctx, const struct replica_lvm_new *lv);
int replica_thin_remove(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag);
int replica_thin_tag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		     const char *const *tags, size_t count);
int replica_thin_activate(struct replica_ctx *ctx, const struct replica_lv *lv);
int replica_thin_by_dm_uuid(struct replica_ctx *ctx, const char *dm_uuid,
			    struct replica_lv **lv);
/*
 * thin-snapshot.c: of leg, which is a volume of its own pool.  check is called behind it: when it
 * fails there is no snapshot; else it has the tag good, and gets its mapped device then only.  So
 * who finds that device finds no other.  wake: of a leg that a killed snapshot has left
 * suspended; not while somebody is at that.  add, has_id: thin.c; an entry with that uuid.
 */
struct replica_blockdev;
struct replica_thin_order {
	const struct replica_blockdev *leg;
	const struct replica_lvm_new *lv;	/* pool, name and tags */
	uint64_t at;			/* the moment, and */
	const char *of;			/* the uuid of the replica, which its own uuid has */
	const char *good;
	int (*check)(void *data);
	void *data;
};

int replica_thin_snapshot(struct replica_ctx *ctx, const struct replica_thin_order *order);
int replica_thin_wake(struct replica_ctx *ctx, const struct replica_blockdev *leg);
int replica_thin_add(struct replica_thin_work *work, const struct replica_lvm_new *lv,
		     const char *uuid, struct replica_thin_volume **out);
bool replica_thin_has_id(const struct replica_thin_dir *dir,
			 const struct replica_thin_volume *self, uint32_t id);
/* If that device, "253:4" or NULL, is a volume of ours, its size now is remembered. */
int replica_thin_note_size(struct replica_ctx *ctx, const char *number);

#endif /* _REPLICA_THIN_H */
