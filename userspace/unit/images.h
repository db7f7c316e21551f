/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Meta devices in memory, with regions that are known to differ. */
#ifndef _UNIT_IMAGES_H
#define _UNIT_IMAGES_H

#include "ondisk.h"

struct image {
	int fd;
	uint64_t size;			/* bytes */
	struct dm_replica_superblock sb;	/* as on it */
	struct replica_geometry geometry;
	uint8_t *truth;			/* a byte for each region: may differ */
};

/* A log of legs of that size; activity 512, uuid of that byte. Nothing differs. */
void image_make(struct image *image, uint64_t sectors, uint32_t region_sectors, uint8_t uuid);
void image_free(struct image *image);

/* Flags, with a new version of both superblocks. */
void image_set_flags(struct image *image, uint16_t flags);
/* The region differs, by its bit or by an intent in that slot. */
void image_set_bit(struct image *image, uint32_t region);
void image_set_intent(struct image *image, uint32_t slot, uint32_t region);
/* Some of both kinds. */
void image_scatter(struct image *image);

void image_flip(struct image *image, uint64_t bit);
void image_read(struct image *image, uint64_t offset, void *data, size_t size);
void image_write(struct image *image, uint64_t offset, const void *data, size_t size);

/* Read what is there: true for a refusal, or when all that differs is among the dirty. */
bool image_safe(struct image *image);

#endif /* _UNIT_IMAGES_H */
