/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole table of a mapped device, whatever targets it has, as it is: to be given
 * to another device, and back.  It may hold the key of a dm-crypt device, so it is
 * never shown, and wiped when it is freed.
 */
#ifndef _REPLICA_DM_LINES_H
#define _REPLICA_DM_LINES_H

#include "replica-private.h"

struct replica_line {
	uint64_t start;			/* sectors */
	uint64_t length;
	const char *type;		/* name of the target */
	const char *params;
};

struct replica_lines {
	char name[DM_REPLICA_NAME_LEN];
	char uuid[DM_REPLICA_UUID_LEN];
	char devno[32];			/* "253:4" */
	dev_t dev;
	int open_count;
	bool suspended;
	bool read_only;
	bool inactive;			/* a second table is loaded and not yet live */
	size_t count;
	struct replica_line *line;
};

void replica_lines_clear(struct replica_lines *lines);

/*
 * Both pure.  equal: are the two tables the same, in every word?  only: does the
 * table have this one target and no other?
 */
bool replica_lines_equal(const struct replica_lines *a, const struct replica_lines *b);
bool replica_lines_only(const struct replica_lines *lines, const char *type);

/*
 * The live table, of name or, if that is NULL, of the device with the number dev.
 * 0, -ENXIO if there is no such device, or another -errno; lines is to be cleared in
 * any case.  inactive: the one that is loaded.
 */
int replica_lines_read(struct replica_ctx *ctx, const char *name, dev_t dev,
		       struct replica_lines *lines);
/* Has the mapped device that is called name now this uuid?  Another may have got its name. */
bool replica_lines_are_of(struct replica_ctx *ctx, const char *name, const char *uuid);
int replica_lines_read_inactive(struct replica_ctx *ctx, const char *name,
				struct replica_lines *lines);

/*
 * 0 or -errno.  load: makes it the inactive table of a device.  drop: forgets the
 * inactive table.
 */
int replica_lines_load(struct replica_ctx *ctx, const char *name,
		       const struct replica_lines *lines);
int replica_lines_drop(struct replica_ctx *ctx, const char *name);

/*
 * A device that udev hides, with this table, running.  A return value; nothing is
 * left after a failure.
 */
int replica_lines_create_hidden(struct replica_ctx *ctx, const char *name, const char *uuid,
				const struct replica_lines *lines);

/*
 * The inactive table becomes the live one, in one call to the kernel: whoever is
 * killed before or after it leaves a device that runs.  I/O is held for no longer than what
 * is under way takes; with freeze, file systems on the device are brought to rest before.
 * A return value; REPLICA_TIMEOUT: it is done, and udev is late.
 */
int replica_lines_swap(struct replica_ctx *ctx, const char *name, const char *devno, bool freeze);

#endif /* _REPLICA_DM_LINES_H */
