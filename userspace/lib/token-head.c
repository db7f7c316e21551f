// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A token ends with the boot, its store does not: there stays the header of dm-snapshot, as
 * of any snapshot.  So ours is written beforehand, with a mark in its second sector, which the
 * kernel leaves alone: it takes a header of the right chunk size as that of a snapshot in which
 * nothing is saved.  Only when the store is full is all of it written anew, without the mark.
 *
 * No other machine makes the same mark: on a device that both reach its token may be alive.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <nettle/hmac.h>

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

static void make_head(uint8_t head[REPLICA_TOKEN_HEAD_BYTES], uint32_t chunk, const uint8_t *key)
{
	struct hmac_sha256_ctx hmac;

	memset(head, 0, REPLICA_TOKEN_HEAD_BYTES);
	put_le32(head, MAGIC);
	put_le32(head + 4, 1);		/* valid */
	put_le32(head + 8, VERSION);
	put_le32(head + 12, chunk);
	memcpy(head + MARK_AT, MARK, sizeof(MARK));
	hmac_sha256_set_key(&hmac, REPLICA_TOKEN_KEY_BYTES, key);
	hmac_sha256_update(&hmac, sizeof(MARK), (const uint8_t *)MARK);
	hmac_sha256_digest(&hmac, SHA256_DIGEST_SIZE, head + MARK_AT + sizeof(MARK));
	explicit_bzero(&hmac, sizeof(hmac));
}

int replica_token_head(struct replica_ctx *ctx, uint8_t head[REPLICA_TOKEN_HEAD_BYTES],
		       uint32_t chunk)
{
	uint8_t key[REPLICA_TOKEN_KEY_BYTES];
	int ret = replica_token_key(ctx, false, key);

	if (!ret)
		make_head(head, chunk, key);
	explicit_bzero(key, sizeof(key));
	return ret;
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
	if (replica_token_head(ctx, right, head[12] | head[13] << 8)) {
		replica_error_clear(ctx);	/* without a key there is no token here */
		return false;
	}
	return !memcmp(head, right, sizeof(head)) && !ctx->host->signature(ctx, path, &sig) &&
	       sig.count == 1 && !strncmp(sig.text, "DM_snapshot_cow", 15);
}
