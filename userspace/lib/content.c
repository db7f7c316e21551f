// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How far the content of a device reaches.  Whoever may write to a file or a volume may
 * own the last block of the device below, and write there what looks like a label: a
 * label is one only behind all that belongs to the content.
 */
#include <endian.h>
#include <string.h>

#include "content.h"
#include "replica-private.h"

struct head {
	const uint8_t *bytes;
	size_t len;
	unsigned int block_size;
};

/* Out of range nothing matches, and numbers are 0. */
static bool has(const struct head *h, size_t at, const char *text)
{
	size_t n = strlen(text);

	return at <= h->len && h->len - at >= n && !memcmp(h->bytes + at, text, n);
}

static uint32_t le32_at(const struct head *h, size_t at)
{
	uint32_t value = 0;

	if (at <= h->len && h->len - at >= sizeof(value))
		memcpy(&value, h->bytes + at, sizeof(value));
	return le32toh(value);
}

static uint64_t le64_at(const struct head *h, size_t at)
{
	return le32_at(h, at) | (uint64_t)le32_at(h, at + 4) << 32;
}

/* What does not fit is more than any device has. */
static uint64_t times(uint64_t count, uint64_t unit)
{
	uint64_t bytes;

	return __builtin_mul_overflow(count, unit, &bytes) ? UINT64_MAX : bytes;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* ------------------------------------------------------------------------ */

/* ext2, ext3 and ext4 */
static uint64_t ext_end(const struct head *h)
{
	size_t sb = 1024;
	uint64_t blocks = le32_at(h, sb + 4);
	uint32_t shift = le32_at(h, sb + 24);

	if (!has(h, sb + 56, "\x53\xef") || shift > 6)
		return 0;
	if (le32_at(h, sb + 96) & 0x80)		/* the feature 64bit */
		blocks |= (uint64_t)le32_at(h, sb + 336) << 32;
	return times(blocks, 1024U << shift);
}

static uint64_t xfs_end(const struct head *h)
{
	uint64_t blocks;
	uint32_t size;

	if (h->len < 16 || !has(h, 0, "XFSB"))
		return 0;
	memcpy(&size, h->bytes + 4, sizeof(size));
	memcpy(&blocks, h->bytes + 8, sizeof(blocks));
	return times(be64toh(blocks), be32toh(size));
}

/* Of this device; the file system may have more. */
static uint64_t btrfs_end(const struct head *h)
{
	size_t sb = 65536;

	return has(h, sb + 64, "_BHRfS_M") ? le64_at(h, sb + 201 + 8) : 0;
}

/* What processes have in memory gets there.  Its header is of the machine's byte order. */
static uint64_t swap_end(const struct head *h)
{
	for (size_t page = 4096; page <= 65536; page *= 2)
		if (has(h, page - 10, "SWAPSPACE2"))
			return times((uint64_t)le32_at(h, 1028) + 1, page);
	return 0;
}

static uint64_t lvm_end(const struct head *h)
{
	for (size_t at = 0; at < 4 * 512; at += 512)
		if (has(h, at, "LABELONE") && has(h, at + 24, "LVM2 001"))
			return le64_at(h, at + le32_at(h, at + 20) + 32);
	return 0;
}

/* md with its superblock in front; the others have it behind the data. */
static uint64_t md_end(const struct head *h)
{
	static const size_t places[] = { 0, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (has(h, places[i], "\xfc\x4e\x2b\xa9"))
			return times(plus(le64_at(h, places[i] + 128),
					  le64_at(h, places[i] + 136)), 512);
	return 0;
}

static uint64_t gpt_end(const struct head *h)
{
	if (!has(h, h->block_size, "EFI PART"))
		return 0;
	return times(plus(le64_at(h, h->block_size + 32), 1), h->block_size);
}

/* FAT and NTFS have the same mark, and code where the entries would be. */
static uint64_t mbr_end(const struct head *h)
{
	uint64_t end = 0, last;

	if (!has(h, 510, "\x55\xaa") || has(h, 3, "NTFS") || has(h, 54, "FAT") ||
	    has(h, 82, "FAT"))
		return 0;
	for (size_t at = 446; at < 510; at += 16) {
		if (h->bytes[at] & 0x7f)
			return 0;
		last = (uint64_t)le32_at(h, at + 8) + le32_at(h, at + 12);
		/* Type 0xee stands for a GPT, and its length is often wrong. */
		if (h->bytes[at + 4] && h->bytes[at + 4] != 0xee && last > end)
			end = last;
	}
	return times(end, h->block_size);
}

/* There may be what is left of an earlier one: the farthest counts. */
uint64_t replica_content_end(const uint8_t *head, size_t len, unsigned int block_size)
{
	static uint64_t (*const kinds[])(const struct head *h) = {
		ext_end, xfs_end, btrfs_end, swap_end, lvm_end, md_end, gpt_end, mbr_end,
	};
	const struct head h = { .bytes = head, .len = len, .block_size = block_size };
	uint64_t end = 0, one;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		one = kinds[i](&h);
		if (one > end)
			end = one;
	}
	return end;
}
