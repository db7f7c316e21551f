/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a token, as <replica/token.h> describes them.  Knows no device. */
#ifndef _REPLICA_TOKEN_FILE_H
#define _REPLICA_TOKEN_FILE_H

#include "ondisk.h"

#define REPLICA_TOKEN_KEY_BYTES	32

/* What a token says. */
struct replica_token_data {
	uint32_t timeout_ms;
	uint64_t size;			/* bytes */
	uint64_t captured;		/* time of day, ms */
	char id[REPLICA_UUID_TEXT];
	char boot[REPLICA_UUID_TEXT];
	char name[DM_REPLICA_NAME_LEN];
};

/*
 * Pure; a key has REPLICA_TOKEN_KEY_BYTES, a token REPLICA_TOKEN_BYTES.  seal: the bytes of a
 * token.  open: 0, or -EINVAL and what was found in text.  is_zero: is it the zero token, in
 * every byte?
 */
void replica_token_seal(const struct replica_token_data *data, const uint8_t *key,
			uint8_t *bytes);
int replica_token_open(const uint8_t *bytes, const uint8_t *key, struct replica_token_data *data,
		       char *text, size_t size);
bool replica_token_is_zero(const uint8_t *bytes);

/*
 * Return values.  create: a file that did not exist, mode 0600, empty.  write: all of it,
 * durably, with its name; closes fd, which is that of create.  drop: takes the file away
 * again that fd is, and closes it.  read: 512 bytes of a plain file.
 */
int replica_token_file_create(struct replica_ctx *ctx, const char *path, int *fd);
int replica_token_file_write(struct replica_ctx *ctx, const char *path, int fd,
			     const uint8_t *bytes);
void replica_token_file_drop(const char *path, int fd);
int replica_token_file_read(struct replica_ctx *ctx, const char *path,
			    uint8_t *bytes);

/*
 * token-key.c: the key of this machine, a return value.  With make it is made if there is
 * none; without, REPLICA_INVALID_PARAMETER then.  To be wiped after use.
 */
int replica_token_key(struct replica_ctx *ctx, bool make, uint8_t *key);

/* What is written to it is there after a power cut: 0 or -errno. */
int replica_sync_directory_of(const char *path);

#endif /* _REPLICA_TOKEN_FILE_H */
