// SPDX-License-Identifier: LGPL-2.1-or-later
/* How far content reaches: of each kind, of none, and of nonsense. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "ktap.h"
#include "random.h"

static uint8_t head[REPLICA_CONTENT_HEAD];

static void blank(void)
{
	memset(head, 0, sizeof(head));
}

static void put(size_t at, const char *text)
{
	memcpy(head + at, text, strlen(text));
}

static void put32(size_t at, uint32_t value)
{
	value = htole32(value);
	memcpy(head + at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value)
{
	value = htole64(value);
	memcpy(head + at, &value, sizeof(value));
}

static uint64_t end(void)
{
	return replica_content_end(head, sizeof(head), 512);
}

static void nothing(void)
{
	blank();
	CHECK_INT(end(), 0);
	CHECK_INT(replica_content_end(head, 0, 512), 0);
	CHECK_INT(replica_content_end(head, 4096, 4096), 0);
}

static void file_systems(void)
{
	uint32_t size = htobe32(4096);
	uint64_t blocks = htobe64(1000);

	blank();
	put(1024 + 56, "\x53\xef");
	put32(1024 + 4, 16384);
	put32(1024 + 24, 2);
	put32(1024 + 336, 1);		/* no number without the feature */
	CHECK_INT(end(), 64 << 20);
	put32(1024 + 96, 0x80);
	CHECK_INT(end(), (16384 + (1ULL << 32)) * 4096);
	put32(1024 + 24, 31);
	CHECK_INT(end(), 0);
	blank();
	put(0, "XFSB");
	memcpy(head + 4, &size, sizeof(size));
	memcpy(head + 8, &blocks, sizeof(blocks));
	CHECK_INT(end(), 4096000);
	blank();
	put(65536 + 64, "_BHRfS_M");
	put64(65536 + 201 + 8, 123 << 20);
	CHECK_INT(end(), 123 << 20);
	CHECK_INT(replica_content_end(head, 65536, 512), 0);
}

static void others(void)
{
	blank();
	put(4086, "SWAPSPACE2");
	put32(1028, 255);
	CHECK_INT(end(), 1 << 20);
	blank();
	put(512, "LABELONE");
	put32(512 + 20, 32);
	put(512 + 24, "LVM2 001");
	put64(512 + 32 + 32, 77 << 20);
	CHECK_INT(end(), 77 << 20);
	put32(512 + 20, UINT32_MAX);
	CHECK_INT(end(), 0);
	blank();
	put32(4096, 0xa92b4efc);
	put64(4096 + 128, 2048);
	put64(4096 + 136, 4096);
	CHECK_INT(end(), 6144 * 512);
	put64(4096 + 136, UINT64_MAX);
	CHECK(end() == UINT64_MAX);
}

static void partitions(void)
{
	blank();
	put(510, "\x55\xaa");
	CHECK_INT(end(), 0);
	head[446 + 4] = 0x83;
	put32(446 + 8, 2048);
	put32(446 + 12, 4096);
	head[446 + 16] = 0x80;
	head[446 + 20] = 0x83;
	put32(446 + 24, 10000);
	put32(446 + 28, 1000);
	CHECK_INT(end(), 11000 * 512);
	CHECK_INT(replica_content_end(head, sizeof(head), 4096), 11000 * 4096);
	put(54, "FAT16");
	CHECK_INT(end(), 0);
	blank();
	put(510, "\x55\xaa");
	head[446 + 4] = 0xee;
	put32(446 + 8, 1);
	put32(446 + 12, UINT32_MAX);
	CHECK_INT(end(), 0);
	put(512, "EFI PART");
	put64(512 + 32, 20479);
	CHECK_INT(end(), 10 << 20);
}

/* One that was overwritten is still there: who is inside of either is no label. */
static void two(void)
{
	blank();
	put(1024 + 56, "\x53\xef");
	put32(1024 + 4, 1000);
	put(65536 + 64, "_BHRfS_M");
	put64(65536 + 201 + 8, 999 << 10);
	CHECK_INT(end(), 1000 << 10);
	put64(65536 + 201 + 8, 1001 << 10);
	CHECK_INT(end(), 1001 << 10);
}

/* Of every length: AddressSanitizer sees what lies outside. */
static void noise(void)
{
	for (int i = 0; i < 20000; i++) {
		size_t len = random_below(i & 1 ? 8192 : sizeof(head));
		uint8_t *copy = malloc(len ? len : 1);

		for (int j = 0; j < 64; j++)
			head[random_below(8192)] = random_below(256);
		put(510, "\x55\xaa");
		put(0, i & 2 ? "XFSB" : "\xfc\x4e\x2b\xa9");
		if (!copy)
			break;
		memcpy(copy, head, len);
		replica_content_end(copy, len, i & 4 ? 512 : 4096);
		free(copy);
		if (i % 100 == 0)
			blank();
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(nothing), T(file_systems), T(others), T(partitions), T(two), T(noise),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
