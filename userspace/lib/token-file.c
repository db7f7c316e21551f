// SPDX-License-Identifier: LGPL-2.1-or-later
/* The bytes of a token, and the file that holds them. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/hmac.h>
#include <nettle/memops.h>

#include "token-file.h"

#define TYPE_OURS	0xfffffff0u
#define TYPE_ZERO	0xffff0001u
#define LENGTH		0x01f8
#define MAGIC		"DMREPTOK"
#define VERSION		1
#define HASH_HMAC_SHA256	1

enum {				/* offsets */
	AT_TYPE = 0,
	AT_LENGTH = 6,
	AT_MAGIC = 8,
	AT_VERSION = 16,
	AT_HASH_KIND = 18,
	AT_TIMEOUT = 20,
	AT_SIZE = 24,
	AT_CAPTURED = 32,
	AT_ID = 40,
	AT_BOOT = 80,
	AT_NAME = 120,
	AT_HASH = 480,
};

static void put16(uint8_t *at, uint16_t value)
{
	value = htobe16(value);
	memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

static uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return be16toh(value);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static void hash(const uint8_t *bytes, const uint8_t *key, uint8_t digest[SHA256_DIGEST_SIZE])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, REPLICA_TOKEN_KEY_BYTES, key);
	hmac_sha256_update(&ctx, AT_HASH, bytes);
	hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, digest);
	explicit_bzero(&ctx, sizeof(ctx));
}

void replica_token_seal(const struct replica_token_data *data, const uint8_t *key,
			uint8_t *bytes)
{
	memset(bytes, 0, REPLICA_TOKEN_BYTES);
	put32(bytes + AT_TYPE, TYPE_OURS);
	put16(bytes + AT_LENGTH, LENGTH);
	memcpy(bytes + AT_MAGIC, MAGIC, strlen(MAGIC));
	put16(bytes + AT_VERSION, VERSION);
	put16(bytes + AT_HASH_KIND, HASH_HMAC_SHA256);
	put32(bytes + AT_TIMEOUT, data->timeout_ms);
	put64(bytes + AT_SIZE, data->size);
	put64(bytes + AT_CAPTURED, data->captured);
	memcpy(bytes + AT_ID, data->id, strnlen(data->id, sizeof(data->id) - 1));
	memcpy(bytes + AT_BOOT, data->boot, strnlen(data->boot, sizeof(data->boot) - 1));
	memcpy(bytes + AT_NAME, data->name, strnlen(data->name, sizeof(data->name) - 1));
	hash(bytes, key, bytes + AT_HASH);
}

bool replica_token_is_zero(const uint8_t *bytes)
{
	static const uint8_t zeroes[REPLICA_TOKEN_BYTES];

	return get32(bytes) == TYPE_ZERO && get32(bytes + 4) == LENGTH &&
	       !memcmp(bytes + AT_MAGIC, zeroes, REPLICA_TOKEN_BYTES - AT_MAGIC);
}

/* What can be told without the key, so that a foreign file is named as such. */
static bool is_foreign(const uint8_t *bytes, char *text, size_t size)
{
	char magic[sizeof(MAGIC)];

	replica_printable(bytes + AT_MAGIC, strlen(MAGIC), magic, sizeof(magic));
	if (get32(bytes + AT_TYPE) != TYPE_OURS)
		snprintf(text, size, "its type is %08" PRIx32 "h, and that of a token %08xh",
			 get32(bytes + AT_TYPE), TYPE_OURS);
	else if (memcmp(bytes + AT_MAGIC, MAGIC, strlen(MAGIC)))
		snprintf(text, size, "\"%s\" is where a token of dm-replica has \"%s\"", magic,
			 MAGIC);
	else if (get16(bytes + AT_VERSION) != VERSION)
		snprintf(text, size, "its version is %u, and %u is supported",
			 get16(bytes + AT_VERSION), VERSION);
	else if (get16(bytes + AT_HASH_KIND) != HASH_HMAC_SHA256)
		snprintf(text, size, "its hash is of kind %u, and %u is supported",
			 get16(bytes + AT_HASH_KIND), HASH_HMAC_SHA256);
	else
		return false;
	return true;
}

int replica_token_open(const uint8_t *bytes, const uint8_t *key, struct replica_token_data *data,
		       char *text, size_t size)
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	if (is_foreign(bytes, text, size))
		return -EINVAL;
	hash(bytes, key, digest);
	if (!memeql_sec(digest, bytes + AT_HASH, sizeof(digest))) {
		snprintf(text, size,
			 "its hash is not that of its contents: it was changed, or is of another machine");
		return -EINVAL;
	}
	memset(data, 0, sizeof(*data));
	data->timeout_ms = get32(bytes + AT_TIMEOUT);
	data->size = get64(bytes + AT_SIZE);
	data->captured = get64(bytes + AT_CAPTURED);
	memcpy(data->id, bytes + AT_ID, sizeof(data->id) - 1);
	memcpy(data->boot, bytes + AT_BOOT, sizeof(data->boot) - 1);
	memcpy(data->name, bytes + AT_NAME, sizeof(data->name) - 1);
	return 0;
}

/* ------------------------------------------------------------------------ */
/* File */

#define PARAM	"Token"

int replica_sync_directory_of(const char *path)
{
	char copy[PATH_MAX];
	int fd, r;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

int replica_token_file_create(struct replica_ctx *ctx, const char *path, int *fd)
{
	*fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return REPLICA_SUCCESS;
	if (errno == EEXIST)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EEXIST, PARAM,
				    "%s exists, and the file of a token is never overwritten",
				    path);
	return replica_fail_errno(ctx, errno, PARAM, "%s cannot be made", path);
}

int replica_token_file_write(struct replica_ctx *ctx, const char *path, int fd,
			     const uint8_t *bytes)
{
	int r = 0;

	errno = 0;
	if (fchmod(fd, 0600) || write(fd, bytes, REPLICA_TOKEN_BYTES) != REPLICA_TOKEN_BYTES ||
	    fsync(fd))
		r = errno ? -errno : -ENOSPC;
	if (!r)
		r = replica_sync_directory_of(path);
	if (r)
		return replica_fail_errno(ctx, r, PARAM, "%s cannot be written", path);
	close(fd);
	return REPLICA_SUCCESS;
}

void replica_token_file_drop(const char *path, int fd)
{
	struct stat ours, there;

	if (!fstat(fd, &ours) && !lstat(path, &there) && ours.st_dev == there.st_dev &&
	    ours.st_ino == there.st_ino)
		unlink(path);
	close(fd);
}

static int read_fd(struct replica_ctx *ctx, const char *path, int fd, uint8_t *bytes)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return replica_fail_errno(ctx, errno, PARAM, "%s cannot be read", path);
	if (!S_ISREG(st.st_mode))
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, PARAM,
				    "%s is not a plain file, as that of a token is", path);
	if (st.st_size != REPLICA_TOKEN_BYTES)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, PARAM,
				    "%s has %jd bytes, and a token %d%s", path,
				    (intmax_t)st.st_size, REPLICA_TOKEN_BYTES,
				    st.st_size ? "" : ": its capture was cut short");
	n = pread(fd, bytes, REPLICA_TOKEN_BYTES, 0);
	if (n == REPLICA_TOKEN_BYTES)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, n < 0 ? errno : EIO, PARAM, "%s cannot be read", path);
}

int replica_token_file_read(struct replica_ctx *ctx, const char *path, uint8_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

	if (fd < 0)
		return replica_fail_errno(ctx, errno, PARAM, "token %s cannot be opened", path);
	ret = read_fd(ctx, path, fd, bytes);
	close(fd);
	return ret;
}
