// SPDX-License-Identifier: LGPL-2.1-or-later
/* Snapshots of LVM: what is one of ours, of what, and in which state its tables are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "failover-test.h"
#include "fake.h"
#include "ktap.h"
#include "snapshot-create.h"
#include "snapshot-lvm.h"

/* A volume group, and volumes in it, as device-mapper and as lvs have them. */
#define VG	"LVM-vgvgvgvgvgvgvgvgvgvgvgvgvgvgvgvg"
#define ID_A	"LVM-vgvgvgvgvgvgvgvgvgvgvgvgvgvgvgvgaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B	"LVM-vgvgvgvgvgvgvgvgvgvgvgvgvgvgvgvgbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C	"LVM-vgvgvgvgvgvgvgvgvgvgvgvgvgvgvgvgcccccccccccccccccccccccccccccccc"
#define ID_D	"LVM-vgvgvgvgvgvgvgvgvgvgvgvgvgvgvgvgdddddddddddddddddddddddddddddddd"
#define UUID_B	"bbbbbb-bbbb-bbbb-bbbb-bbbb-bbbb-bbbbbb"
#define UUID_C	"cccccc-cccc-cccc-cccc-cccc-cccc-cccccc"
#define UUID_E	"eeeeee-eeee-eeee-eeee-eeee-eeee-eeeeee"

#define LV(name, uuid, more) \
	"{\"lv_name\":\"" name "\", \"vg_name\":\"v-g\", \"lv_uuid\":\"" uuid "\"," \
	" \"lv_dm_path\":\"/dev/mapper/x\"" more "}"
#define OURS(origin)	", \"origin\":\"" origin "\", \"lv_tags\":\"x,dm-replica-snapshot\""
#define REPORT(rows)	"{\"report\": [{\"lv\": [" rows "]}]}"

struct map {
	const char *name;
	const char *uuid;
	const char *type;
	const char *params;
};

/* The numbers of the devices are 253:0 and so on. */
static void fill(struct replica_snap *snap, struct replica_ctx *ctx, const struct map *map,
		 size_t count)
{
	*snap = (struct replica_snap){ .ctx = ctx };
	snap->maps.map = calloc(count, sizeof(*snap->maps.map));
	snap->maps.count = count;
	for (size_t i = 0; snap->maps.map && i < count; i++) {
		struct replica_lines *lines = &snap->maps.map[i];

		snprintf(lines->name, sizeof(lines->name), "%s", map[i].name);
		snprintf(lines->uuid, sizeof(lines->uuid), "%s", map[i].uuid);
		lines->dev = makedev(253, i);
		lines->line = calloc(1, sizeof(*lines->line));
		lines->line->length = 2048;
		lines->line->type = strdup(map[i].type);
		lines->line->params = strdup(map[i].params);
		lines->count = 1;
	}
}

/* What LVM would be asked for is known already, so that it is not run. */
static void known(struct replica_ctx *ctx, const char *key, const char *report)
{
	replica_lvsnap_forget(ctx);
	ctx->lvm_key = strdup(key);
	ctx->lvm_report = strdup(report);
}

/* ------------------------------------------------------------------------ */
/* Names */

static void names(void)
{
	char name[DM_REPLICA_NAME_LEN], longest[DM_REPLICA_NAME_LEN];

	CHECK(replica_lvm_dm_name("vg", "lv", name));
	CHECK_STR(name, "vg-lv");
	CHECK(replica_lvm_dm_name("my-vg", "a--b", name));
	CHECK_STR(name, "my--vg-a----b");
	memset(longest, 'a', sizeof(longest));
	longest[100] = '\0';
	CHECK(replica_lvm_dm_name("v", longest, name));
	CHECK_INT(strlen(name), 102);
	longest[100] = 'a';
	longest[126] = '\0';
	CHECK(!replica_lvm_dm_name("vg", longest, name));
	CHECK(strlen(name) < sizeof(name));
	memset(longest, '-', 100);
	CHECK(!replica_lvm_dm_name("vg", longest, name));
}

static void volumes(void)
{
	struct replica_line line = { .length = 8, .type = "snapshot", .params = "" };
	struct replica_lines map = { .count = 1, .line = &line };

	CHECK(replica_lvsnap_volume(ID_A));
	CHECK(!replica_lvsnap_volume(ID_A "-cow"));
	CHECK(!replica_lvsnap_volume(VG));
	CHECK(!replica_lvsnap_volume("REPLICA-snap-1"));
	strcpy(map.uuid, ID_A);
	CHECK(replica_lvsnap_may_be(&map));
	line.type = "thin";
	CHECK(replica_lvsnap_may_be(&map));
	line.type = "error";			/* while it is merged */
	CHECK(replica_lvsnap_may_be(&map));
	line.type = "linear";
	CHECK(!replica_lvsnap_may_be(&map));
	line.type = "snapshot";
	strcpy(map.uuid, ID_A "-cow");
	CHECK(!replica_lvsnap_may_be(&map));
	strcpy(map.uuid, "REPLICA-snap-1");
	CHECK(!replica_lvsnap_may_be(&map));
}

/* ------------------------------------------------------------------------ */
/* Tables */

static const struct map thick[] = {
	{ "v--g-lv", ID_A, "snapshot-origin", "253:1" },
	{ "v--g-lv-real", ID_A "-real", "linear", "8:0 2048" },
	{ "v--g-s1", ID_B, "snapshot", "253:1 253:3 P 16" },
	{ "v--g-s1-cow", ID_B "-cow", "linear", "8:0 4096" },
	{ "v--g-s2", ID_C, "snapshot", "253:1 253:5 P 8" },
	{ "v--g-s2-cow", ID_C "-cow", "linear", "8:0 8192" },
	{ "v--g-other", ID_D, "linear", "8:0 9000" },
};

#define THICK_KEY	ID_A " v--g-lv snapshot-origin\n" ID_B " v--g-s1 snapshot\n" \
			ID_C " v--g-s2 snapshot\n"

static void finds_thick(void)
{
	struct replica_ctx *ctx = fake_ctx();
	const struct replica_lines *self;
	struct replica_snap snap;

	fill(&snap, ctx, thick, 7);
	known(ctx, THICK_KEY,
	      REPORT(LV("s1", UUID_B, OURS("lv")) "," LV("s2", UUID_C, OURS("lv"))));
	if (CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[2].name), 0)) {
		CHECK_STR(snap.self->name, "v--g-s1");
		CHECK_STR(snap.lv->name, "s1");
		CHECK(snap.source == &snap.maps.map[0] && snap.upper == snap.source);
		CHECK(snap.store == makedev(253, 3));
		CHECK_INT(snap.chunk, 16);
		CHECK(!snap.merging && !snap.thin && !snap.base && !snap.kept);
	}
	self = NULL;
	CHECK(replica_lvsnap_next(&snap, snap.lvs->next, &self));
	CHECK(self == &snap.maps.map[4]);
	CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[6].name), REPLICA_NOT_FOUND);
	CHECK_INT(replica_lvsnap_find(&snap, "v--g-none"), REPLICA_NOT_FOUND);
	replica_snap_clear(&snap);
	fake_free(ctx);
}

/* LVM merges s1; s2 stays what it is. */
static void finds_merged(void)
{
	struct map map[7];
	struct replica_ctx *ctx = fake_ctx();
	const struct replica_lines *self;
	const struct replica_lv *lv;
	struct replica_snap snap;

	memcpy(map, thick, sizeof(map));
	map[0].type = "snapshot-merge";
	map[0].params = "253:1 253:3 P 16";
	map[2].type = "error";
	map[2].params = "";
	fill(&snap, ctx, map, 7);
	known(ctx, ID_A " v--g-lv snapshot-merge\n" ID_C " v--g-s2 snapshot\n",
	      REPORT(LV("s1", UUID_B, OURS("lv") ", \"lv_merging\":\"merging\"") ","
		     LV("s2", UUID_C, OURS("lv"))));
	if (CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[2].name), 0)) {
		CHECK(snap.merging && snap.lv->merging);
		CHECK(snap.store == makedev(253, 3));
		CHECK_INT(snap.chunk, 16);
		lv = replica_lvsnap_next(&snap, snap.lvs->next, &self);
		replica_lvsnap_link(&snap, self, lv);
		CHECK_STR(snap.self->name, "v--g-s2");
		CHECK(!snap.merging);
		CHECK(snap.store == makedev(253, 5));
		CHECK_INT(snap.chunk, 8);
	}
	replica_snap_clear(&snap);
	fake_free(ctx);
}

/* The copy of a replica has the name, the mark and the source; one's own snapshot has no mark. */
static void copies(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_test_copy copy = { .count = 0 };
	struct replica_snap snap;

	fill(&snap, ctx, thick, 7);
	known(ctx, THICK_KEY,
	      REPORT(LV("s1", UUID_B, OURS("lv")) ","
		     LV("s2", UUID_C, ", \"origin\":\"lv\", "
			"\"lv_tags\":\"dm-replica-snapshot,dm-replica-test\"")));
	CHECK_INT(replica_lvsnap_list(&snap), 0);
	replica_test_pick(&snap, "s1", 0, &copy);
	replica_test_pick(&snap, "s2", makedev(253, 1), &copy);
	replica_test_pick(&snap, "s3", 0, &copy);
	CHECK_INT(copy.count, 0);
	replica_test_pick(&snap, "s2", makedev(253, 0), &copy);
	CHECK_INT(copy.count, 1);
	CHECK_STR(copy.name, "v--g-s2");
	CHECK_STR(copy.uuid, ID_C);
	replica_test_pick(&snap, "s2", 0, &copy);
	CHECK_INT(copy.count, 2);
	replica_snap_clear(&snap);
	fake_free(ctx);
}

/* What has no tag, no source or no device is not touched, whatever it is. */
static void not_ours(void)
{
	struct replica_ctx *ctx = fake_ctx();
	const struct replica_lines *self;
	struct replica_snap snap;

	fill(&snap, ctx, thick, 7);
	known(ctx, THICK_KEY,
	      REPORT(LV("s1", UUID_B, ", \"origin\":\"lv\", \"lv_tags\":\"dm-replica-snapshots\"") ","
		     LV("s2", UUID_C, OURS("")) "," LV("s3", UUID_E, OURS("lv"))));
	CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[2].name), REPLICA_NOT_FOUND);
	CHECK(snap.lvs && !replica_lvsnap_next(&snap, snap.lvs, &self));
	replica_lv_free(snap.lvs);
	snap.lvs = NULL;
	CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[4].name), REPLICA_NOT_FOUND);
	replica_snap_clear(&snap);
	fake_free(ctx);
}

static void finds_thin(void)
{
	static const struct map map[] = {
		{ "v--g-lv", ID_A, "thin", "253:2 1" },
		{ "v--g-s1", ID_B, "thin", "253:2 2" },
		{ "v--g-tp-tpool", ID_C "-tpool", "thin-pool", "253:3 253:4 128 0 0" },
	};
	struct replica_ctx *ctx = fake_ctx();
	struct replica_snap snap;

	fill(&snap, ctx, map, 3);
	known(ctx, ID_A " v--g-lv thin\n" ID_B " v--g-s1 thin\n",
	      REPORT(LV("s1", UUID_B, OURS("lv") ", \"segtype\":\"thin\", \"pool_lv\":\"tp\"")));
	CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[0].name), REPLICA_NOT_FOUND);
	replica_lv_free(snap.lvs);
	if (CHECK_INT(replica_lvsnap_find(&snap, snap.maps.map[1].name), 0)) {
		CHECK(snap.thin && !snap.merging);
		CHECK(snap.source == &snap.maps.map[0]);
		CHECK(snap.store == makedev(253, 2));
		CHECK_INT(snap.chunk, 128);
	}
	replica_snap_clear(&snap);
	fake_free(ctx);
}

/* Where no volume can be one, LVM is not even run. */
static void not_asked(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_snap snap;

	fill(&snap, ctx, &thick[6], 1);
	CHECK_INT(replica_lvsnap_list(&snap), 0);
	CHECK(!snap.lvs && !ctx->lvm_key && !ctx->lvm_report);
	replica_snap_clear(&snap);
	fake_free(ctx);
}

static void thin_status(void)
{
	struct replica_thin_usage u;

	CHECK_INT(replica_lvsnap_parse_thin("1 12/1024 100/128 - rw discard_passdown queue_if_no_space - 1024",
					    &u), 0);
	CHECK(u.used == 100 && u.total == 128 && !u.full && !u.failed);
	CHECK_INT(replica_lvsnap_parse_thin("1 12/1024 128/128 - rw no_discard_passdown error_if_no_space - 1024",
					    &u), 0);
	CHECK(u.full);
	CHECK_INT(replica_lvsnap_parse_thin("1 12/1024 127/128 - out_of_data_space x y - 1024",
					    &u), 0);
	CHECK(u.full);
	CHECK_INT(replica_lvsnap_parse_thin("Fail", &u), 0);
	CHECK(u.failed);
	CHECK(replica_lvsnap_parse_thin("", &u));
	CHECK(replica_lvsnap_parse_thin("1 12/1024", &u));
	CHECK(replica_lvsnap_parse_thin("1 12/1024 5/0 - rw", &u));
	CHECK(replica_lvsnap_parse_thin("1 12/1024 9/8 - rw", &u));
}

static void snapshot_status(void)
{
	struct replica_usage u;

	replica_snap_parse_usage("48/2048 16", &u);
	CHECK(u.valid && u.used == 48 && u.total == 2048 && u.metadata == 16);
	CHECK(!u.overflow && !u.merge_failed && !replica_snap_merge_over(&u));
	replica_snap_parse_usage("16/2048 16", &u);
	CHECK(replica_snap_merge_over(&u));
	replica_snap_parse_usage("Overflow", &u);
	CHECK(!u.valid && u.overflow && !replica_snap_merge_over(&u));
	replica_snap_parse_usage("Merge failed", &u);
	CHECK(!u.valid && u.merge_failed);
	replica_snap_parse_usage("Invalid", &u);
	CHECK(!u.valid && !u.overflow && !u.merge_failed && !replica_snap_merge_over(&u));
	replica_snap_parse_usage("16/", &u);
	CHECK(!u.valid);
}

/* ------------------------------------------------------------------------ */
/* Sources and targets */

static void sources(void)
{
	struct replica_lv lv = {
		.name = (char *)"lv", .vg = (char *)"vg", .segtype = (char *)"linear",
		.origin = (char *)"", .pool = (char *)"",
	};
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/vg/lv", &lv), 0);
	lv.segtype = (char *)"raid1";
	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/vg/lv", &lv), 0);
	lv.segtype = (char *)"thin-pool";
	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/vg/lv", &lv), REPLICA_NOT_SUPPORTED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "of type thin-pool");
	lv.segtype = (char *)"linear";
	lv.merging = true;
	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/vg/lv", &lv), REPLICA_FAILED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "is being restored");
	lv.merging = false;
	lv.origin = (char *)"base";
	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/vg/lv", &lv), REPLICA_NOT_SUPPORTED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "its source is vg/base");
	lv.segtype = (char *)"thin";
	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/vg/lv", &lv), 0);
	CHECK_INT(replica_lvsnap_judge(ctx, "/dev/mapper/vg-lv-real", NULL),
		  REPLICA_NOT_SUPPORTED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "is a hidden part");
	fake_free(ctx);
}

static void check_target(const struct replica_create_args *args, const struct replica_lv *lv,
			 const char *parameter, const char *sentence)
{
	struct replica_ctx *ctx = fake_ctx();
	int ret = replica_lvsnap_judge_target(ctx, args, lv);

	CHECK_INT(ret, parameter ? REPLICA_INVALID_PARAMETER : 0);
	if (ret && parameter) {
		CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), parameter);
		CHECK_HAS(replica_error_description(replica_last_error(ctx)), sentence);
	}
	fake_free(ctx);
}

static void targets(void)
{
	struct replica_lv lv = {
		.name = (char *)"lv", .vg = (char *)"vg", .segtype = (char *)"linear",
		.origin = (char *)"", .pool = (char *)"",
	};
	struct replica_create_args args = { .size = sizeof(args) };

	check_target(&args, &lv, NULL, NULL);
	args.target_storage_pool = "vg";
	args.store_bytes = 1 << 20;
	check_target(&args, &lv, NULL, NULL);
	args.target_storage_pool = "/dev/vg";
	check_target(&args, &lv, NULL, NULL);
	args.target_storage_pool = "vg/tp";
	check_target(&args, &lv, "TargetStoragePool", "vg is expected, or no pool");
	args.target_storage_pool = "vg2";
	check_target(&args, &lv, "TargetStoragePool", "vg is expected, or no pool");
	lv.segtype = (char *)"thin";
	lv.pool = (char *)"tp";
	check_target(&args, &lv, "StoreSize", "takes its room from thin pool vg/tp");
	args.store_bytes = 0;
	check_target(&args, &lv, "TargetStoragePool", "vg/tp is expected, or no pool");
	args.target_storage_pool = "vg/tp";
	check_target(&args, &lv, NULL, NULL);
	args.target_storage_pool = "vg";
	check_target(&args, &lv, NULL, NULL);
	args.target_storage_volume = "/dev/sdb";
	check_target(&args, &lv, "TargetStorageVolume", "give no target");
}

/* A volume of LVM needs none, and nothing else can be without. */
static void no_target(void)
{
	struct replica_create_args args = {
		.size = sizeof(args), .sync_type = REPLICA_SYNC_TYPE_SNAPSHOT,
		.source = "/dev/mapper/vg-lv",
	};
	struct replica_ctx *ctx = fake_ctx();

	fake_dm("dm-0", "253:0", 1 << 20, "vg-lv");
	fake_dm("dm-1", "253:1", 1 << 20, "home");
	fake_attr("dm-0", "dm/uuid", ID_A "\n");
	fake_attr("dm-1", "dm/uuid", "CRYPT-LUKS2-1\n");
	CHECK(replica_lvsnap_source(ctx, &args));
	CHECK_INT(replica_snap_check_params(ctx, &args), 0);
	args.sync_type = REPLICA_SYNC_TYPE_TOKENIZED_CLONE;	/* which LVM does not make */
	CHECK_INT(replica_snap_check_params(ctx, &args), REPLICA_INVALID_PARAMETER);
	args.sync_type = REPLICA_SYNC_TYPE_SNAPSHOT;
	args.source = "/dev/mapper/home";
	CHECK(!replica_lvsnap_source(ctx, &args));
	CHECK_INT(replica_snap_check_params(ctx, &args), REPLICA_INVALID_PARAMETER);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "is missing, or a pool");
	fake_free(ctx);
}

/* By its uuid alone; LVM, which knows no volume of it, is not run. */
static void hidden_part(void)
{
	const struct replica_create_args args = {
		.size = sizeof(args), .sync_type = REPLICA_SYNC_TYPE_SNAPSHOT,
		.source = "/dev/mapper/vg-tp_tdata",
	};
	struct replica_finding *findings = NULL;
	struct replica_ctx *ctx = fake_ctx();

	fake_dm("dm-0", "253:0", 1 << 20, "vg-tp_tdata");
	fake_attr("dm-0", "dm/uuid", ID_A "-tdata\n");
	CHECK(replica_lvsnap_source(ctx, &args));
	CHECK_INT(replica_lvsnap_check(ctx, &args, &findings), REPLICA_NOT_SUPPORTED);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "is a hidden part");
	CHECK(!findings);
	replica_finding_free(findings);
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(names), T(volumes), T(finds_thick), T(finds_merged), T(copies), T(not_ours),
		T(finds_thin), T(not_asked), T(thin_status), T(snapshot_status), T(sources),
		T(targets), T(no_target), T(hidden_part),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
