// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A token ends with the boot, its store does not: there stays the header of dm-snapshot, as
 * of any snapshot.  So that it can be told from one that somebody needs there is a mark in the
 * second sector, which the kernel leaves alone until the store is full.  It is made when the
 * table is loaded, by which the store is found, and before anything is saved in it.
 *
 * The mark has the id of its token, which may be alive: a device can be reached by more than
 * one name.  That of a token of another boot is dead.  No machine with another key makes the
 * same mark: on a device that both reach its token may be alive there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
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

/* The second sector; hash: of what is before it, by the key of this machine. */
struct mark {
	char magic[16];
	char id[40];			/* of the token, a uuid */
	uint8_t hash[SHA256_DIGEST_SIZE];
};

static int put_mark(struct replica_ctx *ctx, const char *id, uint8_t *head)
{
	struct mark *mark = (struct mark *)(head + MARK_AT);
	uint8_t key[REPLICA_TOKEN_KEY_BYTES];
	struct hmac_sha256_ctx hmac;
	int ret = replica_token_key(ctx, false, key);

	if (!ret) {
		memset(mark, 0, sizeof(*mark));
		memcpy(mark->magic, MARK, sizeof(MARK));
		snprintf(mark->id, sizeof(mark->id), "%s", id);
		hmac_sha256_set_key(&hmac, sizeof(key), key);
		hmac_sha256_update(&hmac, offsetof(struct mark, hash), (const uint8_t *)mark);
		hmac_sha256_digest(&hmac, sizeof(mark->hash), mark->hash);
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

static int mark_fd(struct replica_ctx *ctx, const struct replica_blockdev *store,
		   const char *id, int fd)
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
		ret = put_mark(ctx, id, head);
	if (!r && !ret)
		r = write_head(fd, head);
	free(head);
	if (!r)
		return ret;
	return replica_fail_errno(ctx, r, REPLICA_PARAM_TARGET, "store %s cannot be marked",
				  store->path);
}

int replica_token_mark(struct replica_ctx *ctx, const struct replica_blockdev *store,
		       const char *id)
{
	/* The kernel wrote beside the page cache. */
	int fd = ctx->host->open(ctx, store->path, O_RDWR | O_DIRECT | O_CLOEXEC), ret;

	if (fd < 0)
		return replica_fail_errno(ctx, fd, REPLICA_PARAM_TARGET,
					  "store %s cannot be opened", store->path);
	ret = mark_fd(ctx, store, id, fd);
	close(fd);
	return ret;
}

/* head: as it was read.  Is all of it what a token of this machine leaves? */
static bool is_right(struct replica_ctx *ctx, const uint8_t *head)
{
	const struct mark *mark = (const struct mark *)(head + MARK_AT);
	uint8_t right[HEAD_BYTES] __attribute__((aligned(8)));
	char id[REPLICA_UUID_TEXT];

	snprintf(id, sizeof(id), "%.*s", (int)sizeof(id) - 1, mark->id);
	memcpy(right, head, MARK_AT);
	memset(right + MARK_AT, 0, sizeof(right) - MARK_AT);
	if (put_mark(ctx, id, right)) {
		replica_error_clear(ctx);	/* without a key there was no token here */
		return false;
	}
	return !memcmp(head, right, sizeof(right));
}

static bool is_alive(struct replica_ctx *ctx, const uint8_t *head)
{
	const struct mark *mark = (const struct mark *)(head + MARK_AT);
	struct replica_maps maps;
	bool alive;

	if (replica_maps_read(ctx, &maps))
		return true;
	alive = replica_map_by_uuid(&maps, REPLICA_TOKEN_UUID_PREFIX, mark->id);
	replica_maps_clear(&maps);
	return alive;
}

bool replica_token_marked(struct replica_ctx *ctx, const char *path)
{
	uint8_t head[HEAD_BYTES] __attribute__((aligned(8)));
	int fd = ctx->host->open(ctx, path, O_RDONLY | O_CLOEXEC), r;
	struct replica_signature sig;

	if (fd < 0)
		return false;
	r = read_head(fd, head);
	close(fd);
	return !r && is_right(ctx, head) && !ctx->host->signature(ctx, path, &sig) &&
	       sig.count == 1 && !strncmp(sig.text, "DM_snapshot_cow", 15) &&
	       !is_alive(ctx, head);
}
