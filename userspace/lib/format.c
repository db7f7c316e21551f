// SPDX-License-Identifier: LGPL-2.1-or-later
/* The log of a new association, and the end of it. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format.h"
#include "ondisk.h"

#define DEFAULT_TIMEOUT_MS	30000
#define DEFAULT_QUEUE_BYTES	(64ULL << 20)

static uint64_t wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* What the kernel does without a word of the table. */
static const struct replica_settings defaults = {
	.payload = DM_REPLICA_PAYLOAD_COPY,
	.on_replica_error = DM_REPLICA_ON_ERROR_TRACK,
	.recovery = DM_REPLICA_RECOVERY_AUTOMATIC,
	.on_meta_error = DM_REPLICA_ON_META_CONTINUE,
	.replica_timeout_ms = DEFAULT_TIMEOUT_MS,
	.discard = REPLICA_DISCARD_ZERO,
	.queue_bytes = DEFAULT_QUEUE_BYTES,
	.overflow = DM_REPLICA_OVERFLOW_BLOCK,
	.protect = DM_REPLICA_PROTECT_NONE,
};

static void put_settings(struct dm_replica_sb_settings *to, const struct replica_settings *s)
{
	to->payload = s->payload;
	to->on_replica_error = s->on_replica_error;
	to->recovery = s->recovery;
	to->on_meta_error = s->on_meta_error;
	to->discard = s->discard - REPLICA_DISCARD_ZERO;
	to->resync_rate = cpu_to_le32(s->resync_rate);
	to->replica_timeout = cpu_to_le32(s->replica_timeout_ms);
	to->overflow = s->overflow;
	to->queue_bytes = cpu_to_le32(s->queue_bytes);
	to->rpo = cpu_to_le32(s->rpo_ms);
	to->max_skew = cpu_to_le32(s->max_skew);
	to->copy_priority = s->copy_priority;
	to->delta_ms = cpu_to_le32(s->delta_ms);
	to->read_only = s->read_only;
	to->protect = s->protect;
}

static void make_geometry(const struct replica_format *format,
			  const struct replica_settings *s, struct replica_geometry *geometry)
{
	uint64_t sectors = format->check->source.size >> SECTOR_SHIFT;
	uint32_t region = s->region_size >> SECTOR_SHIFT, activity = s->activity;

	if (!region)
		region = replica_default_region_sectors(sectors);
	if (!activity)
		activity = replica_default_activity(sectors, region);
	replica_geometry_make(geometry, sectors, region, activity);
}

/* The name fills its field, or ends with a zero that is there already. */
static void put_text(uint8_t *field, size_t size, const char *text)
{
	memcpy(field, text, strnlen(text, size));
}

static void make_superblock(struct replica_ctx *ctx, const struct replica_format *format,
			    struct dm_replica_superblock *sb)
{
	struct replica_settings settings = defaults;
	struct replica_geometry geometry;
	char path[sizeof(sb->origin_path)];

	if (format->settings)
		replica_settings_merge(&settings, format->settings);
	make_geometry(format, &settings, &geometry);
	replica_sb_make(sb, &geometry, format->uuid);
	sb->flags = cpu_to_le16(DM_REPLICA_SB_CLEAN);
	sb->state = cpu_to_le16(DM_REPLICA_STATE_INITIALIZED);
	sb->mode = cpu_to_le16(format->mode);
	if (format->clone)
		sb->incompat = cpu_to_le64(DM_REPLICA_FEATURE_INCOMPAT_CLONE);
	sb->next_job_id = cpu_to_le32(1);
	sb->created_ms = cpu_to_le64(wall_clock_ms());
	sb->written_ms = sb->created_ms;
	put_settings(&sb->settings, &settings);
	put_text(sb->name, sizeof(sb->name), format->name);
	replica_stable_path(ctx, &format->check->source, path, sizeof(path));
	put_text(sb->origin_path, sizeof(sb->origin_path), path);
	replica_stable_path(ctx, &format->check->target, path, sizeof(path));
	put_text(sb->replica_path, sizeof(sb->replica_path), path);
}

static int open_exclusive(struct replica_ctx *ctx, const char *path, int *fd)
{
	uint64_t size;

	*fd = replica_meta_open_file(ctx, path, true, true, &size);
	if (*fd == -EBUSY)
		return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, REPLICA_PARAM_META,
				    "meta device %s is in use", path);
	if (*fd < 0)
		return replica_fail_errno(ctx, *fd, REPLICA_PARAM_META,
					  "meta device %s cannot be written", path);
	return REPLICA_SUCCESS;
}

int replica_format_meta(struct replica_ctx *ctx, const struct replica_format *format)
{
	const char *path = format->check->meta.path;
	struct dm_replica_superblock sb;
	int fd, ret, r;

	make_superblock(ctx, format, &sb);
	replica_sb_seal(&sb);
	if (replica_sb_judge(&sb) != REPLICA_BLOCK_GOOD)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL, REPLICA_PARAM_META,
				    "no log can be made for %s", format->check->source.path);
	ret = open_exclusive(ctx, path, &fd);
	if (ret)
		return ret;
	r = replica_meta_format(fd, &sb, !format->skip_copy);
	if (r)
		replica_meta_wipe(fd);
	close(fd);
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_PARAM_META,
					  "no log can be written to %s", path);
	return REPLICA_SUCCESS;
}

/* uuid: NULL for any. */
static bool is_of_other(int fd, const uint8_t *uuid)
{
	const struct dm_replica_superblock *sb;
	struct replica_meta meta;

	if (!uuid)
		return false;
	replica_meta_peek(&meta, fd, 0);
	sb = replica_meta_superblock(&meta);
	return sb && memcmp(sb->uuid, uuid, sizeof(sb->uuid));
}

/* Nobody makes another log there as long as it is open so. */
static int erase(struct replica_ctx *ctx, const char *path, const uint8_t *uuid)
{
	int fd, ret = open_exclusive(ctx, path, &fd), r = 0;

	if (ret)
		return ret;
	if (!is_of_other(fd, uuid))
		r = replica_meta_wipe(fd);
	close(fd);
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_PARAM_META,
					  "the log on %s cannot be erased", path);
	return REPLICA_SUCCESS;
}

int replica_erase_meta(struct replica_ctx *ctx, const char *path)
{
	return erase(ctx, path, NULL);
}

int replica_erase_meta_of(struct replica_ctx *ctx, const char *path, const uint8_t uuid[16])
{
	uint64_t size;
	int fd = replica_meta_open_file(ctx, path, false, false, &size);
	bool other = fd >= 0 && is_of_other(fd, uuid);

	/* In use by that other one it cannot be opened to be written. */
	if (fd >= 0)
		close(fd);
	return other ? REPLICA_SUCCESS : erase(ctx, path, uuid);
}

int replica_distrust_meta(struct replica_ctx *ctx, const char *path,
			  const struct dm_replica_superblock *sb)
{
	int fd, ret = open_exclusive(ctx, path, &fd), r;

	if (ret)
		return ret;
	r = replica_meta_mark_all(fd, sb);
	close(fd);
	if (r)
		return replica_fail_errno(ctx, r, REPLICA_PARAM_META,
					  "the log on %s cannot be written", path);
	return REPLICA_SUCCESS;
}
