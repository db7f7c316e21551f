// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pools of dm-thin: what the kernel says of them, and the directory, damaged or hostile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "ktap.h"
#include "pool.h"
#include "random.h"

static void good_status(void)
{
	struct replica_thin_status s;

	CHECK(replica_thin_parse_status("1 14/1024 3/512 - rw discard_passdown queue_if_no_space - 1024",
					&s));
	CHECK_INT(s.meta_used, 14);
	CHECK_INT(s.meta_total, 1024);
	CHECK_INT(s.used, 3);
	CHECK_INT(s.total, 512);
	CHECK(!s.failed && !s.read_only && !s.full && !s.needs_check);
	/* An older kernel says less at the end. */
	CHECK(replica_thin_parse_status("0 14/1024 3/512 77 ro no_discard_passdown error_if_no_space",
					&s));
	CHECK(s.read_only && !s.needs_check);
	CHECK(replica_thin_parse_status("0 1/2 2/2 - out_of_data_space discard_passdown error_if_no_space needs_check 9",
					&s));
	CHECK(s.full && s.needs_check);
	CHECK(replica_thin_parse_status("Fail", &s) && s.failed);
	CHECK(replica_thin_parse_status("Error", &s) && s.failed);
}

static void bad_status(void)
{
	static const char *const bad[] = {
		"", "-", "1", "1 14/1024", "1 14/1024 3 - rw", "1 a/b 1/2 - rw", "1 1/2 3/2 - rw",
		"1 3/2 1/2 - rw", "1 1/2 1/2 -",
	};
	struct replica_thin_status s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!CHECK(!replica_thin_parse_status(bad[i], &s)))
			printf("# status: %s\n", bad[i]);
}

static void tables(void)
{
	struct replica_thin_pool pool = { .path = "" };

	CHECK(replica_thin_parse_table("253:0 253:1 128 0", &pool));
	CHECK_INT(pool.block, 65536);
	CHECK(!pool.stale);
	CHECK(replica_thin_parse_table("253:0 253:1 2048 100 2 skip_block_zeroing read_only",
				       &pool));
	CHECK_INT(pool.block, 1 << 20);
	CHECK(pool.stale);
	CHECK(!replica_thin_parse_table("253:0 253:1 0 0", &pool));
	CHECK(!replica_thin_parse_table("253:0", &pool));
	CHECK(!replica_thin_parse_table("", &pool));
}

/* What can be used is what can be written now, without the directory. */
static void room(void)
{
	struct replica_thin_pool dm = {
		.path = "/dev/mapper/p", .block = 65536,
		.status = { .used = 12, .total = 512, .meta_used = 24, .meta_total = 100 },
	};
	struct replica_pool pool = { .unit = 0 };
	struct replica_ctx *ctx = fake_ctx();

	replica_pool_take_dm(&dm, &pool);
	CHECK_STR(pool.vg, "/dev/mapper/p");
	CHECK(replica_pool_is_thin(&pool));
	CHECK_INT(pool.unit, 65536);
	CHECK_INT(pool.free, 498 * 65536);
	CHECK_INT(pool.meta_free, 76 * 4096);
	CHECK_INT(replica_cut_room(ctx, &pool, 498 * 65536, 0), 0);
	CHECK_INT(replica_cut_room(ctx, &pool, 498 * 65536, 1), REPLICA_NO_RESOURCES);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "32636928 bytes free, and 32702464 are needed");
	pool.meta_free = 32 * 4096;
	CHECK_INT(replica_cut_room(ctx, &pool, 65536, 0), REPLICA_NO_RESOURCES);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "131072 bytes of metadata free, and 135168 are needed");
	dm.status.full = true;
	replica_pool_take_dm(&dm, &pool);
	CHECK_INT(pool.free, 0);
	dm.status = (struct replica_thin_status){ .used = 1, .total = 2 };
	replica_pool_take_dm(&dm, &pool);
	CHECK_INT(pool.free, 0);
	fake_free(ctx);
}

/* refused KIND: what is no pool to cut from, before the kernel is asked about its state. */
static void refused(const char *uuid, const char *type, const char *params, int ret,
		    const char *sentence)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_pool pool;

	fake_table("x", uuid, type, params);
	CHECK_INT(replica_pool_open(ctx, "/dev/mapper/x", &pool), ret);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), sentence);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "TargetStoragePool");
	fake_free(ctx);
}

static void no_pools(void)
{
	refused("", "linear", "8:1 0", REPLICA_INVALID_PARAMETER,
		"is a mapped device of target linear, not thin-pool");
	refused("", "thin-pool", "8:1 8:2 x", REPLICA_FAILED, "cannot be understood");
	refused("LVM-abc-tpool", "thin-pool", "8:1 8:2 128 0", REPLICA_INVALID_PARAMETER,
		"is a device of LVM, whose pools are given as VG or VG/THINPOOL");
	refused("stratis-1-private", "thin-pool", "8:1 8:2 128 0", REPLICA_NOT_SUPPORTED,
		"is managed by stratisd");
}

/* ------------------------------------------------------------------------ */

static struct replica_thin_dir dir, back;
static unsigned char copies[2 * REPLICA_THIN_COPY_BYTES];

static void add(uint32_t id, const char *name, bool made)
{
	struct replica_thin_volume *v = &dir.volume[dir.count++];

	memset(v, 0, sizeof(*v));
	v->id = id;
	v->made = made;
	v->sectors = 2048;
	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(v->uuid, sizeof(v->uuid), "%s%08x", REPLICA_THIN_UUID_PREFIX, id);
	snprintf(v->tags, sizeof(v->tags), "dm-replica,dm-replica.%s", name);
}

static void write_dir(void)
{
	dir.seq++;
	CHECK(replica_thin_encode(&dir, copies + dir.seq % 2 * REPLICA_THIN_COPY_BYTES));
}

static void write_bad(void)
{
	dir.seq++;
	CHECK(!replica_thin_encode(&dir, copies + dir.seq % 2 * REPLICA_THIN_COPY_BYTES));
}

static void begin(void)
{
	memset(copies, 0, sizeof(copies));
	memset(&dir, 0, sizeof(dir));
}

static void round_trip(void)
{
	begin();
	CHECK_INT(replica_thin_decode(copies, &back), -ENODATA);
	add(REPLICA_THIN_FIRST + 1, "a-replica", true);
	write_dir();
	CHECK_INT(replica_thin_decode(copies, &back), 0);
	CHECK_INT(back.count, 1);
	add(REPLICA_THIN_FIRST + 2, "a-meta", false);
	for (int i = 0; i < 5; i++)
		write_dir();
	if (!CHECK_INT(replica_thin_decode(copies, &back), 0) || !CHECK_INT(back.count, 2))
		return;
	CHECK_INT(back.seq, 6);
	CHECK_INT(back.volume[1].id, REPLICA_THIN_FIRST + 2);
	CHECK(back.volume[0].made && !back.volume[1].made);
	CHECK_STR(back.volume[1].name, "a-meta");
	CHECK_STR(back.volume[1].tags, "dm-replica,dm-replica.a-meta");
	replica_thin_drop(&dir, &dir.volume[0]);
	CHECK_INT(dir.count, 1);
	CHECK_STR(dir.volume[0].name, "a-meta");
}

/* What would not be read back, and take the others with it, is no copy. */
static void one_way(void)
{
	static const char *const names[] = { "r:1-replica", "a@b", "#", "=", "-tmeta", "", ".." };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		begin();
		add(REPLICA_THIN_FIRST + 1, "a", true);
		add(REPLICA_THIN_FIRST + 2, names[i], true);
		snprintf(dir.volume[1].tags, sizeof(dir.volume[1].tags), "dm-replica");
		CHECK(!replica_thin_encode(&dir, copies));
	}
	begin();
	add(REPLICA_THIN_FIRST, "a", true);
	CHECK(!replica_thin_encode(&dir, copies));
}

/* A write that was cut off leaves the copy before it, or nothing of the first one. */
static void torn(void)
{
	begin();
	add(REPLICA_THIN_FIRST + 1, "a", true);
	write_dir();
	memset(copies + REPLICA_THIN_COPY_BYTES + 512, 0, 4096);
	CHECK_INT(replica_thin_decode(copies, &back), 0);
	CHECK_INT(back.count, 0);
	write_dir();
	add(REPLICA_THIN_FIRST + 2, "b", true);
	write_dir();
	CHECK_INT(replica_thin_decode(copies, &back), 0);
	CHECK_INT(back.count, 2);
	copies[REPLICA_THIN_COPY_BYTES + 1024] ^= 1;
	CHECK_INT(replica_thin_decode(copies, &back), 0);
	CHECK_INT(back.count, 1);
	CHECK_INT(back.seq, 2);
	copies[600] ^= 1;
	CHECK_INT(replica_thin_decode(copies, &back), -EBADMSG);
	memset(copies, 'x', sizeof(copies));
	CHECK_INT(replica_thin_decode(copies, &back), -EBADMSG);
}

/* Whatever a copy says with a right checksum, no text runs over and no number is another's. */
static void hostile(void)
{
	begin();
	add(REPLICA_THIN_FIRST, "a", true);
	write_bad();
	CHECK_INT(replica_thin_decode(copies, &back), 0);	/* as if nothing had been written */
	CHECK_INT(back.count, 0);
	begin();
	add(7, "a", true);
	write_bad();
	write_bad();
	CHECK_INT(replica_thin_decode(copies, &back), -EBADMSG);
	begin();
	add(1 << 24, "a", true);
	write_bad();
	write_bad();
	CHECK_INT(replica_thin_decode(copies, &back), -EBADMSG);
	begin();
	add(REPLICA_THIN_FIRST + 1, "a/b", true);
	write_bad();
	write_bad();
	CHECK_INT(replica_thin_decode(copies, &back), -EBADMSG);
	begin();
	add(REPLICA_THIN_FIRST + 1, "a", true);
	strcpy(dir.volume[0].uuid, "LVM-x");
	write_bad();
	write_bad();
	CHECK_INT(replica_thin_decode(copies, &back), -EBADMSG);
}

static void damaged(void)
{
	begin();
	for (int i = 0; i < 20; i++)
		add(REPLICA_THIN_FIRST + 1 + i, "volume", i & 1);
	write_dir();
	write_dir();
	for (int i = 0; i < 500; i++) {
		copies[random_below(sizeof(copies))] ^= 1 << random_below(8);
		replica_thin_decode(copies, &back);
		CHECK(back.count <= REPLICA_THIN_MAX);
	}
}

static void tags(void)
{
	const char *const more[] = { "dm-replica-return", "dm-replica-rest", NULL };
	const char *const all[] = { "a", "dm-replica", "dm-replica-return", "dm-replica-rest" };
	char text[40] = "a,dm-replica";

	CHECK(replica_thin_tag_text(text, sizeof(text), "--addtag", more, 1));
	CHECK_STR(text, "a,dm-replica,dm-replica-return");
	CHECK(replica_thin_tag_text(text, sizeof(text), "--addtag", more, 1));	/* once */
	CHECK_STR(text, "a,dm-replica,dm-replica-return");
	CHECK(!replica_thin_tag_text(text, sizeof(text), "--addtag", more, 3));	/* no room */
	CHECK(replica_thin_tag_text(text, sizeof(text), "--deltag", all + 1, 1));
	CHECK_STR(text, "a,dm-replica-return");
	CHECK(replica_thin_tag_text(text, sizeof(text), "--deltag", all, 4));
	CHECK_STR(text, "");
	CHECK(replica_thin_tag_text(text, sizeof(text), "--addtag", all, 1));
	CHECK_STR(text, "a");
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(good_status), T(bad_status), T(tables), T(room), T(no_pools), T(round_trip),
		T(one_way), T(torn), T(hostile), T(damaged), T(tags),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
