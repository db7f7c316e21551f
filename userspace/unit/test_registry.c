// SPDX-License-Identifier: LGPL-2.1-or-later
/* The registry: what is written is read, what is damaged is nothing, and nothing is no failure. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"
#include "ktap.h"
#include "registry.h"

#define ID	"12345678-9abc-4def-8123-456789abcdef"

static struct replica_record made(const char *name)
{
	struct replica_record record = {
		.uuid = "REPLICA-" ID, .sync_type = REPLICA_SYNC_TYPE_CLONE, .generation = 27,
		.recorded = 1700000000123,
	};

	snprintf(record.name, sizeof(record.name), "%s", name);
	return record;
}

static void round_trip(void)
{
	struct replica_record record = made("a+b=c#d"), found;
	struct replica_ctx *ctx = fake_ctx();

	fake_file("/run/x", "");
	CHECK_INT(replica_record_read(ctx, "a+b=c#d", &found), -ENOENT);
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(replica_record_read(ctx, "a+b=c#d", &found), 0);
	CHECK_STR(found.name, "a+b=c#d");
	CHECK_STR(found.uuid, "REPLICA-" ID);
	CHECK_INT(found.sync_type, REPLICA_SYNC_TYPE_CLONE);
	CHECK_INT(found.generation, 27);
	CHECK(found.recorded == 1700000000123);
	CHECK(!found.ending.begun);
	CHECK_INT(replica_record_drop(ctx, "a+b=c#d"), 0);
	CHECK_INT(replica_record_read(ctx, "a+b=c#d", &found), -ENOENT);
	CHECK_INT(replica_record_drop(ctx, "a+b=c#d"), 0);
	fake_free(ctx);
}

static void endings(void)
{
	struct replica_record record = made("r"), found;
	struct replica_ctx *ctx = fake_ctx();

	fake_file("/run/x", "");
	record.ending = (struct replica_ending){
		.begun = true, .attached = true, .association = ID, .meta = "/dev/sdc",
	};
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(replica_record_read(ctx, "r", &found), 0);
	CHECK(found.ending.begun);
	CHECK(found.ending.attached);
	CHECK_STR(found.ending.association, ID);
	CHECK_STR(found.ending.meta, "/dev/sdc");
	CHECK_STR(found.ending.target, "");
	fake_free(ctx);
}

static void damaged(void)
{
	static const char *const texts[] = {
		"", "{", "[]", "7", "{\"name\":\"r\"}", "{\"version\":2,\"name\":\"r\"}",
		"{\"version\":1}", "{\"version\":1,\"name\":\"other\"}",
		"{\"version\":1,\"name\":7}",
	};
	struct replica_ctx *ctx = fake_ctx();
	struct replica_record found;

	for (size_t i = 0; i < KTAP_COUNT(texts); i++) {
		ktap_case = texts[i];
		fake_file("/run/replica/replicas/r", texts[i]);
		CHECK(replica_record_read(ctx, "r", &found) < 0);
	}
	fake_free(ctx);
}

/* What does not fit is not there, rather than a part of it. */
static void too_long(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_record found;
	char text[400], name[300];

	memset(name, 'n', sizeof(name));
	name[299] = '\0';
	snprintf(text, sizeof(text), "{\"version\":1,\"name\":\"r\",\"uuid\":\"%s\"}", name);
	fake_file("/run/replica/replicas/r", text);
	CHECK_INT(replica_record_read(ctx, "r", &found), 0);
	CHECK_STR(found.uuid, "");
	fake_free(ctx);
}

static void lists(void)
{
	struct replica_record record = made("b");
	struct replica_ctx *ctx = fake_ctx();
	struct replica_names names;

	CHECK_INT(replica_records_list(ctx, &names), 0);
	CHECK_INT(names.count, 0);
	fake_file("/run/x", "");
	CHECK_INT(replica_record_write(ctx, &record), 0);
	record = made("a");
	CHECK_INT(replica_record_write(ctx, &record), 0);
	fake_file("/run/replica/replicas/c", "damaged");
	CHECK_INT(replica_records_list(ctx, &names), 0);
	CHECK_INT(names.count, 3);
	CHECK_STR(names.name[0], "a");
	CHECK_STR(names.name[1], "b");
	CHECK_STR(names.name[2], "c");
	replica_names_clear(&names);
	fake_free(ctx);
}

/* Where there is no /run nothing is known. */
static void nowhere(void)
{
	struct replica_record record = made("r"), found;
	struct replica_ctx *ctx = fake_ctx();

	CHECK_INT(replica_record_write(ctx, &record), -ENOENT);
	CHECK_INT(replica_record_read(ctx, "r", &found), -ENOENT);
	record = made("a/b");
	CHECK_INT(replica_record_write(ctx, &record), -EINVAL);
	record = made("..");
	CHECK_INT(replica_record_write(ctx, &record), -EINVAL);
	CHECK_INT(replica_record_drop(ctx, "."), -EINVAL);
	fake_free(ctx);
}

/* Who may not write does without; what is not whole is never seen. */
static void leaves_nothing(void)
{
	struct replica_record record = made("r"), found;
	struct replica_ctx *ctx = fake_ctx();
	char path[PATH_MAX];

	fake_file("/run/replica/replicas/r/x", "");	/* a directory in its place */
	CHECK(replica_record_write(ctx, &record) < 0);
	CHECK(replica_record_read(ctx, "r", &found) < 0);
	snprintf(path, sizeof(path), "%s/run/replica/new-%d", ctx->root, getpid());
	CHECK(access(path, F_OK) != 0);
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(round_trip), T(endings), T(damaged), T(too_long), T(lists), T(nowhere),
		T(leaves_nothing),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
