/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A redeem whose devices copy by themselves.  The process that has them do it is no part of
 * the call that makes the redeem; Documentation/design/offload.rst tells how it works, and why
 * no wrong byte gets there.
 */
#ifndef _REPLICA_OFFLOAD_H
#define _REPLICA_OFFLOAD_H

#include "check.h"
#include "dm-lines.h"

/* Seconds that the kernel waits for a word of that process; each claim takes about one. */
#define REPLICA_OFFLOAD_SECONDS	15

/* Longest sentence of why not, with the final zero: what the kernel keeps. */
#define REPLICA_OFFLOAD_WHY	DM_REPLICA_REASON_LEN

/* The largest region of which several fit into a claim. */
#define REPLICA_OFFLOAD_REGION	((uint64_t)DM_REPLICA_CLAIM_MAX << SECTOR_SHIFT)

/* ------------------------------------------------------------------------ */
/* offload-layers.c: where the sectors of a device are. */

#define REPLICA_STRIPES_MAX	64

struct replica_layer;

struct replica_leg_below {
	struct replica_layer *layer;
	uint64_t offset;		/* sectors */
};

/* A part of a device, linear or striped; in sectors. */
struct replica_segment {
	uint64_t start;
	uint64_t length;
	uint64_t chunk;			/* of stripes; 0: linear */
	size_t count;			/* of legs */
	struct replica_leg_below *leg;
};

/* A device; the lowest one is a disk and has no segments. */
struct replica_layer {
	dev_t dev;
	size_t count;
	struct replica_segment *segment;
};

void replica_layer_free(struct replica_layer *layer);

/*
 * Down to the disks; NULL with the reason.  What is not linear, striped, or the origin of a
 * snapshot, all of which leave data as it is, is taken for a disk, which may turn out not to
 * be able to copy.
 */
struct replica_layer *replica_layer_read(struct replica_ctx *ctx, dev_t dev, char *why);

/* The rest is pure.  same: does every sector of the one lie where it does of the other? */
bool replica_layer_same(const struct replica_layer *a, const struct replica_layer *b);
/* Where a sector is, and how many behind it follow there; 0: beyond the end. */
uint64_t replica_layer_at(const struct replica_layer *layer, uint64_t sector, dev_t *disk,
			  uint64_t *at);
/* The segment that a line of a table is, without its layers: 0, or -EINVAL for any other. */
int replica_segment_parse(const struct replica_line *line, struct replica_segment *segment,
			  dev_t below[REPLICA_STRIPES_MAX]);

/* ------------------------------------------------------------------------ */
/* offload-store.c: which chunks a snapshot has taken out of its origin. */

/* Header and entries of dm-snapshot's persistent store. */
#define REPLICA_STORE_ENTRY	16	/* bytes */
#define REPLICA_STORE_HEADER	16

/*
 * Pure.  header: chunk in sectors, or 0: none that is valid.  area: the old chunks of an area
 * are given to mark; the number of the first entry that is empty, or count.
 */
uint32_t replica_store_header(const uint8_t *bytes);
uint32_t replica_store_area(const uint8_t *bytes, uint32_t count,
			    void (*mark)(uint64_t chunk, void *data), void *data);

/* Regions that have an exception. */
struct replica_exceptions {
	int fd;
	uint32_t chunk;			/* sectors */
	uint64_t area;			/* the first one that may have changed since it was read */
	uint64_t begun;			/* the last one that had an entry */
	uint8_t *buffer;
	uint64_t region;		/* sectors */
	uint64_t regions;
	uint8_t *bits;
};

/* Return values: 0 or -errno.  open: regions of so many sectors.  read: whatever is new. */
int replica_exceptions_open(struct replica_ctx *ctx, const char *path, uint32_t chunk,
			    uint64_t sectors, uint64_t region, struct replica_exceptions *e);
int replica_exceptions_read(struct replica_exceptions *e);
void replica_exceptions_close(struct replica_exceptions *e);
/* The first part of the regions first to end that all have one, or have none; its end. */
uint64_t replica_exceptions_run(const struct replica_exceptions *e, uint64_t first, uint64_t end,
				bool *any);
/* mark of replica_store_area(). */
void replica_exceptions_mark(uint64_t chunk, void *data);

/* ------------------------------------------------------------------------ */
/* offload-copier.c: two disks, and the command by which they copy. */

struct replica_copier;

/* Pairs of disks that a redeem may have. */
#define REPLICA_COPIERS_MAX	32
#define REPLICA_COPIERS_TOO_MANY	"the data lies on too many pairs of disks"

/*
 * open: NULL with the reason when the disks cannot.  name: of the command.  copy: sectors from
 * one place to the other, when the device has said that it is done: 0, or -errno with why.
 * lies: the last of what it has just copied is not there, or has been overwritten at its source.
 * That is looked at until it was seen that something came there which had not been there.
 */
struct replica_copier *replica_copier_open(struct replica_ctx *ctx, dev_t from, dev_t to,
					   char *why);
void replica_copier_close(struct replica_copier *copier);
const char *replica_copier_name(const struct replica_copier *copier);
int replica_copier_copy(struct replica_copier *copier, uint64_t from, uint64_t to,
			uint64_t sectors, char *why);
bool replica_copier_lies(const struct replica_copier *copier);

/* ------------------------------------------------------------------------ */
/*
 * offload-proof.c: is the data there?  take: what is there now, before the command; see: is it
 * as at its source when the command is over?  Both read the end of a range, in bytes from the
 * beginning of a disk: 0 or -errno.
 */
struct replica_proof {
	uint8_t *room;			/* NULL: none was needed yet */
	size_t bytes;
	bool proven;
	bool lies;
};

int replica_proof_take(struct replica_proof *proof, int to_fd, uint64_t to, uint64_t bytes,
		       uint32_t block);
int replica_proof_see(struct replica_proof *proof, int from_fd, uint64_t from, int to_fd,
		      uint64_t to, uint64_t bytes);
void replica_proof_free(struct replica_proof *proof);

/* ------------------------------------------------------------------------ */
/*
 * offload-can.c: can the devices copy from base to target?  The command is named in how, else
 * why not; *all: false when not all that is to be copied was looked at.  check: the same of what
 * is checked, by enum replica_offload; adds what it finds.
 * offload-start.c: for who has made a redeem with the feature: the process is
 * started; if it cannot be, the kernel is told, and copies by itself.
 */
bool replica_offload_can(struct replica_ctx *ctx, dev_t base, dev_t target, uint64_t sectors,
			 uint64_t region, char *how, bool *all);
bool replica_offload_check(struct replica_check *check, dev_t base, uint64_t sectors,
			   uint32_t wish, const struct replica_settings *settings);
void replica_offload_start(struct replica_ctx *ctx, const char *name);

/* ------------------------------------------------------------------------ */
/* offload-steps.c: the steps of the netlink command OFFLOAD; return values. */

struct replica_genl;

int replica_offload_claim(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			  uint64_t *sector, uint64_t *sectors);
int replica_offload_copied(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			   uint64_t sector, uint64_t sectors);
int replica_offload_release(struct replica_ctx *ctx, struct replica_genl *g, const char *name);
/* why may be NULL. */
int replica_offload_finish(struct replica_ctx *ctx, struct replica_genl *g, const char *name,
			   const char *why);

#endif /* _REPLICA_OFFLOAD_H */
