// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bit rot and misplaced writes on the meta device: what comes out is a refusal, or
 * has all regions among it that really differ; also after a repair.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fsck.h"
#include "images.h"
#include "ktap.h"
#include "random.h"

#define SB_BITS		(DM_REPLICA_BLOCK_SIZE * 8ULL)
#define UNIT_BITS	(DM_REPLICA_LOG_SECTOR_SIZE * 8ULL)

static struct image image;

static void make(void)
{
	image_make(&image, 64 * 2048 + 9, 8, 7);
	image_scatter(&image);
	CHECK(image_safe(&image));
}

static uint64_t copy_bit(unsigned int copy)
{
	return copy * 16ULL * SB_BITS;
}

/* Every bit of both copies: the other copy counts then, and all it takes to read. */
static void superblock_bits(void)
{
	struct replica_meta meta;

	make();
	for (unsigned int copy = 0; copy < 2; copy++) {
		for (uint64_t bit = 0; bit < SB_BITS; bit++) {
			image_flip(&image, copy_bit(copy) + bit);
			replica_meta_peek(&meta, image.fd, image.size);
			CHECK(meta.verdict[copy] != REPLICA_BLOCK_GOOD);
			CHECK_INT(meta.copy, !copy);
			if (bit % 97 == 0)
				CHECK(image_safe(&image));
			image_flip(&image, copy_bit(copy) + bit);
		}
	}
	CHECK(image_safe(&image));
	image_free(&image);
}

/* A bit of both: nothing is left to believe. */
static void both_superblocks(void)
{
	struct replica_meta meta;

	make();
	for (int i = 0; i < 500; i++) {
		uint64_t a = copy_bit(0) + random_below(SB_BITS);
		uint64_t b = copy_bit(1) + random_below(SB_BITS);

		image_flip(&image, a);
		image_flip(&image, b);
		CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
		CHECK_INT(meta.copy, -1);
		replica_meta_clear(&meta);
		image_flip(&image, a);
		image_flip(&image, b);
	}
	image_free(&image);
}

static void rot_unit(uint64_t place)
{
	struct replica_meta meta;

	for (uint64_t bit = place * UNIT_BITS; bit < (place + 1) * UNIT_BITS; bit++) {
		image_flip(&image, bit);
		CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
		CHECK_INT(meta.nr_damage, 1);
		replica_meta_clear(&meta);
		if (bit % 11 == 0)
			CHECK(image_safe(&image));
		image_flip(&image, bit);
	}
}

/* Every bit of some log sectors, the first and the last ones among them. */
static void sector_bits(void)
{
	const struct replica_geometry *g = &image.geometry;

	make();
	rot_unit(REPLICA_UNITS(g->intent_start));
	rot_unit(REPLICA_UNITS(g->intent_start + g->intent_blocks) - 1);
	rot_unit(REPLICA_UNITS(g->bitmap_start));
	rot_unit(REPLICA_UNITS(g->bitmap_start) + (g->regions - 1) / DM_REPLICA_BITS_PER_SECTOR);
	image_free(&image);
}

static void truncated(void)
{
	uint64_t full;

	make();
	full = image.size;
	for (uint64_t size = full; size; size -= size > 4096 + 512 ? 512 : size) {
		image.size = size;
		CHECK(!ftruncate(image.fd, size));
		CHECK(image_safe(&image));
	}
	image_free(&image);
}

static void swap_units(struct image *a, uint64_t i, struct image *b, uint64_t j)
{
	struct dm_replica_log_sector one, other;

	image_read(a, i * sizeof(one), &one, sizeof(one));
	image_read(b, j * sizeof(one), &other, sizeof(other));
	image_write(a, i * sizeof(one), &other, sizeof(other));
	image_write(b, j * sizeof(one), &one, sizeof(one));
}

static uint64_t random_place(void)
{
	const struct replica_geometry *g = &image.geometry;

	return REPLICA_UNITS(g->intent_start) +
	       random_below(REPLICA_UNITS(g->intent_blocks + g->bitmap_blocks));
}

static void swapped_places(void)
{
	make();
	for (int i = 0; i < 2000; i++) {
		uint64_t a = random_place(), b = random_place();

		swap_units(&image, a, &image, b);
		CHECK(image_safe(&image));
		swap_units(&image, a, &image, b);
	}
	image_free(&image);
}

/* Sectors and superblocks of another log, of the same geometry and newer. */
static void other_log(void)
{
	struct image other;

	make();
	image_make(&other, 64 * 2048 + 9, 8, 8);
	image_set_flags(&other, DM_REPLICA_SB_CLEAN);
	for (int i = 0; i < 500; i++) {
		uint64_t place = random_place();

		swap_units(&image, place, &other, place);
		CHECK(image_safe(&image));
		swap_units(&image, place, &other, place);
	}
	for (unsigned int copy = 0; copy < 2; copy++) {
		CHECK_INT(replica_meta_write_superblock(image.fd, copy, &other.sb), 0);
		CHECK(image_safe(&image));
	}
	image_free(&other);
	image_free(&image);
}

static void random_damage(void)
{
	uint8_t bytes[4096];

	for (int i = 0; i < 150; i++) {
		make();
		for (unsigned int n = 1 + random_below(4); n; n--) {
			size_t size = 1 + random_below(sizeof(bytes));

			memset(bytes, random_u32(), sizeof(bytes));
			image_write(&image, random_below(image.size - size), bytes, size);
			CHECK(image_safe(&image));
		}
		image_free(&image);
	}
}

/* ------------------------------------------------------------------------ */
/* Repair */

static void faults_are(size_t want, uint32_t code)
{
	struct replica_fsck k = { .faults = NULL };
	size_t n = 0;

	CHECK_INT(replica_fsck_find(&k, image.fd, image.size), 0);
	for (const struct replica_meta_fault *f = k.faults; f; f = f->next, n++)
		CHECK_INT(f->code, code);
	CHECK_INT(n, want);
	replica_fsck_clear(&k);
}

static uint64_t repair(void)
{
	struct replica_fsck k = { .faults = NULL };
	uint64_t dirty;

	CHECK_INT(replica_fsck_find(&k, image.fd, image.size), 0);
	dirty = k.meta.nr_dirty;
	CHECK_INT(replica_fsck_repair(&k, image.fd), 0);
	for (const struct replica_meta_fault *f = k.faults; f; f = f->next)
		CHECK(f->repaired);
	replica_fsck_clear(&k);
	return dirty;
}

/* The same regions may differ after the repair, and nothing is wrong any more. */
static void repaired(uint64_t bit, uint32_t code)
{
	struct replica_meta meta;
	uint64_t dirty;

	image_flip(&image, bit);
	faults_are(1, code);
	dirty = repair();
	faults_are(0, 0);
	CHECK(image_safe(&image));
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, dirty);
	CHECK_INT(meta.verdict[0], REPLICA_BLOCK_GOOD);
	CHECK_INT(meta.verdict[1], REPLICA_BLOCK_GOOD);
	replica_meta_clear(&meta);
}

static void repairs(void)
{
	const struct replica_geometry *g = &image.geometry;

	make();
	faults_are(0, 0);
	CHECK(repair() > 50);
	repaired(copy_bit(0) + 1000, REPLICA_META_FAULT_SUPERBLOCK);
	repaired(copy_bit(1) + 1000, REPLICA_META_FAULT_SUPERBLOCK);
	repaired(REPLICA_UNITS(g->bitmap_start) * UNIT_BITS + 777, REPLICA_META_FAULT_BITMAP);
	repaired(REPLICA_UNITS(g->intent_start) * UNIT_BITS + 777, REPLICA_META_FAULT_INTENTS);
	image_free(&image);
}

/* Intents of a log that was ended in order say nothing, damaged or not. */
static void repair_of_clean(void)
{
	struct replica_meta meta;

	image_make(&image, 64 * 2048, 8, 7);
	image_set_bit(&image, 5);
	image_set_flags(&image, DM_REPLICA_SB_CLEAN);
	image_flip(&image, REPLICA_UNITS(image.geometry.intent_start) * UNIT_BITS);
	faults_are(1, REPLICA_META_FAULT_INTENTS);
	repair();
	faults_are(0, 0);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, 1);
	CHECK(!meta.fields.lost);
	CHECK(meta.fields.clean);
	replica_meta_clear(&meta);
	image_free(&image);
}

static void repair_of_copies(void)
{
	struct dm_replica_superblock old;

	make();
	old = image.sb;
	image_set_flags(&image, 0);
	CHECK_INT(replica_meta_write_superblock(image.fd, 0, &old), 0);
	faults_are(1, REPLICA_META_FAULT_COPIES);
	repair();
	faults_are(0, 0);
	image_free(&image);
}

/* What cannot be repaired is not said to be. */
static void not_repaired(void)
{
	struct replica_fsck k = { .faults = NULL };
	unsigned int left = 0;

	make();
	image.size -= 4096;
	CHECK(!ftruncate(image.fd, image.size));
	CHECK_INT(replica_fsck_find(&k, image.fd, image.size), 0);
	CHECK_INT(replica_fsck_repair(&k, image.fd), 0);
	for (const struct replica_meta_fault *f = k.faults; f; f = f->next)
		left += !f->repaired;
	CHECK(left >= 1);
	replica_fsck_clear(&k);
	CHECK(image_safe(&image));
	CHECK_INT(replica_meta_wipe(image.fd), 0);
	CHECK_INT(replica_fsck_find(&k, image.fd, image.size), -ENODATA);
	replica_fsck_clear(&k);
	image_free(&image);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(superblock_bits), T(both_superblocks), T(sector_bits), T(truncated),
		T(swapped_places), T(other_log), T(random_damage), T(repairs),
		T(repair_of_clean), T(repair_of_copies), T(not_repaired),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
