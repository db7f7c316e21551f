// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reports of LVM, hostile ones among them; names and sizes of what is cut. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "ktap.h"
#include "pool.h"
#include "random.h"
#include "snapshot-create.h"

#define ROW(name, uuid, more) \
	"{\"lv_name\":\"" name "\", \"vg_name\":\"vg\", \"lv_uuid\":\"" uuid "\"," \
	" \"lv_dm_path\":\"/dev/mapper/vg-v\"" more "}"
#define REPORT(rows) "{\"report\": [{\"lv\": [" rows "]}]}"

#define THIN_POOL \
	ROW("tp", "u1", ", \"segtype\":\"thin-pool\", \"lv_size\":\"104857600\"," \
	    " \"vg_extent_size\":\"4194304\", \"chunk_size\":\"65536\"," \
	    " \"data_percent\":\"12.345\", \"lv_tags\":\"\", \"lv_active\":\"active\"")
#define VOLUME \
	ROW("x-replica", "u2", ", \"segtype\":\"linear\", \"lv_size\":\"8388608\"," \
	    " \"lv_tags\":\"a,dm-replica,dm-replica.x\", \"lv_device_open\":\"open\"," \
	    " \"data_percent\":\"\", \"pool_lv\":\"\", \"origin\":null")

static void good_report(void)
{
	struct replica_lv *list;

	if (!CHECK_INT(replica_lvm_parse_lvs(REPORT(THIN_POOL "," VOLUME "," VOLUME), &list), 0))
		return;
	CHECK_STR(list->name, "tp");
	CHECK_STR(list->segtype, "thin-pool");
	CHECK_INT(list->size, 104857600);
	CHECK_INT(list->extent_size, 4194304);
	CHECK_INT(list->chunk_size, 65536);
	CHECK_INT(list->data_used, 1235);		/* what is finer counts up */
	CHECK(list->data_known && list->active && !list->open);
	if (CHECK(list->next)) {
		CHECK_STR(list->next->name, "x-replica");
		CHECK_STR(list->next->path, "/dev/mapper/vg-v");
		CHECK_STR(list->next->origin, "");
		CHECK(!list->next->data_known);
		CHECK(!list->next->active && list->next->open);
		CHECK(!list->next->next);		/* its second segment */
	}
	replica_lv_free(list);
	CHECK_INT(replica_lvm_parse_lvs(REPORT(""), &list), 0);
	CHECK(!list);
}

static void tags(void)
{
	struct replica_lv lv = { .tags = (char *)"a,dm-replica.x,bc" };

	CHECK(replica_lv_has_tag(&lv, "a"));
	CHECK(replica_lv_has_tag(&lv, "bc"));
	CHECK(replica_lv_has_tag(&lv, "dm-replica.x"));
	CHECK(!replica_lv_has_tag(&lv, "dm-replica"));
	CHECK(!replica_lv_has_tag(&lv, "c"));
	CHECK(!replica_lv_has_tag(&lv, "b"));
	lv.tags = (char *)"";
	CHECK(!replica_lv_has_tag(&lv, "a"));
}

static void vg_report(void)
{
	static const char good[] =
		"{\"report\":[{\"vg\":[{\"vg_name\":\"vg\","
		"\"vg_extent_size\":\"4194304\",\"vg_free\":\"8388608\"}]}],\"log\":[]}";
	static const char no_extent[] =
		"{\"report\":[{\"vg\":[{\"vg_name\":\"vg\",\"vg_free\":\"1\"}]}]}";
	struct replica_vg *vg;

	if (CHECK_INT(replica_lvm_parse_vgs(good, &vg), 0) && CHECK(vg)) {
		CHECK_STR(vg->name, "vg");
		CHECK_INT(vg->extent_size, 4194304);
		CHECK_INT(vg->free, 8388608);
		replica_vg_free(vg);
	}
	CHECK_INT(replica_lvm_parse_vgs(no_extent, &vg), -EPROTO);
	CHECK(!vg);
}

static void hostile_reports(void)
{
	static const char *const bad[] = {
		"", "{", "null", "[]", "7", "{}", "{\"report\":{}}", "{\"report\":[]}",
		"{\"report\":[7]}", "{\"report\":[{\"lv\":{}}]}", "{\"report\":[{\"vg\":[]}]}",
		REPORT("7"), REPORT("null"), REPORT("[]"), REPORT("{}"),
		REPORT(ROW("", "u", "")), REPORT(ROW("a/b", "u", "")), REPORT(ROW("-a", "u", "")),
		REPORT(ROW("a", "", "")), REPORT(ROW("a", "u", ", \"lv_size\":\"1k\"")),
		REPORT(ROW("a", "u", ", \"lv_size\":\"-1\"")),
		REPORT(ROW("a", "u", ", \"lv_size\":7")),
		REPORT(ROW("a", "u", ", \"lv_size\":\"99999999999999999999\"")),
		REPORT(ROW("a", "u", ", \"data_percent\":\"101\"")),
		REPORT(ROW("a", "u", ", \"data_percent\":\"1.2.3\"")),
		REPORT(ROW("a", "u", ", \"data_percent\":\".\"")),
		REPORT(ROW("a", "u", ", \"lv_tags\":[]")),
		REPORT(ROW("a", "u", "") "," ROW("..", "v", "")),
		REPORT("{\"lv_name\":\"a\",\"vg_name\":\"v\",\"lv_uuid\":\"u\"}"),
	};
	struct replica_lv *list;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!CHECK_INT(replica_lvm_parse_lvs(bad[i], &list), -EPROTO))
			printf("# report: %s\n", bad[i]);
		CHECK(!list);
	}
}

/* Any report with some bytes exchanged is understood or refused, and nothing else. */
static void damaged_reports(void)
{
	static const char good[] = REPORT(THIN_POOL "," VOLUME);
	char text[sizeof(good)];
	struct replica_lv *list;
	int r;

	for (int i = 0; i < 20000; i++) {
		memcpy(text, good, sizeof(good));
		for (int j = 0; j < 3; j++)
			text[random_below(sizeof(good) - 1)] = random_below(255) + 1;
		text[random_below(sizeof(good))] = i & 1 ? '\0' : '"';
		text[sizeof(good) - 1] = '\0';
		r = replica_lvm_parse_lvs(text, &list);
		CHECK(r == 0 || r == -EPROTO);
		CHECK(!r || !list);
		replica_lv_free(list);
	}
}

static void names(void)
{
	char stem[16], longest[130];

	memset(longest, 'a', sizeof(longest));
	longest[128] = '\0';
	CHECK(!replica_lvm_name_ok(longest));
	longest[127] = '\0';
	CHECK(replica_lvm_name_ok(longest));
	CHECK(replica_lvm_name_ok("a+b_c.d-e"));
	CHECK(!replica_lvm_name_ok(""));
	CHECK(!replica_lvm_name_ok("--yes"));
	CHECK(!replica_lvm_name_ok("."));
	CHECK(!replica_lvm_name_ok(".."));
	CHECK(!replica_lvm_name_ok("a\""));
	CHECK(!replica_lvm_name_ok("a b"));
	CHECK(!replica_lvm_name_ok("a|b"));
	replica_pool_stem("a#b:c=d@e", stem, sizeof(stem));
	CHECK_STR(stem, "a_b_c_d_e");
	replica_pool_stem("0123456789abcdefgh", stem, sizeof(stem));
	CHECK_STR(stem, "0123456789abcde");
}

/* The stem changed where LVM has volumes of its own of that name. */
static void reserved_names(void)
{
	char name[32];

	replica_pool_volume_stem("blue_data", name, sizeof(name));
	CHECK_STR(name, "blue_data");
	replica_pool_volume_stem("my-snapshot", name, sizeof(name));
	CHECK_STR(name, "my-snapshot");
	replica_pool_volume_stem("snapshot1", name, sizeof(name));
	CHECK_STR(name, "replica-snapshot1");
	replica_pool_volume_stem("pvmove", name, sizeof(name));
	CHECK_STR(name, "replica-pvmove");
	replica_pool_volume_stem("a_tdata_tmeta_tdata", name, sizeof(name));
	CHECK_STR(name, "a-tdata-tmeta-tdata");
	replica_pool_volume_stem("_tmeta", name, sizeof(name));
	CHECK_STR(name, "replica--tmeta");
	replica_pool_volume_stem("snapshot_mlog", name, 12);
	CHECK_STR(name, "replica-sna");
}

static void sizes(void)
{
	CHECK_INT(replica_pool_round(1, 4096), 4096);
	CHECK_INT(replica_pool_round(4096, 4096), 4096);
	CHECK_INT(replica_pool_round(4097, 4096), 8192);
	CHECK_INT(replica_pool_round(7, 3 << 20), 3 << 20);	/* no power of two */
	CHECK_INT(replica_pool_round(1, 0), 0);
	CHECK_INT(replica_pool_round(UINT64_MAX - 5, 4096), 0);
	CHECK_INT(replica_pool_target_bytes(1 << 20), (1 << 20) + 4096);
	CHECK_INT(replica_pool_target_bytes((1 << 20) + 512), (1 << 20) + 8192);
	CHECK_INT(replica_pool_target_bytes(UINT64_MAX), 0);
}

/* Whatever the source and the extents are, the label has its place. */
static void label_room(void)
{
	static const uint64_t units[] = { 512, 4096, 65536, 196608, 4194304 };
	uint64_t source, target;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		for (source = 512; source < 64 << 10; source += 512) {
			target = replica_pool_round(replica_pool_target_bytes(source), units[i]);
			CHECK((target & ~4095ULL) - 4096 >= source);
		}
	}
}

static void bad_pools(void)
{
	static const struct {
		const char *text;
		int ret;
	} bad[] = {
		{ "", REPLICA_INVALID_PARAMETER }, { "/", REPLICA_INVALID_PARAMETER },
		{ "vg/", REPLICA_INVALID_PARAMETER }, { "vg/a/b", REPLICA_INVALID_PARAMETER },
		{ "--config=x", REPLICA_INVALID_PARAMETER }, { "v g", REPLICA_INVALID_PARAMETER },
		{ "vg/-x", REPLICA_INVALID_PARAMETER }, { "/dev/mapper/x", REPLICA_NOT_FOUND },
	};
	struct replica_ctx *ctx = fake_ctx();
	struct replica_pool pool;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_INT(replica_pool_open(ctx, bad[i].text, &pool), bad[i].ret);
		CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)),
			  "TargetStoragePool");
	}
	fake_free(ctx);
}

/* A pool that does not tell how full it is must not be taken for an empty one. */
static void thin_room(void)
{
	struct replica_lv lv = {
		.name = (char *)"tp", .vg = (char *)"vg", .segtype = (char *)"thin-pool",
		.size = 104857600, .extent_size = 4194304, .data_used = 2500,
		.data_known = true, .active = true,
	};
	struct replica_ctx *ctx = fake_ctx();
	struct replica_pool pool = { .vg = "vg", .thin = "tp" };

	CHECK_INT(replica_pool_take_thin(ctx, &lv, &pool), 0);
	CHECK_INT(pool.unit, 4194304);
	CHECK_INT(pool.free, 78643200);
	lv.active = false;		/* itself; its volumes are */
	CHECK_INT(replica_pool_take_thin(ctx, &lv, &pool), 0);
	lv.data_known = false;
	lv.data_used = 0;
	CHECK_INT(replica_pool_take_thin(ctx, &lv, &pool), REPLICA_FAILED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "vg/tp is not active, and so does not tell how much room it has");
	lv.active = true;
	CHECK_INT(replica_pool_take_thin(ctx, &lv, &pool), REPLICA_FAILED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "'lvs vg/tp'");
	lv.segtype = (char *)"linear";
	CHECK_INT(replica_pool_take_thin(ctx, &lv, &pool), REPLICA_INVALID_PARAMETER);
	fake_free(ctx);
}

/* What was cut as the target has all the data when it has taken the place of the origin. */
static void reversed(void)
{
	struct replica_lv lv = { .shown = (char *)"vg/data-replica" };
	struct replica_ctx *ctx = fake_ctx();
	const struct replica_cut legs = { .origin = &lv, .lock = -1 };
	const struct replica_cut both = { .origin = &lv, .target = &lv, .lock = -1 };
	char tag[REPLICA_POOL_NAME_TAG], name[DM_REPLICA_NAME_LEN];

	CHECK_INT(replica_pool_returnable(ctx, "data", &legs, false), REPLICA_FAILED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "volume vg/data-replica, which was cut from a pool, is its origin now");
	CHECK_INT(replica_pool_returnable(ctx, "data", &both, false), REPLICA_FAILED);
	fake_free(ctx);
	/* By this it is known, in a name of any length. */
	replica_pool_name_tag("a@b", tag);
	CHECK_STR(tag, "dm-replica.a_b");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	replica_pool_name_tag(name, tag);
	CHECK_INT(strlen(tag), strlen("dm-replica.") + REPLICA_POOL_STEM - 1);
}

/* Whose origin may be one of ours when LVM does not tell. */
static void looks(void)
{
	CHECK(replica_pool_looks_cut("vg-data--replica", "LVM-x"));
	CHECK(replica_pool_looks_cut("vg-data--replica--2", "LVM-x"));
	CHECK(replica_pool_looks_cut("data-replica", "REPLICA-THIN-x"));
	CHECK(!replica_pool_looks_cut("vg-home", "LVM-x"));
}

static void room(void)
{
	const struct replica_pool pool = { .vg = "vg", .unit = 4 << 20, .free = 12 << 20 };
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_cut_room(ctx, &pool, (8 << 20) + 1, 0), 0);
	CHECK_INT(replica_cut_room(ctx, &pool, 8 << 20, 1), 0);
	CHECK_INT(replica_cut_room(ctx, &pool, (8 << 20) + 1, 1), REPLICA_NO_RESOURCES);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "12582912 bytes free, and 16777216 are needed");
	CHECK_INT(replica_cut_room(ctx, &pool, UINT64_MAX, 0), REPLICA_NO_RESOURCES);
	CHECK_INT(replica_cut_room(ctx, &pool, 1ULL << 63, 1ULL << 63), REPLICA_NO_RESOURCES);
	fake_free(ctx);
}

/* What comes out for a source of so many bytes; 0: it is refused with that sentence. */
static uint64_t store_of(uint64_t source, uint64_t bytes, uint32_t percent, const char *sentence)
{
	const struct replica_blockdev dev = { .size = source, .block_size = 512 };
	const struct replica_create_args args = {
		.store_bytes = bytes, .store_percent = percent,
	};
	struct replica_ctx *ctx = fake_ctx();
	int ret = replica_snap_store_bytes(ctx, &args, &dev, &bytes);

	if (ret) {
		CHECK_INT(ret, REPLICA_INVALID_PARAMETER);
		CHECK_HAS(replica_error_description(replica_last_error(ctx)), sentence);
		CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "StoreSize");
	}
	fake_free(ctx);
	return ret ? 0 : bytes;
}

static void store_sizes(void)
{
	CHECK_INT(store_of(100 << 20, 0, 0, ""), 20 << 20);
	CHECK_INT(store_of(100 << 20, 0, 1, ""), 1 << 20);
	CHECK_INT(store_of(100 << 20, 0, 101, ""), 101 << 20);
	CHECK_INT(store_of(100 << 20, 3 << 20, 0, ""), 3 << 20);
	CHECK_INT(store_of(64 << 10, 0, 0, ""), 64 << 10);	/* a fifth would be too small */
	CHECK_INT(store_of(1 << 20, 0, 1, "less than the 65536 of the smallest store"), 0);
	CHECK_INT(store_of(1 << 30, 65535, 0, "less than the 65536 of the smallest store"), 0);
	CHECK_INT(store_of(1 << 30, 65536, 0, ""), 65536);
	CHECK_INT(store_of(1 << 20, 2 << 20, 0, "more than the 1124597 with which it can"), 0);
	CHECK_INT(store_of(1 << 30, UINT64_MAX, 0, "can never be full"), 0);
	CHECK(store_of(UINT64_MAX / 2, 0, 101, ""));
}

static void refused_size(struct replica_ctx *ctx, const struct replica_create_args *args,
			 const char *sentence)
{
	struct replica_create_result *result;

	CHECK_INT(replica_create_replica(ctx, args, &result), REPLICA_INVALID_PARAMETER);
	CHECK(!result);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), sentence);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "StoreSize");
}

/* A size is for snapshots, with a store from a pool, and is said once. */
static void store_args(void)
{
	struct replica_create_args args = {
		.size = sizeof(args), .source = "/dev/sda", .store_percent = 30,
		.target_storage_pool = "vg", .sync_type = REPLICA_SYNC_TYPE_MIRROR,
	};
	struct replica_ctx *ctx = fake_ctx();

	refused_size(ctx, &args, "is for snapshots");
	args.sync_type = REPLICA_SYNC_TYPE_SNAPSHOT;
	args.target_storage_volume = "/dev/sdb";
	refused_size(ctx, &args, "/dev/sdb has a size of its own");
	args.target_storage_volume = NULL;
	args.store_bytes = 1 << 20;
	refused_size(ctx, &args, "in bytes and in percent");
	args.store_bytes = 0;
	args.store_percent = 102;
	refused_size(ctx, &args, "is 102 percent of the source");
	fake_free(ctx);
}

/* A store of the largest size has room for all chunks, their index, and an area more. */
static void full_store(void)
{
	for (uint64_t source = 4096; source < 1ULL << 50; source = source * 3 + 512) {
		uint64_t store = store_of(source, 0, 101, "the smallest store");
		uint64_t chunk, chunks;

		if (!store)
			continue;
		chunk = (uint64_t)replica_snap_chunk(512, store) << 9;
		chunks = (source + chunk - 1) / chunk;
		if (store < chunk * (1 + chunks + chunks / (chunk / 16) + 2))
			CHECK(source < 4 << 20);	/* there a few chunks are a percent */
	}
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(good_report), T(tags), T(vg_report), T(hostile_reports), T(damaged_reports),
		T(names), T(reserved_names), T(sizes), T(label_room), T(bad_pools), T(thin_room),
		T(reversed), T(looks), T(room),
		T(store_sizes), T(store_args), T(full_store),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
