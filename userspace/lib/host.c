// SPDX-License-Identifier: LGPL-2.1-or-later
/* The questions to the running system; unit tests have their own answers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dm.h"
#include "dm-lines.h"
#include "host.h"
#include "signature.h"

static int host_devno(struct replica_ctx *ctx, const char *path, dev_t *devno)
{
	struct stat st;

	(void)ctx;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	*devno = st.st_rdev;
	return 0;
}

/* Opened for reading: closing a writer would make udev look at the device. */
static int host_open_excl(struct replica_ctx *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

	(void)ctx;
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int host_signature(struct replica_ctx *ctx, const char *path,
			  struct replica_signature *sig)
{
	(void)ctx;
	return replica_signature_probe(path, sig);
}

static int host_open(struct replica_ctx *ctx, const char *path, int flags)
{
	int fd = open(path, flags);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static int host_lines(struct replica_ctx *ctx, const char *name, struct replica_lines *lines)
{
	return replica_lines_read(ctx, name, 0, lines);
}

const struct replica_host_ops replica_host_real = {
	.devno = host_devno,
	.open_excl = host_open_excl,
	.signature = host_signature,
	.dm_exists = replica_dm_exists,
	.lines = host_lines,
	.open = host_open,
};
