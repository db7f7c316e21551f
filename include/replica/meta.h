/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The meta device of a replica: the durable log of what may differ, looked at,
 * checked and repaired while the replica is not active, and what brings the replica
 * back from it.  Part of libreplica.h, which says what holds for all of it.
 *
 * Where a "path" of a meta device is wanted, a regular file that holds the image of
 * one is as good, except for activation.
 */
#ifndef _REPLICA_META_H
#define _REPLICA_META_H

#include <replica/libreplica.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Bytes that a meta device must have for legs of so many bytes.  region_size
 * (bytes) and activity may be 0 for the default.  0: no log can be made for these.
 */
uint64_t replica_meta_bytes(uint64_t bytes, uint64_t region_size,
			    uint32_t activity);

/* As replica_check(), for all that args ask for; meta_bytes may be NULL. */
int replica_check_create(struct replica_ctx *ctx,
			 const struct replica_create_args *args,
			 uint64_t *meta_bytes, struct replica_finding **list);

/* ------------------------------------------------------------------------ */
/* One meta device */

/* What stands in the superblock that counts.  Belongs to the replica_meta. */
struct replica_meta_fields {
	bool clone;			/* the log is that of a clone */
	char *name;			/* of the replica */
	char *uuid;			/* of the association */
	char *origin_path;		/* NULL: not known, as made without the tool */
	char *replica_path;
	uint32_t version;		/* of the format */
	uint64_t seq;			/* versions of the superblock so far */
	bool clean;			/* it was ended in order */
	bool lost;			/* the log has a gap: everything may differ */
	bool has_label;			/* the replica carries one */
	bool label_pending;		/* and it was about to be written */
	bool whole;			/* the replica is a copy of one moment */
	uint64_t whole_at;		/* the moment, time of day; 0: the end, or unknown */
	uint64_t size;			/* bytes of a leg */
	uint64_t region_size;		/* bytes */
	uint64_t regions;
	uint32_t activity;		/* most regions in the working set */
	uint64_t intent_offset;		/* bytes from the start of the device */
	uint64_t intent_bytes;
	uint64_t bitmap_offset;
	uint64_t bitmap_bytes;
	uint64_t bytes;			/* that the meta device must have */
	uint32_t copy_state;		/* enum dm_replica_copy_state */
	uint32_t mode;			/* enum dm_replica_mode */
	uint64_t activation;		/* number of them */
	uint64_t generation;		/* 0: never active */
	struct replica_settings settings;
	uint32_t job_id;		/* of the job to go on with, 0: none */
	uint32_t job_type;		/* enum dm_replica_job_type */
	uint64_t job_bytes_done;
	uint64_t job_bytes_total;
	uint64_t created;		/* times of day */
	uint64_t established;
	uint64_t synced;
	uint64_t suspended;
	uint64_t written;
	uint32_t swaps;			/* how often the legs have changed places */
	bool swap_back;			/* and do so once more when they are in step */
	bool origin_has_label;		/* the origin carries one, too */
};

/* A sector of the log that cannot be believed, and what it stands for. */
struct replica_meta_damage {
	bool intents;			/* else of the bitmap */
	uint64_t offset;		/* bytes from the start of the device */
	uint64_t first_region;		/* regions that may differ for it */
	uint64_t regions;
};

struct replica_meta;

/*
 * Reads a meta device as it is on the medium.  That there is no log on it, or a
 * damaged one, is no failure.  Freed by replica_meta_free().
 */
int replica_meta_open(struct replica_ctx *ctx, const char *path,
		      struct replica_meta **meta);
void replica_meta_free(struct replica_meta *meta);

/* Bytes of the device. */
uint64_t replica_meta_size(const struct replica_meta *meta);

/* enum replica_meta_verdict of the copies 0 and 1 of the superblock. */
uint32_t replica_meta_verdict(const struct replica_meta *meta,
			      unsigned int copy);
/* Number of versions of the superblock by a copy, 0 if the copy is not good. */
uint64_t replica_meta_seq(const struct replica_meta *meta, unsigned int copy);
/* The copy that counts, 0 or 1; -1 if none does: the device holds no log then. */
int replica_meta_copy(const struct replica_meta *meta);

/* NULL if no copy counts; all below have nothing to tell then. */
const struct replica_meta_fields *
replica_meta_fields(const struct replica_meta *meta);

/* Regions that may differ, damage and all else considered, and bytes in them. */
uint64_t replica_meta_dirty_regions(const struct replica_meta *meta);
uint64_t replica_meta_dirty_bytes(const struct replica_meta *meta);

/*
 * The next run of regions that may differ, at or behind *region: 0 with *region its
 * first one and *count their number, or -ENOENT.
 */
int replica_meta_dirty_range(const struct replica_meta *meta, uint64_t *region,
			     uint64_t *count);

/* The index-th region in the intents (from 0): 0, or -ENOENT after the last. */
int replica_meta_intent(const struct replica_meta *meta, size_t index,
			uint32_t *region);

/* The index-th damaged sector of the log: NULL after the last. */
const struct replica_meta_damage *
replica_meta_damage(const struct replica_meta *meta, size_t index);

/* ------------------------------------------------------------------------ */
/* Check */

/* One thing that is wrong.  Freed by replica_meta_fault_free(). */
struct replica_meta_fault {
	struct replica_meta_fault *next;
	uint32_t code;			/* enum replica_meta_fault_code */
	uint64_t offset;		/* bytes from the start of the device */
	uint64_t count;			/* sectors or blocks of this kind from there on */
	bool repaired;
	char *sentence;
};

void replica_meta_fault_free(struct replica_meta_fault *list);

/*
 * Checks both superblocks, every sector of the log, and the geometry against the
 * size of the device.  With repair the good superblock is written over the bad one,
 * damaged sectors of the bitmap say that their regions may differ, and damaged
 * intents are emptied after all regions were said to differ: the log never gets
 * cleaner than it was.  A device that is in use is not repaired: SMErrorCode 6.
 *
 * Returns REPLICA_SUCCESS if nothing is wrong, or nothing any more; REPLICA_FAILED with
 * SMErrorCode EUCLEAN if something is; REPLICA_INVALID_PARAMETER if there is no log.
 * *list has all that was found; NULL for nothing.
 */
int replica_meta_check(struct replica_ctx *ctx, const char *path, bool repair,
		       struct replica_meta_fault **list);

/* ------------------------------------------------------------------------ */
/* Scan */

/* A meta device that was found.  Freed by replica_meta_entry_free(). */
struct replica_meta_entry {
	struct replica_meta_entry *next;
	char *path;			/* "/dev/..." */
	char *name;			/* NULL: its superblocks are damaged */
	char *uuid;
	uint32_t verdict;		/* enum replica_meta_verdict, the worst excuse */
	uint32_t copy_state;
	bool clean;			/* ended in order, and no byte is damaged */
	bool active;			/* a mapped device uses it now */
	char *device;			/* that mapped device; NULL: none */
	uint64_t size;			/* bytes of a leg */
	uint64_t dirty_bytes;		/* that may differ; while active, as last written */
	uint32_t fit;			/* enum replica_meta_fit; unknown while active */
};

void replica_meta_entry_free(struct replica_meta_entry *list);

/*
 * Looks for meta devices among the block devices at paths, or among all of the
 * system when count is 0.  Those that cannot be opened are left out in the second
 * case and are a failure in the first.  *list is ordered by path, NULL for none.
 */
int replica_meta_scan(struct replica_ctx *ctx, const char *const *paths,
		      size_t count, struct replica_meta_entry **list);

/* ------------------------------------------------------------------------ */
/* What a device belongs to */

enum replica_role {
	REPLICA_ROLE_NONE,
	REPLICA_ROLE_MAPPED,		/* the mapped device of a replica */
	REPLICA_ROLE_ORIGIN,
	REPLICA_ROLE_REPLICA,
	REPLICA_ROLE_META,
};

struct replica_belonging {
	enum replica_role role;
	bool active;			/* false: known by its label alone */
	char name[128];			/* of the mapped device; "" while it is not active */
	char uuid[130];			/* of the association; "" if it has none */
	char origin[32];		/* these three while it is active: "8:1" */
	char replica[32];
	char meta[32];			/* "-" for none */
	bool ends_itself;		/* MAPPED, and a clone that replicactl made, to end so */
	bool is_protected;		/* MAPPED, and its resyncs wait for a snapshot */
};

/*
 * What the block device is to a replica, or the disk that it is a partition of.  Needs
 * no module.  Of a meta device only an active replica tells, and of an origin that one or
 * the label that it has since it was the replica.  May wait for a device that hangs.
 */
int replica_belongs(struct replica_ctx *ctx, const char *device,
		    struct replica_belonging *belonging);

/* ------------------------------------------------------------------------ */
/* Activation */

/* Freed by replica_activation_free(). */
struct replica_activation {
	char *element_name;
	char *uuid;			/* of the association */
	char *device;			/* path of the mapped device */
	char *meta;			/* path of the meta device */
	char *table;			/* NULL: it was active already */
	bool was_active;
	struct replica_info *info;
	bool own_name;			/* a mapped device that got its replica under its name */
};

void replica_activation_free(struct replica_activation *activation);

/*
 * Makes the mapped device of an association again, from what its meta device says.
 * what is the path of the meta device, or the name of the replica, which is looked
 * for as replica_meta_scan() does.  One that is active already is a success.  force
 * accepts a replica and a meta device that do not belong together, for a full copy;
 * without it that is REPLICA_FAILED with SMErrorCode ESTALE.
 * A source that had its replica under its own name gets it so again, in use or not;
 * everything is copied then, as nobody knows what was written without the replica.
 * Returns REPLICA_JOB_STARTED when a copy runs, else REPLICA_SUCCESS; REPLICA_NOT_FOUND
 * when a leg or the log is not there.
 */
int replica_activate(struct replica_ctx *ctx, const char *what, bool force,
		     struct replica_activation **activation);

/*
 * Removes the mapped device of a replica and leaves its meta device for
 * replica_activate().  REPLICA_NOT_SUPPORTED for a replica without one; a mapped
 * device that is open is refused with SMErrorCode 6, but for a source that has its
 * replica under its own name: it gets its own table back.  *activation is what was
 * taken down, without info; activation may be NULL.
 */
int replica_deactivate(struct replica_ctx *ctx, const char *name,
		       struct replica_activation **activation);

#ifdef __cplusplus
}
#endif

#endif /* _REPLICA_META_H */
