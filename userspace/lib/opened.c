// SPDX-License-Identifier: LGPL-2.1-or-later
/* A path may lead to another device when it is opened than when it was checked. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>

#include "check.h"
#include "signature.h"

void replica_opened_path(int fd, char path[REPLICA_OPENED_PATH])
{
	snprintf(path, REPLICA_OPENED_PATH, "/proc/self/fd/%d", fd);
}

int replica_check_opened(struct replica_ctx *ctx, const struct replica_blockdev *dev, int fd)
{
	uint64_t size = 0;
	struct stat st;

	if (fstat(fd, &st) || (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &size)))
		return replica_fail_errno(ctx, -errno, REPLICA_PARAM_TARGET,
					  "%s does not tell what it is", dev->path);
	if (!S_ISBLK(st.st_mode) || st.st_rdev != dev->devno)
		return replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, REPLICA_PARAM_TARGET,
				    "%s is another device than the %u:%u that was checked",
				    dev->path, major(dev->devno), minor(dev->devno));
	if (size == dev->size)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, REPLICA_PARAM_TARGET,
			    "%s has %" PRIu64 " bytes, and had %" PRIu64 " when it was checked",
			    dev->path, size, dev->size);
}

/* Whoever wrote to it since it was looked at has let go of it, and now it is ours alone. */
int replica_check_no_data(struct replica_ctx *ctx, const struct replica_blockdev *dev, int fd)
{
	struct replica_signature sig;
	char path[REPLICA_OPENED_PATH];
	int r;

	replica_opened_path(fd, path);
	r = ctx->host->signature(ctx, path, &sig);
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_PARAM_TARGET,
					  "%s cannot be searched for data", dev->path);
	if (!sig.count)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, REPLICA_PARAM_TARGET,
			    "%s has got data meanwhile: %s", dev->path, sig.text);
}

int replica_open_target(struct replica_ctx *ctx, const struct replica_blockdev *dev, bool force,
			int *fd)
{
	int ret;

	*fd = ctx->host->open(ctx, dev->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (*fd < 0)
		return replica_fail_errno(ctx, *fd, REPLICA_PARAM_TARGET,
					  "%s cannot be opened", dev->path);
	ret = replica_check_opened(ctx, dev, *fd);
	if (!ret && !force)
		ret = replica_check_no_data(ctx, dev, *fd);
	if (!ret)
		return REPLICA_SUCCESS;
	close(*fd);
	*fd = -1;
	return ret;
}
