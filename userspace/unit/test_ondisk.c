// SPDX-License-Identifier: LGPL-2.1-or-later
/* The format of the meta device: checksums, places, superblocks, labels. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "images.h"
#include "ktap.h"
#include "random.h"

#define MIB_SECTORS	2048ULL
#define TIB_SECTORS	(1ULL << 31)

/* RFC 3720, B.4, and the one that everybody has. */
static void crc_vectors(void)
{
	static const uint8_t read_pdu[48] = {
		0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18,
		[32] = 0x28, [40] = 0x02,
	};
	uint8_t bytes[32];

	memset(bytes, 0, 32);
	CHECK_INT((uint32_t)~crc32c(~0U, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	CHECK_INT((uint32_t)~crc32c(~0U, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = i;
	CHECK_INT((uint32_t)~crc32c(~0U, bytes, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = 31 - i;
	CHECK_INT((uint32_t)~crc32c(~0U, bytes, 32), 0x113fdb5c);
	CHECK_INT((uint32_t)~crc32c(~0U, read_pdu, sizeof(read_pdu)), 0xd9963a56);
	CHECK_INT((uint32_t)~crc32c(~0U, "123456789", 9), 0xe3069283);
	CHECK_INT((uint32_t)~crc32c(~0U, "", 0), 0);
	/* in two parts */
	CHECK_INT((uint32_t)~crc32c(crc32c(~0U, "1234", 4), "56789", 5), 0xe3069283);
}

static void geometry(void)
{
	static const uint64_t sizes[] = {
		MIB_SECTORS, MIB_SECTORS + 1, 64 * MIB_SECTORS, TIB_SECTORS / 1024,
		TIB_SECTORS, TIB_SECTORS + 8, 16 * TIB_SECTORS, 16 * TIB_SECTORS + 1,
		512 * TIB_SECTORS, 4096 * TIB_SECTORS,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t region = replica_default_region_sectors(sizes[i]);
		uint32_t activity = replica_default_activity(sizes[i], region);
		struct replica_geometry g, back;
		struct dm_replica_superblock sb;
		const uint8_t uuid[16] = { 1 };

		CHECK(!(region & (region - 1)));
		CHECK(activity >= DM_REPLICA_ACTIVITY_MIN &&
		      activity <= DM_REPLICA_ACTIVITY_MAX);
		replica_geometry_make(&g, sizes[i], region, activity);
		CHECK((g.regions - 1) * region < sizes[i] && g.regions * region >= sizes[i]);
		CHECK(g.regions <= DM_REPLICA_REGIONS_MAX);
		CHECK(REPLICA_UNITS(g.intent_blocks) * DM_REPLICA_INTENTS_PER_SECTOR >= activity);
		CHECK(REPLICA_UNITS(g.bitmap_blocks) * DM_REPLICA_BITS_PER_SECTOR >= g.regions);
		CHECK(g.intent_start > DM_REPLICA_SB_BLOCK_1);
		CHECK(g.bitmap_start >= g.intent_start + g.intent_blocks);
		CHECK_INT(g.blocks, g.bitmap_start + g.bitmap_blocks);
		replica_sb_make(&sb, &g, uuid);
		replica_sb_seal(&sb);
		CHECK_INT(replica_sb_judge(&sb), REPLICA_BLOCK_GOOD);
		replica_geometry_read(&back, &sb);
		CHECK(!memcmp(&g, &back, sizeof(g)));
		CHECK_INT(replica_meta_bytes(sizes[i] << 9, 0, 0),
			  g.blocks * DM_REPLICA_BLOCK_SIZE);
	}
	CHECK_INT(replica_meta_bytes(0, 0, 0), 0);
	CHECK_INT(replica_meta_bytes(1ULL << 40, 4096, 0), 0);	/* too many regions */
	CHECK_INT(replica_meta_bytes(1ULL << 20, 4096, 512), (32 + 1 + 1) * 4096);
}

/* What the tool formats is what it reads. */
static void formatted(void)
{
	struct replica_meta meta;
	struct image image;

	image_make(&image, 64 * MIB_SECTORS + 9, 8, 7);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.copy, 0);
	CHECK_INT(meta.nr_dirty, 0);
	CHECK_INT(meta.nr_damage, 0);
	CHECK_INT(replica_meta_seq(&meta, 0), 1);
	CHECK_INT(replica_meta_seq(&meta, 1), 1);
	CHECK_STR(meta.fields.name, "vol");
	CHECK(!meta.fields.origin_path);
	replica_meta_clear(&meta);
	CHECK_INT(replica_meta_format(image.fd, &image.sb, true), 0);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, meta.geometry.regions);
	CHECK_INT(meta.nr_damage, 0);
	CHECK_INT(replica_meta_dirty_bytes(&meta), (64 * MIB_SECTORS + 9) << 9);
	replica_meta_clear(&meta);
	CHECK_INT(replica_meta_wipe(image.fd), 0);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.copy, -1);
	CHECK_INT(meta.verdict[0], REPLICA_BLOCK_ZERO);
	replica_meta_clear(&meta);
	image_free(&image);
}

/* Fields that a log has since the legs changed places for the first time. */
static void roles(void)
{
	struct replica_meta meta;
	struct image image;

	image_make(&image, 64 * MIB_SECTORS, 8, 7);
	image.sb.swaps = cpu_to_le32(3);
	image.sb.origin_label_sector = cpu_to_le64(64 * MIB_SECTORS);
	/* Without the feature nothing says that it is one. */
	image_set_flags(&image, 0);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.fields.swaps, 3);
	CHECK(!meta.fields.swap_back && !meta.fields.origin_has_label);
	replica_meta_clear(&meta);
	image.sb.incompat = cpu_to_le64(DM_REPLICA_FEATURE_INCOMPAT_ROLES);
	image_set_flags(&image, DM_REPLICA_SB_SWAP_BACK);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.fields.swaps, 3);
	CHECK(meta.fields.swap_back && meta.fields.origin_has_label);
	replica_meta_clear(&meta);
	image_free(&image);
}

static void ranges(void)
{
	static const uint32_t regions[] = { 0, 1, 2, 77, 3839, 3840, 16383 };
	static const struct { uint64_t region, count; } want[] = {
		{ 0, 3 }, { 77, 1 }, { 3839, 2 }, { 16383, 1 },
	};
	uint64_t region = 0, count;
	struct replica_meta meta;
	struct image image;
	uint32_t intent;

	image_make(&image, 64 * MIB_SECTORS, 8, 7);
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		image_set_bit(&image, regions[i]);
	image_set_intent(&image, 200, 77);	/* twice is once */
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, ARRAY_SIZE(regions));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		CHECK_INT(replica_meta_dirty_range(&meta, &region, &count), 0);
		CHECK_INT(region, want[i].region);
		CHECK_INT(count, want[i].count);
		region += count;
	}
	CHECK_INT(replica_meta_dirty_range(&meta, &region, &count), -ENOENT);
	CHECK_INT(replica_meta_intent(&meta, 0, &intent), 0);
	CHECK_INT(intent, 77);
	CHECK_INT(replica_meta_intent(&meta, 1, &intent), -ENOENT);
	replica_meta_clear(&meta);
	image_free(&image);
}

/* Clean: intents do not count.  Lost: everything does. */
static void flags(void)
{
	struct replica_meta meta;
	struct image image;

	image_make(&image, 64 * MIB_SECTORS, 8, 7);
	image_set_intent(&image, 3, 100);
	image_set_bit(&image, 200);
	image_set_flags(&image, DM_REPLICA_SB_CLEAN);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, 1);
	replica_meta_clear(&meta);
	image_set_flags(&image, DM_REPLICA_SB_CLEAN | DM_REPLICA_SB_LOST);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, meta.geometry.regions);
	replica_meta_clear(&meta);
	image_set_flags(&image, 0);
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, 2);
	replica_meta_clear(&meta);
	image_set_intent(&image, 4, image.geometry.regions);	/* no such region */
	CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
	CHECK_INT(meta.nr_dirty, meta.geometry.regions);
	CHECK_INT(meta.nr_damage, 1);
	replica_meta_clear(&meta);
	image_free(&image);
}

static struct dm_replica_superblock sealed(uint64_t seq)
{
	struct dm_replica_superblock sb;
	const uint8_t uuid[16] = { 9 };
	struct replica_geometry g;

	replica_geometry_make(&g, MIB_SECTORS, 8, 512);
	replica_sb_make(&sb, &g, uuid);
	sb.seq = cpu_to_le64(seq);
	replica_sb_seal(&sb);
	return sb;
}

/* The newer good one; and never one beside a copy of a newer format. */
static void choice(void)
{
	struct dm_replica_superblock a = sealed(5), b = sealed(6), c = sealed(7);
	struct dm_replica_superblock zero = { .crc = 0 };
	enum replica_verdict verdict;

	CHECK_INT(replica_sb_choose(&a, &b, &verdict), 1);
	CHECK_INT(replica_sb_choose(&b, &a, &verdict), 0);
	CHECK_INT(replica_sb_choose(&a, &a, &verdict), 0);
	CHECK_INT(replica_sb_choose(&a, &zero, &verdict), 0);
	CHECK_INT(replica_sb_choose(&zero, &a, &verdict), 1);
	CHECK_INT(replica_sb_choose(&zero, &zero, &verdict), -1);
	CHECK_INT(verdict, REPLICA_BLOCK_ZERO);
	c.version = cpu_to_le16(2);
	replica_sb_seal(&c);
	CHECK_INT(replica_sb_choose(&a, &c, &verdict), -1);
	CHECK_INT(verdict, REPLICA_BLOCK_VERSION);
	c = sealed(7);
	c.incompat = cpu_to_le64(1ULL << 63);
	replica_sb_seal(&c);
	CHECK_INT(replica_sb_choose(&c, &a, &verdict), -1);
	CHECK_INT(verdict, REPLICA_BLOCK_FEATURE);
	c = sealed(7);
	c.compat = cpu_to_le64(1);
	replica_sb_seal(&c);
	CHECK_INT(replica_sb_choose(&c, &a, &verdict), 0);
	a.crc ^= 1;
	CHECK_INT(replica_sb_choose(&a, &zero, &verdict), -1);
	CHECK_INT(verdict, REPLICA_BLOCK_DAMAGED);
}

/* Sealed, and with numbers that cannot be: refused, and nothing breaks. */
static void hostile(void)
{
	unsigned int accepted = 0;
	struct image image;

	image_make(&image, MIB_SECTORS, 8, 7);
	for (int i = 0; i < 3000; i++) {
		struct dm_replica_superblock sb = image.sb;
		uint32_t *fields[] = {
			&sb.region_sectors, &sb.intent_start, &sb.intent_blocks,
			&sb.bitmap_start, &sb.bitmap_blocks, &sb.activity,
		};
		struct replica_meta meta;

		for (int n = random_below(2); n >= 0; n--)
			*fields[random_below(ARRAY_SIZE(fields))] =
				random_u32() >> random_below(32);
		memset(sb.name, 'x', sizeof(sb.name));
		memset(sb.origin_path, 'y', sizeof(sb.origin_path));
		sb.settings.payload = random_u32();
		sb.settings.resync_rate = random_u32();
		if (random_below(8) == 0)
			sb.sectors = cpu_to_le64((uint64_t)random_u32() << random_below(32));
		replica_sb_seal(&sb);
		image_write(&image, 0, &sb, sizeof(sb));
		image_write(&image, 16 * sizeof(sb), &sb, sizeof(sb));
		CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
		if (meta.copy >= 0) {
			accepted++;
			CHECK_INT(strlen(meta.fields.name), 128);
		}
		replica_meta_clear(&meta);
	}
	CHECK(accepted > 10);
	image_free(&image);
}

/* Where a log has none, or nonsense, the default is left to the kernel. */
static void settings_of_the_queue(void)
{
	enum {
		both = REPLICA_SETTING_QUEUE_BYTES | REPLICA_SETTING_OVERFLOW,
		rest = REPLICA_SETTING_RPO | REPLICA_SETTING_MAX_SKEW,
	};
	static const struct {
		uint32_t queue_bytes, rpo, max_skew;
		uint8_t overflow;
		uint32_t present;
	} cases[] = {
		{ 0, 0, 0, 0, rest },		/* of an earlier version */
		{ 4 << 20, 100, 4096, 3, both | rest },
		{ (4 << 20) - 1, 99, 0x80000001, 4, 0 },
	};
	struct image image;

	image_make(&image, MIB_SECTORS, 8, 7);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dm_replica_superblock sb = image.sb;
		struct replica_meta meta;

		sb.settings.queue_bytes = cpu_to_le32(cases[i].queue_bytes);
		sb.settings.rpo = cpu_to_le32(cases[i].rpo);
		sb.settings.max_skew = cpu_to_le32(cases[i].max_skew);
		sb.settings.overflow = cases[i].overflow;
		replica_sb_seal(&sb);
		image_write(&image, 0, &sb, sizeof(sb));
		image_write(&image, 16 * sizeof(sb), &sb, sizeof(sb));
		CHECK_INT(replica_meta_read(&meta, image.fd, image.size), 0);
		CHECK_INT(meta.fields.settings.present & (both | rest), cases[i].present);
		replica_meta_clear(&meta);
	}
	image_free(&image);
}

static void label_sector(void)
{
	CHECK_INT(replica_label_sector(2048, 2048), 0);		/* no room */
	CHECK_INT(replica_label_sector(2048, 2041), 0);
	CHECK_INT(replica_label_sector(2048, 2040), 2040);
	CHECK_INT(replica_label_sector(2055, 2040), 2040);	/* whole blocks only */
	CHECK_INT(replica_label_sector(2056, 2040), 2048);
	CHECK_INT(replica_label_sector(7, 0), 0);
}

/* Superblock at activation 20, generation 200, of the 8 before it 192 to 199. */
static void labels(void)
{
	static const struct {
		uint64_t activation, generation;
		bool pending, other;
		enum replica_kinship kin;
	} cases[] = {
		{ 20, 200, false, false, REPLICA_KIN_SAME },
		{ 20, 200, true, false, REPLICA_KIN_SAME },
		{ 19, 199, true, false, REPLICA_KIN_SAME },
		{ 19, 199, false, false, REPLICA_KIN_OLD_REPLICA },
		{ 18, 198, true, false, REPLICA_KIN_OLD_REPLICA },
		{ 12, 192, false, false, REPLICA_KIN_OLD_REPLICA },
		{ 11, 191, false, false, REPLICA_KIN_OLD_REPLICA },
		{ 1, 181, false, false, REPLICA_KIN_OLD_REPLICA },
		{ 21, 201, false, false, REPLICA_KIN_OLD_META },
		{ 21, 199, true, false, REPLICA_KIN_OLD_META },
		{ 20, 777, false, false, REPLICA_KIN_DIVERGED },
		{ 19, 777, true, false, REPLICA_KIN_DIVERGED },
		{ 19, 777, false, false, REPLICA_KIN_DIVERGED },
		{ 20, 200, false, true, REPLICA_KIN_STRANGER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dm_replica_superblock sb = sealed(1);
		struct dm_replica_label label = { .crc = 0 };

		sb.activation = cpu_to_le64(20);
		sb.generation = cpu_to_le64(200);
		for (int n = 0; n < DM_REPLICA_HISTORY; n++)
			sb.history[n] = cpu_to_le64(199 - n);
		if (cases[i].pending)
			sb.flags = cpu_to_le16(DM_REPLICA_SB_PENDING);
		memcpy(label.uuid, sb.uuid, sizeof(label.uuid));
		label.uuid[3] += cases[i].other;
		label.activation = cpu_to_le64(cases[i].activation);
		label.generation = cpu_to_le64(cases[i].generation);
		replica_label_seal(&label);
		CHECK_INT(replica_label_judge(&label), REPLICA_BLOCK_GOOD);
		if (!CHECK_INT(replica_label_compare(&sb, &label), cases[i].kin))
			printf("# case %zu\n", i);
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(crc_vectors), T(geometry), T(formatted), T(roles), T(ranges), T(flags),
		T(choice), T(hostile), T(settings_of_the_queue), T(label_sector), T(labels),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
