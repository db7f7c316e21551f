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

int replica_lock(struct replica_ctx *ctx, const struct replica_lock *lock, int *fd)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000 };
	uint64_t deadline = replica_now_ms() + LOCK_WAIT_MS;

	*fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return replica_fail_errno(ctx, errno, lock->parameter,
					  "the lock %s cannot be opened", lock->path);
	while (flock(*fd, (lock->alone ? LOCK_EX : LOCK_SH) | LOCK_NB)) {
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
