// SPDX-License-Identifier: LGPL-2.1-or-later
/* The snapshot that protects a replica: names, moment, size, and which leg can have one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "create-goals.h"
#include "fake.h"
#include "ktap.h"
#include "messages.h"
#include "msg.h"
#include "ondisk.h"
#include "protect.h"

#include <netlink/attr.h>

static void names(void)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN], longest[DM_REPLICA_NAME_LEN];

	replica_protect_names("data", dm, lv);
	CHECK_STR(dm, "data-protect");
	CHECK_STR(lv, "data-protect");
	replica_protect_names("a@b:c", dm, lv);
	CHECK_STR(dm, "a_b_c-protect");	/* the directory of a pool takes no other */
	CHECK_STR(lv, "a_b_c-protect");
	memset(longest, 'a', sizeof(longest));
	longest[DM_REPLICA_NAME_LEN - 1] = '\0';
	replica_protect_names(longest, dm, lv);
	CHECK_INT(strlen(dm), DM_REPLICA_NAME_LEN - 1);
	CHECK_STR(dm + strlen(dm) - 8, "-protect");
}

/* The volume group is what LVM has before the one dash that is not doubled. */
static void beside(void)
{
	static const struct {
		const char *leg;
		const char *name;	/* NULL: it is no name of LVM's */
	} cases[] = {
		{ "vg-lv", "vg-data--protect" },
		{ "my--vg-some--lv", "my--vg-data--protect" },
		{ "a----b-lv", "a----b-data--protect" },
		{ "vg-lv-x", "vg-data--protect" },
		{ "plain", NULL }, { "", NULL }, { "-lv", NULL }, { "vg--lv", NULL },
	};
	char name[DM_REPLICA_NAME_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is = cases[i].name;

		ktap_case = cases[i].leg;
		if (CHECK_INT(replica_protect_beside(cases[i].leg, "data-protect", name), is) && is)
			CHECK_STR(name, cases[i].name);
	}
	ktap_case = NULL;
}

static void moments(void)
{
	CHECK_INT(replica_protect_at("dm-replica-protect,dm-replica-at.1700000000123"),
		  1700000000123);
	CHECK_INT(replica_protect_at("dm-replica-at.5,other"), 5);
	CHECK_INT(replica_protect_at("dm-replica-protect"), 0);
	CHECK_INT(replica_protect_at(""), 0);
	CHECK_INT(replica_protect_at("my.dm-replica-at.7"), 0);
}

#define MIB	(1ULL << 20)

/* Never full if there is room for that; else twice what is dirty, and no more than all. */
static void stores(void)
{
	const uint64_t size = 1000 * MIB, full = 1010 * MIB;

	CHECK_INT(replica_protect_store(size, 0, full), full);
	CHECK_INT(replica_protect_store(size, 100 * MIB, 5000 * MIB), full);
	CHECK_INT(replica_protect_store(size, 100 * MIB, full - 1), 226 * MIB);
	CHECK_INT(replica_protect_store(size, 0, 0), 26 * MIB);
	CHECK_INT(replica_protect_store(size, size, 0), full);
	CHECK_INT(replica_protect_store(size, ~0ULL, 0), full);
}

static void judges(void)
{
	static const struct {
		const char *uuid;
		int ret;
	} legs[] = {
		{ "LVM-0123456789abcdef", REPLICA_SUCCESS },
		{ "REPLICATHIN-0123", REPLICA_SUCCESS },
		{ "", REPLICA_NOT_SUPPORTED },
		{ "CRYPT-LUKS2-x", REPLICA_NOT_SUPPORTED },
		{ "mpath-x", REPLICA_NOT_SUPPORTED },
	};
	struct replica_ctx *ctx = fake_ctx();

	for (size_t i = 0; i < ARRAY_SIZE(legs); i++) {
		ktap_case = legs[i].uuid;
		CHECK_INT(replica_protect_judge(ctx, "/dev/sdc", legs[i].uuid), legs[i].ret);
		if (!legs[i].ret)
			continue;
		CHECK_HAS(replica_error_description(replica_last_error(ctx)), "/dev/sdc");
		CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "protect");
	}
	ktap_case = NULL;
	fake_free(ctx);
}

#define S(state)	DM_REPLICA_STATE_##state
#define F(fate)		REPLICA_PROTECT_##fate

/* What becomes of the snapshot when its replica is to end. */
static void fates(void)
{
	static const struct {
		unsigned int state;
		enum replica_protect_fate fate;
		bool whole, waits, lost, force, goes, origin;
	} cases[] = {
		{ S(SYNCHRONIZED), F(DROP), .whole = true },
		{ S(SYNCHRONIZED), F(REFUSE), .whole = false },
		{ S(UNSYNCHRONIZED), F(REFUSE), .whole = false },
		{ S(UNSYNCHRONIZED), F(KEEP), .force = true },
		{ S(UNSYNCHRONIZED), F(DROP), .force = true, .goes = true },
		{ S(UNSYNCHRONIZED), F(DROP), .lost = true },
		/* It waits: without force it does not end, and the copy may get an answer. */
		{ S(UNSYNCHRONIZED), F(STAY), .whole = true, .waits = true },
		{ S(UNSYNCHRONIZED), F(DROP), .whole = true, .waits = true, .force = true },
		/* It had it, and nothing has come yet. */
		{ S(UNSYNCHRONIZED), F(REFUSE), .whole = true },
		{ S(UNSYNCHRONIZED), F(KEEP), .whole = true, .force = true },
		{ S(BROKEN), F(STAY), .whole = true },
		{ S(BROKEN), F(DROP), .whole = true, .force = true },
		{ S(BROKEN), F(KEEP), .force = true },
		/* The replica is whole; the origin was torn when it was failed over to. */
		{ S(FAILEDOVER), F(STAY), .whole = true, .origin = true },
		{ S(FAILEDOVER), F(KEEP), .whole = true, .force = true, .goes = true,
		  .origin = true },
		{ S(SYNCHRONIZED), F(DROP), .whole = true, .force = true, .origin = true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct replica_info info = { .copy_state = cases[i].state,
			.whole = cases[i].whole, .waits_protected = cases[i].waits };

		CHECK_INT(replica_protect_fate(&info, cases[i].lost, cases[i].force, cases[i].goes,
					       cases[i].origin), cases[i].fate);
	}
}

#define UUID	"01234567-89ab-4cde-8123-456789abcdef"
#define OTHER	"01234567-89ab-4cdf-8123-456789abcdef"

/* A name may be that of several replicas, one after the other, and a pool have both legs. */
static void marks(void)
{
	char protects[] = "dm-replica-protect,dm-replica-of." UUID ",dm-replica-leg.8388609";
	char kept[] = "dm-replica-of." UUID ",dm-replica-leg.8388609,dm-replica-kept";
	char older[] = "dm-replica-protect,dm-replica-at.5";
	struct replica_lv lv = { .tags = protects };

	CHECK(replica_protect_is_of(&lv, UUID, 0));
	CHECK(replica_protect_is_of(&lv, UUID, 8388609));
	CHECK(!replica_protect_is_of(&lv, UUID, 8388610));
	CHECK(!replica_protect_is_of(&lv, OTHER, 0));
	CHECK(!replica_protect_is_of(&lv, "", 0));
	lv.tags = kept;
	CHECK(!replica_protect_is_of(&lv, UUID, 8388609));
	lv.tags = older;
	CHECK(!replica_protect_is_of(&lv, UUID, 0) && !replica_protect_is_of(&lv, "", 0));
}

/* By the mapped device alone, whose uuid has the first half of that of the replica. */
static void mapped(void)
{
	static const struct {
		const char *dm_uuid;
		bool is;
		uint64_t at;
	} cases[] = {
		{ "REPLICATHIN-protect-ff-01234567-89ab-4cde-0000000", true, 255 },
		{ "REPLICATHIN-protect-0-01234567-89ab-4cde-1", true, 0 },
		{ "REPLICATHIN-protect-ff-01234567-89ab-4cdf-0000000", false, 255 },
		{ "REPLICATHIN-protect-ff-01234567-89ab-4cde", false, 255 },
		{ "REPLICATHIN-protect-ff-01234567", false, 255 },
		{ "REPLICATHIN-protect-ff", false, 255 },
		{ "REPLICATHIN-protect-", false, 0 },
		{ "REPLICATHIN-01234567-89ab-4cde-8123-456789abcdef", false, 0 },
		{ "", false, 0 },
	};
	uint64_t at;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ktap_case = cases[i].dm_uuid;
		CHECK_INT(replica_protect_is_of_uuid(cases[i].dm_uuid, UUID, &at), cases[i].is);
		CHECK_INT(at, cases[i].at);
		CHECK(!replica_protect_is_of_uuid(cases[i].dm_uuid, "", &at));
	}
	ktap_case = NULL;
}

/* A source that has a replica under its own name keeps its own uuid. */
static void identities(void)
{
	char ours[] = "REPLICA-" UUID, lvm[] = "LVM-" UUID, odd[] = "REPLICA-ORIGIN-x";
	char origin[] = "253:3", replica[] = "253:4";
	struct replica_info info = { .origin = origin, .replica = replica, .uuid = ours };
	struct replica_ctx *ctx = fake_ctx();
	char uuid[REPLICA_UUID_TEXT];

	replica_protect_uuid(ctx, &info, uuid);
	CHECK_STR(uuid, UUID);
	info.uuid = lvm;
	replica_protect_uuid(ctx, &info, uuid);
	CHECK_STR(uuid, "");
	fake_file("/sys/dev/block/253:4/dm/name", "hidden\n");
	fake_file("/sys/dev/block/253:4/dm/uuid", "REPLICA-ORIGIN-" OTHER "\n");
	replica_protect_uuid(ctx, &info, uuid);
	CHECK_STR(uuid, OTHER);
	fake_file("/sys/dev/block/253:3/dm/name", "hidden\n");
	fake_file("/sys/dev/block/253:3/dm/uuid", "REPLICA-ORIGIN-" UUID "\n");
	info.uuid = odd;
	replica_protect_uuid(ctx, &info, uuid);
	CHECK_STR(uuid, UUID);
	fake_free(ctx);
}

/* Nothing of a leg is opened: here neither has a node, nor a size. */
static void known_legs(void)
{
	char origin[] = "253:3", replica[] = "253:4";
	struct replica_info info = { .name = origin, .origin = origin, .replica = replica };
	struct replica_blockdev legs[REPLICA_LEGS], leg;
	struct replica_ctx *ctx = fake_ctx();

	fake_file("/sys/dev/block/253:3/dm/name", "vg-first\n");
	fake_file("/sys/dev/block/253:3/dm/uuid", "LVM-abc\n");
	CHECK(replica_protect_leg(ctx, &info, &leg));
	replica_protect_legs(ctx, &info, legs);
	CHECK_INT(legs[0].devno, 0);
	CHECK_STR(legs[0].dm_uuid, "");
	CHECK_INT(legs[1].devno, makedev(253, 3));
	CHECK_STR(legs[1].dm_name, "vg-first");
	CHECK_STR(legs[1].dm_uuid, "LVM-abc");
	fake_file("/sys/dev/block/253:4/dm/name", "data-replica\n");
	fake_file("/sys/dev/block/253:4/dm/uuid", "REPLICATHIN-x\n");
	replica_protect_legs(ctx, &info, legs);
	CHECK_INT(legs[0].devno, makedev(253, 4));
	CHECK_STR(legs[0].dm_uuid, "REPLICATHIN-x");
	info.origin = NULL;
	replica_protect_legs(ctx, &info, legs);
	CHECK_INT(legs[1].devno, 0);
	CHECK_STR(legs[1].dm_uuid, "");
	fake_free(ctx);
}

/* What has the name, and the tag, may be the last consistent copy of another replica. */
static void left(void)
{
	char tag[] = "dm-replica-snapshot,dm-replica-protect,dm-replica-of." UUID;
	char other[] = "dm-replica-snapshot,dm-replica-of." UUID;
	char former[] = "dm-replica-snapshot,dm-replica-protect,dm-replica-of." OTHER;
	char thin[] = "thin", linear[] = "linear", leg[] = "data-replica", none[] = "";
	char elsewhere[] = "other-replica";
	const struct {
		struct replica_lv lv;
		bool is;
	} cases[] = {
		{ { .tags = tag, .segtype = linear, .origin = leg }, true },
		{ { .tags = tag, .segtype = thin, .origin = leg }, true },
		{ { .tags = tag, .segtype = linear, .origin = none }, true },
		{ { .tags = tag, .segtype = thin, .origin = none }, false },
		{ { .tags = tag, .segtype = linear, .origin = elsewhere }, false },
		{ { .tags = tag, .segtype = thin, .origin = elsewhere }, false },
		{ { .tags = tag, .segtype = thin, .origin = leg, .merging = true }, false },
		{ { .tags = other, .segtype = linear, .origin = leg }, false },
		{ { .tags = former, .segtype = linear, .origin = leg }, false },
		{ { .tags = former, .segtype = linear, .origin = none }, false },
		{ { .tags = none, .segtype = linear, .origin = none }, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_INT(replica_protect_is_left(&cases[i].lv, leg, UUID), cases[i].is);
}

/* Without a log nobody knows after a crash whether the replica is whole. */
static void needs_a_log(void)
{
	const struct replica_settings settings = {
		.present = REPLICA_SETTING_PROTECT, .protect = DM_REPLICA_PROTECT_SNAPSHOT,
	};
	struct replica_create_args args = {
		.size = sizeof(args), .source = "/dev/sda", .sync_type = REPLICA_SYNC_TYPE_MIRROR,
		.target_storage_volume = "/dev/sdb", .replication_settings = &settings,
	};
	struct replica_create_result *result = NULL;
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_create_replica(ctx, &args, &result), REPLICA_INVALID_PARAMETER);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "protect");
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "meta device");
	replica_create_result_free(result);
	args.meta = "/dev/sdc";
	args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	result = NULL;
	CHECK_INT(replica_create_replica(ctx, &args, &result), REPLICA_INVALID_PARAMETER);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "clone");
	replica_create_result_free(result);
	fake_free(ctx);
}

/* refused: by whoever makes it of a volume, or of one from a pool, and by whoever asks before. */
static void excluded(struct replica_ctx *ctx, struct replica_create_args *args, const char *by)
{
	struct replica_create_result *result;
	struct replica_finding *list;
	const char *volume = args->target_storage_volume;

	ktap_case = by;
	for (int pool = 0; pool < 2; pool++) {
		args->target_storage_volume = pool ? NULL : volume;
		args->target_storage_pool = pool ? "vg" : NULL;
		args->dry_run = pool;
		CHECK_INT(replica_create_replica(ctx, args, &result), REPLICA_INVALID_PARAMETER);
		CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "protect");
		CHECK_HAS(replica_error_description(replica_last_error(ctx)), by);
		CHECK(!result);
		replica_create_result_free(result);
	}
	args->target_storage_volume = volume;
	args->target_storage_pool = NULL;
	args->dry_run = false;
	CHECK_INT(replica_check_create(ctx, args, NULL, &list), REPLICA_INVALID_PARAMETER);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), by);
	replica_finding_free(list);
	ktap_case = NULL;
}

/* Neither does any harm alone. */
static void excludes(void)
{
	struct replica_settings s = {
		.present = REPLICA_SETTING_PROTECT | REPLICA_SETTING_ON_REPLICA_ERROR,
		.protect = DM_REPLICA_PROTECT_SNAPSHOT,
		.on_replica_error = DM_REPLICA_ON_ERROR_STOP,
	};
	struct replica_create_args args = {
		.size = sizeof(args), .source = "/dev/sda", .sync_type = REPLICA_SYNC_TYPE_MIRROR,
		.target_storage_volume = "/dev/sdb", .meta = "/dev/sdc",
		.replication_settings = &s,
	};
	struct replica_ctx *ctx = fake_ctx();

	excluded(ctx, &args, "protect=snapshot and on_replica_error=stop exclude each other");
	s.on_replica_error = DM_REPLICA_ON_ERROR_TRACK;
	CHECK_INT(replica_goals_check(ctx, &args), REPLICA_SUCCESS);
	s.on_replica_error = DM_REPLICA_ON_ERROR_STOP;
	s.protect = DM_REPLICA_PROTECT_NONE;
	CHECK_INT(replica_goals_check(ctx, &args), REPLICA_SUCCESS);
	s.present = REPLICA_SETTING_PROTECT | REPLICA_SETTING_DELTA_MS;
	s.protect = DM_REPLICA_PROTECT_SNAPSHOT;
	s.delta_ms = 30000;
	excluded(ctx, &args, "protect=snapshot and delta updates exclude each other");
	s.delta_ms = 0;
	CHECK_INT(replica_goals_check(ctx, &args), REPLICA_SUCCESS);
	fake_free(ctx);
}

/* What looks at a target before there is anything knows it as well. */
static void checks(void)
{
	const struct replica_settings s = {
		.present = REPLICA_SETTING_PROTECT, .protect = DM_REPLICA_PROTECT_SNAPSHOT,
	};
	struct replica_create_args args = {
		.size = sizeof(args), .source = "/dev/sdx", .sync_type = REPLICA_SYNC_TYPE_MIRROR,
		.target_storage_volume = "/dev/sdy", .replication_settings = &s,
	};
	struct replica_ctx *ctx = fake_ctx();
	struct replica_finding *list = NULL;

	/* Numbers that no replica of this system has. */
	fake_disk("sdx", "4000:770", 1 << 20);
	fake_disk("sdy", "4000:771", 1 << 20);
	CHECK_INT(replica_check_create(ctx, &args, NULL, &list), REPLICA_NOT_SUPPORTED);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "protect");
	replica_finding_free(list);
	args.replication_settings = NULL;
	CHECK_INT(replica_check_create(ctx, &args, NULL, &list), REPLICA_SUCCESS);
	replica_finding_free(list);
	fake_free(ctx);
}

static void replies(void)
{
	struct nl_msg *msg = info_msg();
	struct replica_info *info = NULL;

	nla_put_u8(msg, DM_REPLICA_A_WHOLE, 1);
	nla_put_u8(msg, DM_REPLICA_A_WAITS_PROTECTED, 1);
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), 0);
	CHECK(info && info->whole && info->waits_protected);
	replica_info_free(info);
	nlmsg_free(msg);

	/* A module that does not know them protects nothing. */
	msg = info_msg();
	CHECK_INT(replica_msg_parse_info(nlmsg_hdr(msg), &info), 0);
	CHECK(info && !info->whole && !info->waits_protected && !info->protection);
	replica_info_free(info);
	nlmsg_free(msg);
}

/* The directory of a pool takes the mark, in one text with the moment. */
static void directory(void)
{
	char *copies = calloc(2, REPLICA_THIN_COPY_BYTES);
	struct replica_thin_dir *dir = calloc(2, sizeof(*dir));
	struct replica_thin_volume *v = &dir[0].volume[0];

	dir[0].seq = 1;
	dir[0].count = 1;
	v->id = REPLICA_THIN_FIRST + 1;
	v->made = true;
	v->sectors = 2048;
	strcpy(v->name, "data-protect");
	strcpy(v->uuid, REPLICA_THIN_UUID_PREFIX REPLICA_THIN_PROTECT_MARK
	       "ffffffffffffffff-01234567-89ab-cdef");
	CHECK(replica_thin_tag_text(v->tags, sizeof(v->tags), "--addtag",
				    (const char *const[]){ REPLICA_POOL_TAG_PROTECT,
				    REPLICA_POOL_TAG_AT "1700000000123" }, 2));
	CHECK(replica_thin_encode(&dir[0], copies));
	CHECK_INT(replica_thin_decode(copies, &dir[1]), 0);
	CHECK_INT(dir[1].count, 1);
	CHECK_STR(dir[1].volume[0].uuid, v->uuid);
	CHECK_INT(replica_protect_at(dir[1].volume[0].tags), 1700000000123);
	free(dir);
	free(copies);
}

/* A snapshot that stays, of a pool that is none any more: its tag cannot be taken off. */
static struct replica_protect_ending ending_of_kept(void)
{
	struct replica_protect_ending ending = { .lock = -1 };
	struct replica_protect_copy *copy = &ending.copies[1];

	copy->there = true;
	copy->kept = true;
	strcpy(copy->name, "data-protect");
	strcpy(copy->uuid, REPLICA_THIN_UUID_PREFIX REPLICA_THIN_PROTECT_MARK "1-0");
	copy->lv = calloc(1, sizeof(*copy->lv));
	copy->lv->vg = strdup("/dev/sdc");
	copy->lv->name = strdup(copy->name);
	copy->lv->uuid = strdup(copy->uuid);
	return ending;
}

static void still_tagged(void)
{
	struct replica_protect_ending ending = ending_of_kept();
	struct replica_ctx *ctx = fake_ctx();
	const struct replica_error *err;
	int ret;

	ret = replica_protect_ended(ctx, &ending, true, REPLICA_SUCCESS);
	err = replica_last_error(ctx);
	CHECK(ret && err);
	CHECK_HAS(replica_error_description(err), "data-protect");
	CHECK_HAS(replica_error_description(err), REPLICA_POOL_TAG_PROTECT);
	CHECK(!ending.copies[1].there && !ending.copies[1].lv);

	/* What went wrong before comes first. */
	ending = ending_of_kept();
	ret = replica_fail(ctx, REPLICA_TIMEOUT, ETIMEDOUT, "Name", "udev is late");
	CHECK_INT(replica_protect_ended(ctx, &ending, true, ret), REPLICA_TIMEOUT);
	err = replica_last_error(ctx);
	CHECK_STR(replica_error_description(err), "udev is late");
	CHECK_HAS(replica_error_sm_details(err), REPLICA_POOL_TAG_PROTECT);

	/* A replica that has not ended still has it. */
	ending = ending_of_kept();
	ret = replica_fail(ctx, REPLICA_FAILED, EBUSY, "Name", "it is in use");
	CHECK_INT(replica_protect_ended(ctx, &ending, false, ret), REPLICA_FAILED);
	CHECK(!replica_error_sm_details(replica_last_error(ctx)));
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(names), T(beside), T(moments), T(stores), T(judges), T(marks), T(mapped),
		T(identities), T(known_legs), T(left), T(fates),
		T(still_tagged), T(needs_a_log), T(excludes), T(checks), T(replies), T(directory),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
