// SPDX-License-Identifier: LGPL-2.1-or-later
/* A path may lead to another device when it is opened than when it was checked. */
#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/fs.h>

#include "check.h"

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
