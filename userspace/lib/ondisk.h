/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A meta device in memory, and what is written to one.  All functions here that
 * return int return 0 or -errno; they know a file descriptor and no device.
 */
#ifndef _REPLICA_ONDISK_H
#define _REPLICA_ONDISK_H

#include <replica/meta.h>

#include "../../kmod/dm-replica-ondisk.h"

#include "replica-private.h"

#define REPLICA_UNITS(blocks)	((uint64_t)(blocks) * DM_REPLICA_LOG_SECTORS_PER_BLOCK)

struct replica_meta {
	uint64_t size;			/* bytes of the device */
	struct dm_replica_superblock sb[2];
	enum replica_verdict verdict[2];
	int copy;			/* that counts, -1: none */
	enum replica_verdict why;	/* GOOD, or why none counts */
	struct replica_geometry geometry;	/* of the one that counts */
	uint8_t *dirty;			/* a bit for each region */
	uint64_t nr_dirty;
	uint32_t *intents;
	size_t nr_intents;
	struct replica_meta_damage *damage;
	size_t nr_damage;
	bool no_memory;
	struct replica_meta_fields fields;
};

/* The superblock that counts, NULL if none does. */
const struct dm_replica_superblock *
replica_meta_superblock(const struct replica_meta *meta);

/*
 * read: all there is, -ENOMEM at worst; what cannot be read is damaged.  peek: the
 * superblocks alone.  clear: frees what is in it.
 */
int replica_meta_read(struct replica_meta *meta, int fd, uint64_t size);
void replica_meta_peek(struct replica_meta *meta, int fd, uint64_t size);
void replica_meta_clear(struct replica_meta *meta);

/* ondisk-fields.c: fills meta->fields.  0 or -ENOMEM. */
int replica_meta_decode(struct replica_meta *meta);
void replica_meta_free_fields(struct replica_meta_fields *fields);

/* The association's uuid as text. */
#define REPLICA_UUID_TEXT	37
/* Text from a device: only what prints is shown; field need not end with a zero. */
void replica_printable(const void *field, size_t size, char *text, size_t room);
/* create-result.c: a random one, of version 4. */
void replica_uuid_random(uint8_t uuid[16]);
void replica_uuid_text(const uint8_t uuid[16], char text[REPLICA_UUID_TEXT]);

/*
 * ondisk-file.c: open for reading or for writing too.  Gives a descriptor and the
 * size; what the page cache has of the device is dropped.  exclusive: -EBUSY when
 * somebody else has it open so.
 */
int replica_meta_open_file(struct replica_ctx *ctx, const char *path, bool writable,
			   bool exclusive, uint64_t *size);
/* All of the bytes: 0, -ENODATA behind the end, -errno. */
int replica_read_at(int fd, void *data, size_t size, uint64_t offset);
int replica_write_at(int fd, const void *data, size_t size, uint64_t offset);

/*
 * ondisk-write.c.  format: a new log for a superblock that is complete but for
 * seq and checksum, durable when it returns; dirty: all regions may differ.  A
 * crash on the way leaves no log.  wipe: leaves no log.
 */
int replica_meta_format(int fd, struct dm_replica_superblock *sb, bool dirty);
/* All regions of a log may differ from now on; can be cut off anywhere. */
int replica_meta_mark_all(int fd, const struct dm_replica_superblock *sb);
int replica_meta_wipe(int fd);

/* Writes a sealed superblock to one place, or the log sector at a place. */
int replica_meta_write_superblock(int fd, unsigned int copy,
				  const struct dm_replica_superblock *sb);
int replica_meta_write_sector(int fd, struct dm_replica_log_sector *sector,
			      uint32_t kind, const uint8_t *uuid, uint64_t place);

#endif /* _REPLICA_ONDISK_H */
