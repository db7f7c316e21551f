// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The directory of a pool while it is worked on.  It has a mapped device for as long, whose
 * name is made of the pool's number: what a killed program left is found, and made anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "lock.h"
#include "ondisk.h"
#include "pool.h"
#include "snapshot.h"

#define COPIES_BYTES	(2 * REPLICA_THIN_COPY_BYTES)

static int lock_dir(struct replica_ctx *ctx, int *fd)
{
	const struct replica_lock lock = {
		.path = "/run/dm-replica-thin.lock",
		.parameter = REPLICA_PARAM_POOL,
		.what = "thin volumes",
		.alone = true,
	};

	return replica_lock(ctx, &lock, fd);
}

static int make_map(struct replica_thin_work *work)
{
	char uuid[96];
	const struct replica_thin_map map = {
		.name = work->name,
		.uuid = uuid,
		.id = REPLICA_THIN_FIRST,
		.sectors = COPIES_BYTES >> SECTOR_SHIFT,
		.hidden = REPLICA_UDEV_HIDDEN,
	};

	snprintf(uuid, sizeof(uuid), "%s%.32s", REPLICA_THIN_DIR_PREFIX,
		 strpbrk(work->name, "0123456789"));
	return replica_thin_map_make(work, &map);
}

static int make_volume(struct replica_thin_work *work)
{
	int r = replica_thin_message(&work->pool, "create_thin", REPLICA_THIN_FIRST);

	if (!r || r == -EEXIST)
		return REPLICA_SUCCESS;
	return replica_fail_errno(work->ctx, r, REPLICA_PARAM_POOL,
				  "pool %s does not make volume %u", work->pool.path,
				  REPLICA_THIN_FIRST);
}

/* *there: is there a directory? */
static int map_dir(struct replica_thin_work *work, bool create, bool *there)
{
	int ret;

	/* "253:4" */
	snprintf(work->name, sizeof(work->name), "replica-pool-%.32s", work->pool.devno);
	*strchr(work->name, ':') = '-';
	ret = make_map(work);
	*there = ret != REPLICA_NOT_FOUND;
	if (*there)
		return ret;
	replica_error_clear(work->ctx);
	if (!create)
		return REPLICA_SUCCESS;
	ret = make_volume(work);
	*there = !ret;
	return ret ? ret : make_map(work);
}

/* ------------------------------------------------------------------------ */

static int fail_io(struct replica_thin_work *work, int err, const char *what)
{
	return replica_fail_errno(work->ctx, err, REPLICA_PARAM_POOL,
				  "what was cut from pool %s, on its volume %u, cannot be %s",
				  work->pool.path, REPLICA_THIN_FIRST, what);
}

static int fail_foreign(struct replica_thin_work *work)
{
	return replica_fail(work->ctx, REPLICA_FAILED, EEXIST, REPLICA_PARAM_POOL,
			    "volume %u of pool %s is somebody else's: from that number on they have to be free for what is cut from it",
			    REPLICA_THIN_FIRST, work->pool.path);
}

static int decode(struct replica_thin_work *work, const void *copies)
{
	int r = replica_thin_decode(copies, work->dir);
	uint64_t mapped;

	/* Zeroes alone are no promise: somebody may have put something behind them. */
	work->known = !r || (r == -ENODATA && !replica_thin_mapped(work->name, &mapped) &&
			     !mapped);
	return work->known ? REPLICA_SUCCESS : fail_foreign(work);
}

static int read_dir(struct replica_thin_work *work)
{
	void *copies;
	int ret, r;

	if (posix_memalign(&copies, DM_REPLICA_BLOCK_SIZE, COPIES_BYTES))
		return replica_fail_memory(work->ctx);
	r = replica_read_at(work->fd, copies, COPIES_BYTES, 0);
	ret = r ? fail_io(work, r, "read") : decode(work, copies);
	free(copies);
	return ret;
}

/*
 * The first is written with zeroes in the place of the other: a pool that does not zero its blocks
 * may have a directory there that was ours once, and had come further.
 */
int replica_thin_save(struct replica_thin_work *work)
{
	uint64_t place = ++work->dir->seq % 2 * REPLICA_THIN_COPY_BYTES;
	bool first = work->dir->seq == 1;
	char *copies;
	int r;

	if (posix_memalign((void **)&copies, DM_REPLICA_BLOCK_SIZE, COPIES_BYTES)) {
		work->dir->seq--;
		return replica_fail_memory(work->ctx);
	}
	memset(copies, 0, COPIES_BYTES);
	/* What could not be read back would take all the others with it. */
	r = replica_thin_encode(work->dir, copies + place) ? 0 : -EINVAL;
	if (!r)
		r = first ? replica_write_at(work->fd, copies, COPIES_BYTES, 0) :
		    replica_write_at(work->fd, copies + place, REPLICA_THIN_COPY_BYTES, place);
	if (!r && fdatasync(work->fd))
		r = -errno;
	free(copies);
	if (!r)
		return REPLICA_SUCCESS;
	/* What is there may be torn: the next one goes there too, and not over the good one. */
	work->dir->seq--;
	work->known = false;
	return fail_io(work, r, "written");
}

static int open_dir(struct replica_thin_work *work)
{
	char path[96];

	work->dir = calloc(1, sizeof(*work->dir));
	if (!work->dir)
		return replica_fail_memory(work->ctx);
	snprintf(path, sizeof(path), "/dev/mapper/%s", work->name);
	work->fd = work->ctx->host->open(work->ctx, path, O_RDWR | O_DIRECT | O_CLOEXEC);
	return work->fd < 0 ? fail_io(work, work->fd, "read") : read_dir(work);
}

int replica_thin_begin(struct replica_ctx *ctx, const char *path, bool create,
		       struct replica_thin_work *work)
{
	bool there = false;
	int ret;

	*work = (struct replica_thin_work){ .ctx = ctx, .fd = -1, .lock = -1 };
	ret = lock_dir(ctx, &work->lock);
	if (!ret)
		ret = create ? replica_thin_open(ctx, path, &work->pool) :
			       replica_thin_find(ctx, path, &work->pool);
	if (!ret)
		ret = map_dir(work, create, &there);
	work->mapped = !ret && there;
	if (work->mapped)
		ret = open_dir(work);
	return ret ? replica_thin_end(work, ret) : ret;
}

/* ------------------------------------------------------------------------ */

/* A directory without entries goes, too. */
static int close_dir(struct replica_thin_work *work)
{
	int ret, r = 0;

	if (work->fd >= 0)
		close(work->fd);
	ret = replica_dm_remove(work->ctx, work->name);
	if (ret && ret != REPLICA_TIMEOUT)
		return ret;
	if (work->known && !work->dir->count)
		r = replica_thin_message(&work->pool, "delete", REPLICA_THIN_FIRST);
	return r && r != -ENODATA ? fail_io(work, r, "removed") : REPLICA_SUCCESS;
}

int replica_thin_end(struct replica_thin_work *work, int ret)
{
	struct replica_error err = work->ctx->err;
	int closed = REPLICA_SUCCESS;

	if (work->mapped)
		closed = close_dir(work);
	free(work->dir);
	work->dir = NULL;
	replica_unlock(&work->lock);
	if (ret)
		work->ctx->err = err;
	return ret ? ret : closed;
}
