// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whose turn it is. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"

#define LOCK_WAIT_MS	30000
#define LOCK_STEP_MS	50

/* FNV-1a.  Two keys with one place would wait for each other once in a lifetime. */
static off_t place_of(const char *key)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001b3ULL;
	return hash & (INT64_MAX >> 1);
}

/* Of the open file, not of the process: closing another descriptor lets nobody in. */
static struct flock byte_of(const struct replica_lock *lock)
{
	return (struct flock){
		.l_type = lock->alone ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = place_of(lock->key),
		.l_len = 1,
	};
}

static int try_lock(int fd, const struct replica_lock *lock)
{
	struct flock byte;

	if (!lock->key)
		return flock(fd, (lock->alone ? LOCK_EX : LOCK_SH) | LOCK_NB);
	byte = byte_of(lock);
	return fcntl(fd, F_OFD_SETLK, &byte);
}

int replica_lock(struct replica_ctx *ctx, const struct replica_lock *lock, int *fd)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000 };
	uint64_t deadline = replica_now_ms() + LOCK_WAIT_MS;

	*fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return replica_fail_errno(ctx, errno, lock->parameter,
					  "the lock %s cannot be opened", lock->path);
	while (try_lock(*fd, lock)) {
		if (replica_now_ms() > deadline) {
			replica_unlock(fd);
			return replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, lock->parameter,
					    "another program has been at work on %s for %d seconds",
					    lock->what, LOCK_WAIT_MS / 1000);
		}
		nanosleep(&step, NULL);
	}
	return REPLICA_SUCCESS;
}

int replica_lock_held(const struct replica_lock *lock)
{
	struct flock byte = byte_of(lock);
	int fd = open(lock->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = fcntl(fd, F_OFD_GETLK, &byte) ? -errno : byte.l_type != F_UNLCK;
	close(fd);
	return r;
}

void replica_unlock(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int replica_lock_tables(struct replica_ctx *ctx, int *fd)
{
	const struct replica_lock lock = {
		.path = "/run/dm-replica-tables.lock",
		.parameter = "Name",
		.what = "the tables of sources",
		.alone = true,
	};

	return replica_lock(ctx, &lock, fd);
}

int replica_lock_lvm(struct replica_ctx *ctx, int *fd)
{
	const struct replica_lock lock = {
		.path = "/run/dm-replica-lvm.lock",
		.parameter = "Name",
		.what = "snapshots of logical volumes",
		.alone = true,
	};

	return replica_lock(ctx, &lock, fd);
}
