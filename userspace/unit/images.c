// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images.h"
#include "random.h"

void image_read(struct image *image, uint64_t offset, void *data, size_t size)
{
	if (replica_read_at(image->fd, data, size, offset))
		abort();
}

void image_write(struct image *image, uint64_t offset, const void *data, size_t size)
{
	if (replica_write_at(image->fd, data, size, offset))
		abort();
}

void image_make(struct image *image, uint64_t sectors, uint32_t region_sectors, uint8_t uuid)
{
	uint8_t bytes[16];

	memset(bytes, uuid, sizeof(bytes));
	memset(image, 0, sizeof(*image));
	replica_geometry_make(&image->geometry, sectors, region_sectors, 512);
	image->size = image->geometry.blocks * DM_REPLICA_BLOCK_SIZE;
	image->truth = calloc(1, image->geometry.regions);
	image->fd = memfd_create("meta", MFD_CLOEXEC);
	replica_sb_make(&image->sb, &image->geometry, bytes);
	memcpy(image->sb.name, "vol", 3);
	if (!image->truth || image->fd < 0 || ftruncate(image->fd, image->size) ||
	    replica_meta_format(image->fd, &image->sb, false))
		abort();
}

void image_free(struct image *image)
{
	close(image->fd);
	free(image->truth);
}

void image_set_flags(struct image *image, uint16_t flags)
{
	image->sb.flags = cpu_to_le16(flags);
	image->sb.seq = cpu_to_le64(le64_to_cpu(image->sb.seq) + 1);
	replica_sb_seal(&image->sb);
	if (replica_meta_write_superblock(image->fd, 0, &image->sb) ||
	    replica_meta_write_superblock(image->fd, 1, &image->sb))
		abort();
}

static void store(struct image *image, struct dm_replica_log_sector *sector, uint32_t kind,
		  uint64_t place)
{
	if (replica_meta_write_sector(image->fd, sector, kind, image->sb.uuid, place))
		abort();
}

void image_set_bit(struct image *image, uint32_t region)
{
	uint64_t place = REPLICA_UNITS(image->geometry.bitmap_start) +
			 region / DM_REPLICA_BITS_PER_SECTOR;
	uint32_t bit = region % DM_REPLICA_BITS_PER_SECTOR;
	struct dm_replica_log_sector sector;

	image_read(image, place * sizeof(sector), &sector, sizeof(sector));
	sector.bitmap[bit / 8] |= 1 << bit % 8;
	store(image, &sector, DM_REPLICA_LOG_BITMAP, place);
	image->truth[region] = 1;
}

void image_set_intent(struct image *image, uint32_t slot, uint32_t region)
{
	uint64_t place = REPLICA_UNITS(image->geometry.intent_start) +
			 slot / DM_REPLICA_INTENTS_PER_SECTOR;
	struct dm_replica_log_sector sector;

	image_read(image, place * sizeof(sector), &sector, sizeof(sector));
	sector.intents[slot % DM_REPLICA_INTENTS_PER_SECTOR] = cpu_to_le32(region);
	store(image, &sector, DM_REPLICA_LOG_INTENTS, place);
	if (region < image->geometry.regions)
		image->truth[region] = 1;
}

void image_scatter(struct image *image)
{
	for (uint32_t i = 0; i < 40; i++)
		image_set_bit(image, random_below(image->geometry.regions));
	for (uint32_t slot = 0; slot < 512; slot += 7)
		image_set_intent(image, slot, random_below(image->geometry.regions));
}

void image_flip(struct image *image, uint64_t bit)
{
	uint8_t byte;

	image_read(image, bit / 8, &byte, 1);
	byte ^= 1 << bit % 8;
	image_write(image, bit / 8, &byte, 1);
}

bool image_safe(struct image *image)
{
	struct replica_meta meta;
	bool safe = true;

	if (replica_meta_read(&meta, image->fd, image->size))
		abort();
	for (uint64_t i = 0; meta.copy >= 0 && i < image->geometry.regions && safe; i++)
		if (image->truth[i])
			safe = i < meta.geometry.regions && meta.dirty[i / 8] & 1 << i % 8;
	replica_meta_clear(&meta);
	return safe;
}
