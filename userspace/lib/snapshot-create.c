// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CreateReplica, SyncType 7.  Everything is made ready beside the source's table, and
 * one call to the kernel then brings its file systems to rest, exchanges the table and
 * lets it go on: that moment is the point in time.  Whoever is killed before or after
 * it leaves a source that works, and what is left goes by replica_snap_end().
 *
 * Until that moment the snapshot shows the source as it is, so nobody may look at it:
 * udev is told to leave it alone, and to look at it once more when it is true.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lock.h"
#include "peer.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"
#include "token.h"

/* What is wiped at the start of a store, and at its end for backup superblocks. */
#define WIPE_BYTES	(1u << 20)

static int write_zeroes(int fd, off_t at, size_t bytes)
{
	static const char zeroes[65536];
	ssize_t n;

	while (bytes) {
		n = pwrite(fd, zeroes, bytes < sizeof(zeroes) ? bytes : sizeof(zeroes), at);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		bytes -= n;
	}
	return 0;
}

static int wipe_fd(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	int r;

	if (size < 0)
		return -errno;
	r = write_zeroes(fd, 0, size < WIPE_BYTES ? size : WIPE_BYTES);
	if (!r && size > WIPE_BYTES)
		r = write_zeroes(fd, size - WIPE_BYTES, WIPE_BYTES);
	return r ? r : fsync(fd) ? -errno : 0;
}

static int wipe_opened(struct replica_ctx *ctx, const struct replica_blockdev *store, int fd)
{
	int r = wipe_fd(fd);

	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r, REPLICA_PARAM_TARGET, "store %s cannot be wiped",
				  store->path);
}

int replica_snap_wipe(struct replica_ctx *ctx, const struct replica_blockdev *store)
{
	int fd = ctx->host->open(ctx, store->path, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return replica_fail_errno(ctx, fd, REPLICA_PARAM_TARGET,
					  "store %s cannot be opened", store->path);
	ret = replica_check_opened(ctx, store, fd);
	if (!ret)
		ret = wipe_opened(ctx, store, fd);
	close(fd);
	return ret;
}

/* Whatever has been written to it since it was looked at is somebody's data. */
static int wipe_store(struct replica_snap_making *m)
{
	const struct replica_blockdev *store = &m->check.target;
	int fd, ret = replica_open_target(m->ctx, store, true, &fd);
	char path[REPLICA_OPENED_PATH];

	if (ret)
		return ret;
	replica_opened_path(fd, path);
	if (!m->args->force &&
	    !(replica_is_tokenized(m->args) && replica_token_marked(m->ctx, path)))
		ret = replica_check_no_data(m->ctx, store, fd);
	if (!ret)
		ret = wipe_opened(m->ctx, store, fd);
	close(fd);
	return ret;
}

/* The snapshot's own device, on a base that is live; it is not true yet. */
static int make_snapshot(struct replica_snap_making *m, const char *base)
{
	char params[128];
	int ret;

	snprintf(params, sizeof(params), "%s %u:%u PO %u", base, major(m->check.target.devno),
		 minor(m->check.target.devno), m->chunk);
	ret = (replica_is_tokenized(m->args) ? replica_snap_load_read_only : replica_snap_load)
		(m->ctx, m->name, m->sectors, REPLICA_SNAP_TARGET, params);
	if (!ret && replica_is_tokenized(m->args))
		ret = replica_token_mark(m->ctx, &m->check.target, m->id);
	if (!ret)
		ret = replica_snap_resume(m->ctx, m->name, REPLICA_UDEV_HIDDEN, false);
	return ret == REPLICA_TIMEOUT ? REPLICA_SUCCESS : ret;
}

/* And whoever has suspended the source since wants it to rest. */
static int check_unchanged(struct replica_snap_making *m)
{
	struct replica_lines now;
	bool same;

	same = !replica_lines_read(m->ctx, m->old.name, 0, &now) &&
	       replica_lines_equal(&m->old, &now) && !now.suspended;
	replica_lines_clear(&now);
	if (same)
		return REPLICA_SUCCESS;
	return replica_fail(m->ctx, REPLICA_CACHE_OUT_OF_DATE, ESTALE, REPLICA_PARAM_SOURCE,
			    "\"%s\" was suspended, or its table was changed, by another program meanwhile",
			    m->old.name);
}

/* The point in time is in here. */
static int take(struct replica_snap_making *m, const char *base)
{
	int ret = replica_snap_load(m->ctx, m->old.name, m->sectors, REPLICA_SNAP_ORIGIN_TARGET,
				    base);

	if (!ret)
		ret = check_unchanged(m);
	if (ret)
		return ret;
	m->touched = true;
	return replica_snap_resume(m->ctx, m->old.name, 0, true);
}

/* udev may look now; a device without I/O is suspended for no time.  A token stays hidden. */
static int announce(struct replica_snap_making *m)
{
	int ret;

	if (replica_is_tokenized(m->args))
		return REPLICA_SUCCESS;
	ret = replica_snap_suspend(m->ctx, m->name);
	return ret ? ret : replica_snap_resume(m->ctx, m->name, 0, false);
}

static int make_base(struct replica_snap_making *m, char *number, size_t size)
{
	char uuid[DM_REPLICA_UUID_LEN];
	struct replica_lines base;
	int ret, r;

	snprintf(uuid, sizeof(uuid), "%s%s", REPLICA_BASE_UUID_PREFIX, m->id);
	ret = replica_lines_create_hidden(m->ctx, m->base, uuid, &m->old);
	if (ret)
		return ret;
	r = replica_lines_read(m->ctx, m->base, 0, &base);
	snprintf(number, size, "%s", base.devno);
	replica_lines_clear(&base);
	if (r)
		return replica_fail_errno(m->ctx, r, REPLICA_PARAM_SOURCE,
					  "device-mapper does not tell about \"%s\"", m->base);
	return REPLICA_SUCCESS;
}

/* REPLICA_TIMEOUT: it is there, and udev is late. */
static int make(struct replica_snap_making *m)
{
	char base[32];
	int ret = wipe_store(m);

	if (!ret)
		ret = replica_snap_make(m->ctx, m->name, m->result->uuid);
	if (ret)
		return ret;
	m->made = true;
	ret = make_base(m, base, sizeof(base));
	if (!ret)
		ret = make_snapshot(m, base);
	if (!ret)
		ret = take(m, base);
	if (!ret || ret == REPLICA_TIMEOUT)
		return announce(m);
	return ret;
}

/* The error stays. */
static void undo(struct replica_snap_making *m)
{
	struct replica_error err = m->ctx->err;
	char store[DM_REPLICA_UUID_LEN];
	int ret;

	if (m->touched)
		replica_snap_wake(m->ctx, m->old.name, &m->old);
	/* Another call may have ended ours meanwhile and made one of the same name. */
	if (!replica_lines_are_of(m->ctx, m->name, m->result->uuid))
		return;
	/* Who cut the store gives it back. */
	ret = replica_snap_end_locked(m->ctx, m->name, store);
	m->ctx->err = err;
	if (ret)
		replica_error_details(m->ctx,
				      "something is left behind: 'replicactl remove %s' tidies up",
				      m->name);
}

static int fill_result(struct replica_snap_making *m)
{
	struct replica_create_result *r = m->result;
	char uuid[REPLICA_UUID_TEXT];
	uint8_t bytes[16];

	replica_uuid_random(bytes);
	replica_uuid_text(bytes, uuid);
	snprintf(m->id, sizeof(m->id), "%s%s", m->test ? REPLICA_TEST_UUID_MARK : "", uuid);
	r->element_name = strdup(m->name);
	r->target_storage_volume = strdup(m->check.target.path);
	if (asprintf(&r->uuid, "%s%s", replica_is_tokenized(m->args) ?
		     REPLICA_TOKEN_UUID_PREFIX : REPLICA_SNAP_UUID_PREFIX, m->id) < 0)
		r->uuid = NULL;
	if (asprintf(&r->device, "/dev/mapper/%s", m->name) < 0)
		r->device = NULL;
	if (asprintf(&r->table, "0 %" PRIu64 " %s /dev/mapper/%s %s PO %u", m->sectors,
		     REPLICA_SNAP_TARGET, m->base, m->check.target.path, m->chunk) < 0)
		r->table = NULL;
	if (!r->element_name || !r->target_storage_volume || !r->uuid || !r->device ||
	    !r->table || replica_peer_fill(m->ctx, &m->check.target, r->uuid, &r->peer))
		return replica_fail_memory(m->ctx);
	return REPLICA_SUCCESS;
}

/* One without its info could be taken for none, and its store for a free one. */
static int make_or_undo(struct replica_snap_making *m)
{
	int ret = make(m);

	if (!ret || ret == REPLICA_TIMEOUT)
		ret = replica_snap_info(m->ctx, m->name, &m->result->info);
	if (ret && m->made)
		undo(m);
	return ret;
}

static int check(struct replica_snap_making *m)
{
	int ret = replica_snap_check_devices(m);

	m->result->findings = m->check.findings;
	return ret;
}

/* Under the lock, so that another call is not seen half way, nor takes the name. */
static int create(struct replica_snap_making *m)
{
	int lock, ret = replica_lock_tables(m->ctx, &lock);

	if (ret)
		return ret;
	ret = check(m);
	if (!ret)
		ret = fill_result(m);
	if (!ret && !m->args->dry_run)
		ret = make_or_undo(m);
	replica_unlock(&lock);
	return ret;
}

int replica_snap_create_as(struct replica_ctx *ctx, const struct replica_create_args *args,
			   bool test, struct replica_create_result *result)
{
	struct replica_snap_making m = {
		.ctx = ctx, .args = args, .result = result, .test = test,
		.check = { .ctx = ctx, .force = args->force },
	};
	int ret = create(&m);

	replica_lines_clear(&m.old);
	replica_info_free(m.replicas);
	return ret;
}

int replica_snap_create(struct replica_ctx *ctx, const struct replica_create_args *args,
			struct replica_create_result *result)
{
	return replica_snap_create_as(ctx, args, false, result);
}

static int create_replica(struct replica_ctx *ctx, const struct replica_create_args *args,
			  bool test, struct replica_create_result **result)
{
	const char *const tags[3] = { test ? REPLICA_POOL_TAG_TEST : NULL };
	int ret = replica_snap_check_params(ctx, args);

	if (ret)
		return ret;
	*result = calloc(1, sizeof(**result));
	if (!*result)
		return replica_fail_memory(ctx);
	/* One without a place was a volume of LVM when that was asked, and may not be one now. */
	if ((!args->target_storage_volume && !args->target_storage_pool) ||
	    replica_lvsnap_source(ctx, args))
		return replica_lvsnap_create(ctx, args, tags, *result);
	return args->target_storage_volume ? replica_snap_create_as(ctx, args, test, *result) :
	       replica_snap_pool_create(ctx, args, test, *result);
}

int replica_snap_create_replica(struct replica_ctx *ctx, const struct replica_create_args *args,
				struct replica_create_result **result)
{
	return create_replica(ctx, args, false, result);
}

int replica_snap_create_test(struct replica_ctx *ctx, const struct replica_create_args *args,
			     struct replica_create_result **result)
{
	return create_replica(ctx, args, true, result);
}
