// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A token ends with the boot, its store does not: there stays the header of dm-snapshot, as
 * of any snapshot.  So ours is written beforehand, with a mark in its second sector, which the
 * kernel leaves alone: it takes a header of the right chunk size as that of a snapshot in which
 * nothing is saved.  Only when the store is full is all of it written anew, without the mark.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "signature.h"
#include "token.h"

#define MAGIC		0x70416e53u	/* "SnAp" */
#define VERSION		1u
#define MARK		"DMREPTOK STORE"
#define MARK_AT		512

static void put_le32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = n >> 8 * i;
}

void replica_token_head(uint8_t head[REPLICA_TOKEN_HEAD_BYTES], uint32_t chunk)
{
	memset(head, 0, REPLICA_TOKEN_HEAD_BYTES);
	put_le32(head, MAGIC);
	put_le32(head + 4, 1);		/* valid */
	put_le32(head + 8, VERSION);
	put_le32(head + 12, chunk);
	memcpy(head + MARK_AT, MARK, sizeof(MARK));
}

static bool read_head(struct replica_ctx *ctx, const char *path, uint8_t *head)
{
	int fd = ctx->host->open(ctx, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = pread(fd, head, REPLICA_TOKEN_HEAD_BYTES, 0);
	close(fd);
	return n == REPLICA_TOKEN_HEAD_BYTES;
}

bool replica_token_head_found(struct replica_ctx *ctx, const char *path)
{
	uint8_t head[REPLICA_TOKEN_HEAD_BYTES], right[REPLICA_TOKEN_HEAD_BYTES];
	struct replica_signature sig;

	if (!read_head(ctx, path, head))
		return false;
	replica_token_head(right, head[12] | head[13] << 8);
	return !memcmp(head, right, sizeof(head)) && !ctx->host->signature(ctx, path, &sig) &&
	       sig.count == 1 && !strncmp(sig.text, "DM_snapshot_cow", 15);
}
