// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bytes from and to a meta device, or the image of one. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ondisk.h"

/* The module reads and writes beside the page cache, so what is in there is old. */
static void drop_cache(int fd, bool is_device)
{
	if (!is_device || ioctl(fd, BLKFLSBUF, 0))
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int measure(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode))
		*size = st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	else if (ioctl(fd, BLKGETSIZE64, size))
		return -errno;
	drop_cache(fd, S_ISBLK(st.st_mode));
	return 0;
}

/* O_EXCL means something for block devices, and nothing for files that exist. */
int replica_meta_open_file(struct replica_ctx *ctx, const char *path, bool writable,
			   bool exclusive, uint64_t *size)
{
	int flags = O_CLOEXEC | O_NONBLOCK | (writable ? O_RDWR : O_RDONLY) |
		    (exclusive ? O_EXCL : 0);
	int fd = ctx->host->open(ctx, path, flags), r;

	if (fd < 0)
		return fd;
	r = measure(fd, size);
	if (!r)
		return fd;
	close(fd);
	return r;
}

int replica_read_at(int fd, void *data, size_t size, uint64_t offset)
{
	char *to = data;
	ssize_t n;

	for (; size; size -= n, to += n, offset += n) {
		n = pread(fd, to, size, offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n ? -errno : -ENODATA;
	}
	return 0;
}

int replica_write_at(int fd, const void *data, size_t size, uint64_t offset)
{
	const char *from = data;
	ssize_t n;

	for (; size; size -= n, from += n, offset += n) {
		n = pwrite(fd, from, size, offset);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n ? -errno : -ENOSPC;
	}
	return 0;
}
