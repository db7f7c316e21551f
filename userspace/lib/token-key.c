// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The key of this machine.  It is written beside its name and linked to it, so that the name
 * never leads to half of a key, and of two who make it at once both take the one that was
 * first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token-file.h"

#define PARAM		"Token"
#define DIRECTORY	"/var/lib/dm-replica"
#define KEY		DIRECTORY "/token.key"

/* Is it what nobody else can have read or written? */
static int check_key(struct replica_ctx *ctx, const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() || st->st_mode & 077)
		return replica_fail(ctx, REPLICA_ACCESS_DENIED, EPERM, PARAM,
				    "the key %s has owner %u and mode %04o; it must be a plain file of user %u with mode 0600, or no token can be trusted",
				    path, st->st_uid, st->st_mode & 07777, geteuid());
	if (st->st_size != REPLICA_TOKEN_KEY_BYTES)
		return replica_fail(ctx, REPLICA_FAILED, EBADMSG, PARAM,
				    "the key %s has %jd bytes, and must have %d; without it no token is valid, so it may be removed",
				    path, (intmax_t)st->st_size, REPLICA_TOKEN_KEY_BYTES);
	return REPLICA_SUCCESS;
}

static int read_fd(struct replica_ctx *ctx, const char *path, int fd, uint8_t *key)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return replica_fail_errno(ctx, errno, PARAM, "the key %s cannot be read", path);
	ret = check_key(ctx, path, &st);
	if (ret)
		return ret;
	if (pread(fd, key, REPLICA_TOKEN_KEY_BYTES, 0) == REPLICA_TOKEN_KEY_BYTES)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, EIO, PARAM, "the key %s cannot be read", path);
}

/* *there: the file exists. */
static int read_key(struct replica_ctx *ctx, const char *path, uint8_t *key, bool *there)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), ret;

	*there = fd >= 0 || errno != ENOENT;
	if (fd < 0)
		return replica_fail_errno(ctx, errno, PARAM, "the key %s cannot be opened", path);
	ret = read_fd(ctx, path, fd, key);
	close(fd);
	return ret;
}

/* 0 or -errno; the file is there afterwards, ours or that of who was faster. */
static int write_key(const char *path, const char *other)
{
	uint8_t key[REPLICA_TOKEN_KEY_BYTES];
	int fd, r = 0;

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -EIO;
	fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	errno = 0;
	if (write(fd, key, sizeof(key)) != (ssize_t)sizeof(key) || fsync(fd) ||
	    (link(other, path) && errno != EEXIST))
		r = errno ? -errno : -ENOSPC;
	close(fd);
	unlink(other);
	explicit_bzero(key, sizeof(key));
	return r ? r : replica_sync_directory_of(path);
}

static int make_key(struct replica_ctx *ctx, const char *path)
{
	char directory[PATH_MAX / 2], other[PATH_MAX];
	uint8_t bytes[16];
	char unique[REPLICA_UUID_TEXT];
	int r = 0;

	snprintf(directory, sizeof(directory), "%s%s", ctx->root, DIRECTORY);
	replica_uuid_random(bytes);
	replica_uuid_text(bytes, unique);
	snprintf(other, sizeof(other), "%s.%s", path, unique);
	if (!mkdir(directory, 0700))
		r = replica_sync_directory_of(directory);
	else if (errno != EEXIST)
		r = -errno;
	if (!r)
		r = write_key(path, other);
	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r, PARAM,
				  "the key %s, by which tokens are known, cannot be made", path);
}

int replica_token_key(struct replica_ctx *ctx, bool make, uint8_t *key)
{
	char path[PATH_MAX / 2];
	bool there;
	int ret;

	snprintf(path, sizeof(path), "%s%s", ctx->root, KEY);
	ret = read_key(ctx, path, key, &there);
	if (!ret || there)
		return ret;
	replica_error_clear(ctx);
	if (!make)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, PARAM,
				    "the token is not of this machine, which has none: there is no key %s",
				    path);
	ret = make_key(ctx, path);
	return ret ? ret : read_key(ctx, path, key, &there);
}
