/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_FORMAT_H
#define _REPLICA_FORMAT_H

#include "check.h"

/* What a new log is to say. */
struct replica_format {
	const struct replica_check *check;	/* its source, target and meta device */
	const struct replica_settings *settings;	/* NULL: defaults */
	const char *name;
	const uint8_t *uuid;		/* 16 bytes */
	unsigned int mode;		/* enum dm_replica_mode */
	bool skip_copy;			/* nothing differs; else everything may */
	bool clone;			/* the log of a clone */
};

struct dm_replica_superblock;

/*
 * Return values with the error filled in.  format: what was there is lost; after a
 * failure there is no log.  erase: leaves no log.
 */
int replica_format_meta(struct replica_ctx *ctx, const struct replica_format *format);
int replica_erase_meta(struct replica_ctx *ctx, const char *path);

/*
 * For who had the log of an association there, and may come late: leaves that of another
 * one alone.
 */
int replica_erase_meta_of(struct replica_ctx *ctx, const char *path, const uint8_t uuid[16]);

/* Says of an existing log, whose superblock is sb, that everything may differ. */
int replica_distrust_meta(struct replica_ctx *ctx, const char *path,
			  const struct dm_replica_superblock *sb);

#endif /* _REPLICA_FORMAT_H */
