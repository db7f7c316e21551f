// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A token ends with the boot, its store does not: there stays the header of dm-snapshot, as
 * of any snapshot.  So that it can be told from one that somebody needs there is a mark in the
 * second sector, which the kernel leaves alone until the store is full.  It is made when the
 * table is loaded, by which the store is found, and before anything is saved in it.
 *
 * No other machine makes the same mark: on a device that both reach its token may be alive.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/hmac.h>

#include "check.h"
#include "signature.h"
#include "token.h"

/* One block of any device; the kernel's header is the first 16 bytes, and zeroes. */
#define HEAD_BYTES	4096
#define MARK		"DMREPTOK STORE"
#define MARK_AT		512

static int put_mark(struct replica_ctx *ctx, uint8_t *head)
{
	uint8_t key[REPLICA_TOKEN_KEY_BYTES];
	struct hmac_sha256_ctx hmac;
	int ret = replica_token_key(ctx, false, key);

	if (!ret) {
		memcpy(head + MARK_AT, MARK, sizeof(MARK));
		hmac_sha256_set_key(&hmac, sizeof(key), key);
		hmac_sha256_update(&hmac, sizeof(MARK), (const uint8_t *)MARK);
		hmac_sha256_digest(&hmac, SHA256_DIGEST_SIZE, head + MARK_AT + sizeof(MARK));
		explicit_bzero(&hmac, sizeof(hmac));
	}
	explicit_bzero(key, sizeof(key));
	return ret;
}

static int read_head(int fd, uint8_t *head)
{
	ssize_t n = pread(fd, head, HEAD_BYTES, 0);

	return n == HEAD_BYTES ? 0 : n < 0 ? -errno : -EIO;
}

static int write_head(int fd, const uint8_t *head)
{
	ssize_t n = pwrite(fd, head, HEAD_BYTES, 0);

	if (n != HEAD_BYTES)
		return n < 0 ? -errno : -EIO;
	return fsync(fd) ? -errno : 0;
}

static int mark_fd(struct replica_ctx *ctx, const struct replica_blockdev *store, int fd)
{
	void *head;
	int r, ret;

	ret = replica_check_opened(ctx, store, fd);
	if (ret)
		return ret;
	if (posix_memalign(&head, HEAD_BYTES, HEAD_BYTES))
		return replica_fail_memory(ctx);
	r = read_head(fd, head);
	if (!r)
		ret = put_mark(ctx, head);
	if (!r && !ret)
		r = write_head(fd, head);
	free(head);
	if (!r)
		return ret;
	return replica_fail_errno(ctx, r, REPLICA_PARAM_TARGET, "store %s cannot be marked",
				  store->path);
}

int replica_token_mark(struct replica_ctx *ctx, const struct replica_blockdev *store)
{
	/* The kernel wrote beside the page cache. */
	int fd = ctx->host->open(ctx, store->path, O_RDWR | O_DIRECT | O_CLOEXEC), ret;

	if (fd < 0)
		return replica_fail_errno(ctx, fd, REPLICA_PARAM_TARGET,
					  "store %s cannot be opened", store->path);
	ret = mark_fd(ctx, store, fd);
	close(fd);
	return ret;
}

bool replica_token_marked(struct replica_ctx *ctx, const char *path)
{
	uint8_t head[HEAD_BYTES], right[HEAD_BYTES];
	int fd = ctx->host->open(ctx, path, O_RDONLY | O_CLOEXEC), r;
	struct replica_signature sig;

	if (fd < 0)
		return false;
	r = read_head(fd, head);
	close(fd);
	if (r)
		return false;
	memcpy(right, head, MARK_AT);
	memset(right + MARK_AT, 0, sizeof(right) - MARK_AT);
	if (put_mark(ctx, right)) {
		replica_error_clear(ctx);	/* without a key there was no token here */
		return false;
	}
	return !memcmp(head, right, sizeof(head)) && !ctx->host->signature(ctx, path, &sig) &&
	       sig.count == 1 && !strncmp(sig.text, "DM_snapshot_cow", 15);
}
