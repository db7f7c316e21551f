/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapped devices by libdevmapper.  Its 1 and 0 never leave this file, nor does
 * its text go to stderr.
 */
#ifndef _REPLICA_DM_H
#define _REPLICA_DM_H

#include "replica-private.h"

/* Start of the dm uuid of the mapped devices that the library makes. */
#define REPLICA_DM_UUID_PREFIX	"REPLICA-"

struct replica_dm_info {
	bool exists;
	bool ours;			/* a replica target, or our uuid */
	bool has_legs;			/* a replica target: not what a finished clone leaves */
	int open_count;
	char meta[32];			/* "major:minor" of its meta device; "" if none */
};

/* create-result.c: the identity of a new association, and its dm uuid. */
void replica_uuid_make(uint8_t uuid[16], char dm_uuid[DM_REPLICA_UUID_LEN]);

/* 1 if a mapped device has the name, 0, or -errno. */
int replica_dm_exists(struct replica_ctx *ctx, const char *name);

/* What the one target of a mapped device says if it has that type: 0, -ENOMSG, or -errno. */
int replica_dm_status(const char *name, const char *type, char *text, size_t size);

/*
 * Those below return values of enum replica_return and fill in the error.
 *
 * unusable: of device-mapper as such, by errno, either sign.
 * load_target: asks device-mapper for the target, which loads the module when it
 * is installed.  REPLICA_NOT_SUPPORTED when there is none.
 */
int replica_dm_unusable(struct replica_ctx *ctx, int err);
int replica_dm_load_target(struct replica_ctx *ctx);

/* info: REPLICA_SUCCESS with exists false if there is no such device. */
int replica_dm_info(struct replica_ctx *ctx, const char *name,
		    struct replica_dm_info *info);

/* The live table, which has one target: ours. */
struct replica_dm_table {
	char devno[32];			/* of the mapped device, "253:4" */
	uint64_t sectors;
	char params[1024];
};

int replica_dm_table(struct replica_ctx *ctx, const char *name, struct replica_dm_table *table);

/*
 * Loads the table with another length, and nothing else of it changed.  On failure
 * the table that was given is live again, or the error says that it is not.
 * REPLICA_TIMEOUT: it is done, and udev is late.
 */
int replica_dm_set_length(struct replica_ctx *ctx, const char *name,
			  const struct replica_dm_table *table, uint64_t sectors);

/*
 * Gives the mapped device a linear table that leads to its origin, without a suspend of
 * our own.  On failure the table that it had is live.
 */
int replica_dm_become_origin(struct replica_ctx *ctx, const char *name);

/*
 * create and remove wait until udev has done its part.  REPLICA_TIMEOUT: the
 * device was made or removed, and udev did not get ready in time.
 */
int replica_dm_create(struct replica_ctx *ctx, const char *name,
		      const char *uuid, uint64_t sectors, const char *params);
int replica_dm_remove(struct replica_ctx *ctx, const char *name);

/*
 * kmsg.c: what a kernel log record says about the table of the mapped device with
 * this number, or about an error of the replica with this name, or NULL; pure.
 */
char *replica_kmsg_sentence(char *record, const char *devno, const char *name);

/* Reads the kernel log from now on. */
int replica_kmsg_open(void);
/* The last sentence about the device since then, "" if none; closes. */
void replica_kmsg_close(int fd, const char *devno, const char *name, char *text,
			size_t size);

#endif /* _REPLICA_DM_H */
