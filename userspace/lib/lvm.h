/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LVM, by its commands: nothing else of the library runs them or knows their words.
 * Functions with a context give return values with the error filled in; what LVM says
 * is the error's SMMessage.
 */
#ifndef _REPLICA_LVM_H
#define _REPLICA_LVM_H

#include "replica-private.h"

/* A logical volume.  All strings are there; "" for none. */
struct replica_lv {
	struct replica_lv *next;
	char *name;
	char *vg;
	char *uuid;			/* with its dashes, as LVM shows it */
	char *path;			/* "/dev/mapper/..." */
	char *segtype;			/* "linear", "thin", "thin-pool", ... */
	char *pool;			/* of a thin volume */
	char *origin;			/* of a snapshot */
	char *tags;			/* "a,b" */
	char *shown;			/* to people: "VG/NAME", or the path */
	uint64_t size;			/* bytes */
	uint64_t extent_size;		/* bytes, of its volume group */
	uint64_t chunk_size;		/* bytes, of a thin pool */
	unsigned int data_used;		/* of a thin pool, in 1/100 percent */
	bool data_known;		/* else it is not active, or failed, and data_used 0 */
	bool active;
	bool open;
	bool merging;			/* its origin becomes what it is, now or later */
	uint32_t thin_id;		/* in a pool that LVM does not manage, else 0 */
	bool lent;			/* of such a pool: a snapshot or a replica is made of it */
};

struct replica_vg {
	struct replica_vg *next;
	char *name;
	uint64_t extent_size;		/* bytes */
	uint64_t free;			/* bytes */
};

void replica_lv_free(struct replica_lv *list);
void replica_vg_free(struct replica_vg *list);
bool replica_lv_has_tag(const struct replica_lv *lv, const char *tag);

/*
 * lvm-report.c, pure: what lvs and vgs say with --reportformat json.  Each volume once,
 * in their order.  0, -EPROTO (it is none such), or -ENOMEM.
 */
int replica_lvm_parse_lvs(const char *json, struct replica_lv **list);
int replica_lvm_parse_vgs(const char *json, struct replica_vg **list);

/* Can LVM have a volume (group) of that name?  Nothing else may get into a command. */
bool replica_lvm_name_ok(const char *name);

/*
 * Pure.  What device-mapper calls a volume: dashes are doubled.  False: its name would be
 * too long, and is cut off.
 */
bool replica_lvm_dm_name(const char *vg, const char *lv, char name[DM_REPLICA_NAME_LEN]);

/* *vg or *lv is NULL when there is none such, or the device is no volume. */
int replica_lvm_vg(struct replica_ctx *ctx, const char *name, struct replica_vg **vg);
int replica_lvm_lv(struct replica_ctx *ctx, const char *vg, const char *name,
		   struct replica_lv **lv);
/*
 * By the uuid that device-mapper shows, "LVM-" and two uuids without dashes: of a device
 * that is there, so that a volume which LVM does not list is REPLICA_NOT_FOUND.
 */
int replica_lvm_by_dm_uuid(struct replica_ctx *ctx, const char *dm_uuid,
			   struct replica_lv **lv);
/* All of a volume group. */
int replica_lvm_list(struct replica_ctx *ctx, const char *vg, struct replica_lv **list);

/*
 * All with a tag, also those that LVM hides, as lvs said it, to be freed; take_report: as a
 * list.  Fails when LVM does not answer soon.
 */
int replica_lvm_report_tag(struct replica_ctx *ctx, const char *tag, char **report);
int replica_lvm_take_report(struct replica_ctx *ctx, const char *report,
			    struct replica_lv **list);

/* A volume to be: thick when pool is NULL.  Its beginning is zeroed. */
struct replica_lvm_new {
	const char *vg;
	const char *pool;
	const char *name;
	uint64_t size;			/* bytes, whole extents */
	const char *tags[5];		/* NULL: no more */
};

int replica_lvm_create(struct replica_ctx *ctx, const struct replica_lvm_new *lv);

/* A snapshot to be, active and writable; size 0: a thin one, of a thin volume. */
struct replica_lvm_snap {
	const char *vg;
	const char *origin;
	const char *name;
	uint64_t size;			/* bytes, whole extents */
	uint64_t chunk;			/* bytes */
	const char *tags[5];		/* NULL: no more */
};

int replica_lvm_snapshot(struct replica_ctx *ctx, const struct replica_lvm_snap *snap);

/*
 * merge: the origin becomes what the snapshot lv is, and then that is gone.  LVM puts it off
 * to the next activation, which is no failure, where either is open.  poll: of a snapshot
 * whose merge is over, while LVM has not removed it.
 */
int replica_lvm_merge(struct replica_ctx *ctx, const struct replica_lv *lv, bool thin);
int replica_lvm_poll(struct replica_ctx *ctx, const struct replica_lv *lv);

/* Only if it still is that volume and has the tag; snapshots of it go with it. */
int replica_lvm_remove(struct replica_ctx *ctx, const struct replica_lv *lv, const char *tag);

/* change: "--addtag", "--deltag". */
int replica_lvm_tag(struct replica_ctx *ctx, const struct replica_lv *lv, const char *change,
		    const char *const *tags, size_t count);
int replica_lvm_activate(struct replica_ctx *ctx, const struct replica_lv *lv);

#endif /* _REPLICA_LVM_H */
