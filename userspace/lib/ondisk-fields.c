// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a meta device says, for those who do not know its format. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ondisk.h"

static_assert(REPLICA_META_GOOD == (int)REPLICA_BLOCK_GOOD &&
	      REPLICA_META_EMPTY == (int)REPLICA_BLOCK_ZERO &&
	      REPLICA_META_FOREIGN == (int)REPLICA_BLOCK_FOREIGN &&
	      REPLICA_META_DAMAGED == (int)REPLICA_BLOCK_DAMAGED &&
	      REPLICA_META_VERSION == (int)REPLICA_BLOCK_VERSION &&
	      REPLICA_META_FEATURE == (int)REPLICA_BLOCK_FEATURE &&
	      REPLICA_META_NONSENSE == (int)REPLICA_BLOCK_NONSENSE,
	      "enum replica_meta_verdict");

void replica_uuid_text(const uint8_t b[16], char text[REPLICA_UUID_TEXT])
{
	snprintf(text, REPLICA_UUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}

void replica_printable(const void *field, size_t size, char *text, size_t room)
{
	const char *from = field;
	size_t i;

	for (i = 0; i < size && i < room - 1 && from[i]; i++)
		text[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	text[i] = '\0';
}

/* ------------------------------------------------------------------------ */
/* From the superblock */

/* Text that fills its field has no final zero; an empty one is none. */
static char *text_of(const uint8_t *field, size_t size, bool *no_memory)
{
	char *text;

	if (!field[0])
		return NULL;
	text = strndup((const char *)field, size);
	if (!text)
		*no_memory = true;
	return text;
}

static int decode_texts(struct replica_meta_fields *f,
			const struct dm_replica_superblock *sb)
{
	bool no_memory = false;
	char uuid[REPLICA_UUID_TEXT];

	replica_uuid_text(sb->uuid, uuid);
	f->uuid = strdup(uuid);
	f->name = text_of(sb->name, sizeof(sb->name), &no_memory);
	f->origin_path = text_of(sb->origin_path, sizeof(sb->origin_path), &no_memory);
	f->replica_path = text_of(sb->replica_path, sizeof(sb->replica_path), &no_memory);
	return f->uuid && !no_memory ? 0 : -ENOMEM;
}

static void decode_geometry(struct replica_meta_fields *f, const struct replica_geometry *g)
{
	f->size = g->sectors << SECTOR_SHIFT;
	f->region_size = (uint64_t)g->region_sectors << SECTOR_SHIFT;
	f->regions = g->regions;
	f->activity = g->activity;
	f->intent_offset = (uint64_t)g->intent_start * DM_REPLICA_BLOCK_SIZE;
	f->intent_bytes = (uint64_t)g->intent_blocks * DM_REPLICA_BLOCK_SIZE;
	f->bitmap_offset = (uint64_t)g->bitmap_start * DM_REPLICA_BLOCK_SIZE;
	f->bitmap_bytes = (uint64_t)g->bitmap_blocks * DM_REPLICA_BLOCK_SIZE;
	f->bytes = g->blocks * DM_REPLICA_BLOCK_SIZE;
}

/* A value that this version does not know is left to the default of the kernel. */
static void decode_settings(struct replica_settings *s, const struct dm_replica_superblock *sb)
{
	const struct dm_replica_sb_settings *from = &sb->settings;
	const struct replica_settings all = {
		.payload = from->payload,
		.on_replica_error = from->on_replica_error,
		.recovery = from->recovery,
		.on_meta_error = from->on_meta_error,
		.resync_rate = le32_to_cpu(from->resync_rate),
		.replica_timeout_ms = le32_to_cpu(from->replica_timeout),
		.discard = from->discard + REPLICA_DISCARD_ZERO,
		.region_size = (uint64_t)le32_to_cpu(sb->region_sectors) << SECTOR_SHIFT,
		.activity = le32_to_cpu(sb->activity),
		/* Zeroes in a log that an earlier version made: not set. */
		.queue_bytes = le32_to_cpu(from->queue_bytes),
		.rpo_ms = le32_to_cpu(from->rpo),
		.overflow = from->overflow,
		.max_skew = le32_to_cpu(from->max_skew),
		.copy_priority = from->copy_priority,
		.delta_ms = le32_to_cpu(from->delta_ms),
		.read_only = from->read_only,
		.protect = from->protect,
	};
	const char *key, *why;

	*s = all;
	for (uint32_t bit = 1; bit <= REPLICA_SETTING_LAST; bit <<= 1) {
		struct replica_settings one = all;

		one.present = bit & REPLICA_SETTINGS_OF_LOG;
		if (one.present && !replica_settings_validate(&one, &key, &why))
			s->present |= bit;
	}
}

static void decode_job(struct replica_meta_fields *f, const struct dm_replica_superblock *sb)
{
	if (!(le16_to_cpu(sb->flags) & DM_REPLICA_SB_JOB))
		return;
	f->job_id = le32_to_cpu(sb->job.id);
	f->job_type = le16_to_cpu(sb->job.type);
	f->job_bytes_done = le64_to_cpu(sb->job.bytes_done);
	f->job_bytes_total = le64_to_cpu(sb->job.bytes_total);
}

int replica_meta_decode(struct replica_meta *meta)
{
	const struct dm_replica_superblock *sb = replica_meta_superblock(meta);
	struct replica_meta_fields *f = &meta->fields;
	uint32_t flags = le16_to_cpu(sb->flags);

	f->version = le16_to_cpu(sb->version);
	f->seq = le64_to_cpu(sb->seq);
	f->clean = flags & DM_REPLICA_SB_CLEAN;
	f->lost = flags & DM_REPLICA_SB_LOST;
	f->has_label = flags & DM_REPLICA_SB_LABEL;
	f->label_pending = flags & DM_REPLICA_SB_PENDING;
	f->whole = flags & DM_REPLICA_SB_WHOLE && !f->lost;
	f->whole_at = f->whole ? le64_to_cpu(sb->whole_ms) : 0;
	f->clone = le64_to_cpu(sb->incompat) & DM_REPLICA_FEATURE_INCOMPAT_CLONE;
	f->swaps = le32_to_cpu(sb->swaps);
	f->swap_back = flags & DM_REPLICA_SB_SWAP_BACK;
	f->origin_has_label = replica_sb_origin_label(sb);
	f->copy_state = le16_to_cpu(sb->state);
	f->mode = le16_to_cpu(sb->mode);
	f->activation = le64_to_cpu(sb->activation);
	f->generation = le64_to_cpu(sb->generation);
	f->created = le64_to_cpu(sb->created_ms);
	f->established = le64_to_cpu(sb->established_ms);
	f->synced = le64_to_cpu(sb->synced_ms);
	f->suspended = le64_to_cpu(sb->suspended_ms);
	f->written = le64_to_cpu(sb->written_ms);
	decode_geometry(f, &meta->geometry);
	decode_settings(&f->settings, sb);
	decode_job(f, sb);
	return decode_texts(f, sb);
}

void replica_meta_free_fields(struct replica_meta_fields *fields)
{
	free(fields->name);
	free(fields->uuid);
	free(fields->origin_path);
	free(fields->replica_path);
}

/* ------------------------------------------------------------------------ */
/* For callers */

EXPORT int replica_meta_open(struct replica_ctx *ctx, const char *path,
			     struct replica_meta **meta)
{
	uint64_t size = 0;
	int fd, r = -ENOMEM;

	*meta = NULL;
	replica_error_begin(ctx, "OpenMetaDevice");
	fd = replica_meta_open_file(ctx, path, false, false, &size);
	if (fd < 0)
		return replica_fail_errno(ctx, fd, "MetaDevice",
					  "%s cannot be read as a meta device", path);
	*meta = calloc(1, sizeof(**meta));
	if (*meta)
		r = replica_meta_read(*meta, fd, size);
	close(fd);
	if (!r)
		return REPLICA_SUCCESS;
	free(*meta);
	*meta = NULL;
	return replica_fail_memory(ctx);
}

EXPORT void replica_meta_free(struct replica_meta *meta)
{
	if (!meta)
		return;
	replica_meta_clear(meta);
	free(meta);
}

EXPORT uint64_t replica_meta_size(const struct replica_meta *meta)
{
	return meta->size;
}

EXPORT uint32_t replica_meta_verdict(const struct replica_meta *meta, unsigned int copy)
{
	return copy < ARRAY_SIZE(meta->verdict) ? meta->verdict[copy] : REPLICA_META_EMPTY;
}

EXPORT uint64_t replica_meta_seq(const struct replica_meta *meta, unsigned int copy)
{
	if (replica_meta_verdict(meta, copy) != REPLICA_META_GOOD)
		return 0;
	return le64_to_cpu(meta->sb[copy].seq);
}

EXPORT int replica_meta_copy(const struct replica_meta *meta)
{
	return meta->copy;
}

EXPORT const struct replica_meta_fields *
replica_meta_fields(const struct replica_meta *meta)
{
	return meta->copy < 0 ? NULL : &meta->fields;
}

EXPORT uint64_t replica_meta_dirty_regions(const struct replica_meta *meta)
{
	return meta->nr_dirty;
}

static bool is_dirty(const struct replica_meta *meta, uint64_t region)
{
	return meta->dirty[region / 8] & 1 << region % 8;
}

/* The last region may be a short one. */
EXPORT uint64_t replica_meta_dirty_bytes(const struct replica_meta *meta)
{
	const struct replica_geometry *g = &meta->geometry;
	uint64_t sectors = meta->nr_dirty * g->region_sectors;

	if (meta->nr_dirty && is_dirty(meta, g->regions - 1))
		sectors -= g->regions * g->region_sectors - g->sectors;
	return sectors << SECTOR_SHIFT;
}

EXPORT int replica_meta_dirty_range(const struct replica_meta *meta, uint64_t *region,
				    uint64_t *count)
{
	uint64_t at = *region;

	if (meta->copy < 0)
		return -ENOENT;
	while (at < meta->geometry.regions && !is_dirty(meta, at))
		at++;
	if (at >= meta->geometry.regions)
		return -ENOENT;
	*region = at;
	while (at < meta->geometry.regions && is_dirty(meta, at))
		at++;
	*count = at - *region;
	return 0;
}

EXPORT int replica_meta_intent(const struct replica_meta *meta, size_t index,
			       uint32_t *region)
{
	if (index >= meta->nr_intents)
		return -ENOENT;
	*region = meta->intents[index];
	return 0;
}

EXPORT const struct replica_meta_damage *
replica_meta_damage(const struct replica_meta *meta, size_t index)
{
	return index < meta->nr_damage ? &meta->damage[index] : NULL;
}

EXPORT uint64_t replica_meta_bytes(uint64_t bytes, uint64_t region_size, uint32_t activity)
{
	uint64_t sectors = bytes >> SECTOR_SHIFT, region = region_size >> SECTOR_SHIFT;
	struct replica_geometry geometry;

	if (!sectors || sectors >> 55)
		return 0;
	if (!region)
		region = replica_default_region_sectors(sectors);
	if (!activity)
		activity = replica_default_activity(sectors, region);
	replica_geometry_make(&geometry, sectors, region, activity);
	return geometry.regions > DM_REPLICA_REGIONS_MAX ? 0 :
	       geometry.blocks * DM_REPLICA_BLOCK_SIZE;
}
