// SPDX-License-Identifier: LGPL-2.1-or-later
/* The registry: what is written is read, what is damaged is nothing, and nothing is no failure. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clone.h"
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

/* Where /run is not empty at a boot, what stands there counts as nothing. */
static void other_boot(void)
{
	const char *boot_id = "/proc/sys/kernel/random/boot_id";
	struct replica_record record = made("r"), found;
	struct replica_ctx *ctx = fake_ctx();

	fake_file("/run/x", "");
	fake_file(boot_id, "11111111-2222-4333-8444-555555555555\n");
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(replica_record_read(ctx, "r", &found), 0);
	fake_file(boot_id, "11111111-2222-4333-8444-555555555556\n");
	CHECK_INT(replica_record_read(ctx, "r", &found), -ENOENT);
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(replica_record_read(ctx, "r", &found), 0);
	fake_file("/run/replica/replicas/r", "{\"version\":1,\"name\":\"r\"}");
	CHECK_INT(replica_record_read(ctx, "r", &found), -ENOENT);
	fake_free(ctx);
}

static int mode_of(struct replica_ctx *ctx, const char *what)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s%s", ctx->root, REPLICA_REGISTRY, what);
	return lstat(path, &st) ? -errno : (int)(st.st_mode & 07777);
}

/* Everybody may read them, and root alone write, whatever umask root has. */
static void modes(void)
{
	static const mode_t masks[] = { 077, 022, 0 };
	struct replica_record record = made("r");
	struct replica_ctx *ctx = fake_ctx();
	mode_t before = umask(022);

	fake_file("/run/x", "");
	for (size_t i = 0; i < KTAP_COUNT(masks); i++) {
		umask(masks[i]);
		CHECK_INT(replica_record_write(ctx, &record), 0);
		CHECK_INT(mode_of(ctx, ""), 0755);
		CHECK_INT(mode_of(ctx, "/replicas"), 0755);
		CHECK_INT(mode_of(ctx, "/replicas/r"), 0644);
	}
	umask(before);
	fake_free(ctx);
}

/* What somebody has put where a file is on its way is not written to. */
static void in_the_way(void)
{
	struct replica_record record = made("r");
	struct replica_ctx *ctx = fake_ctx();
	char path[PATH_MAX], victim[PATH_MAX];
	struct stat st;

	fake_file("/run/replica/x", "");
	fake_file("/victim", "");
	snprintf(victim, sizeof(victim), "%s/victim", ctx->root);
	snprintf(path, sizeof(path), "%s/run/replica/new-%d", ctx->root, gettid());
	CHECK_INT(symlink(victim, path), 0);
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(stat(victim, &st), 0);
	CHECK_INT(st.st_size, 0);
	CHECK_INT(mode_of(ctx, "/replicas/r"), 0644);
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

/* Only what was not found may have been there, and only what is in the registry was. */
static void explains(void)
{
	struct replica_record record = made("r");
	struct replica_ctx *ctx = fake_ctx();
	int ret;

	fake_file("/run/x", "");
	ret = replica_fail(ctx, REPLICA_NOT_FOUND, ENODEV, "Name", "there is none");
	CHECK_INT(replica_record_explain(ctx, "r", ret), REPLICA_NOT_FOUND);
	CHECK_STR(ctx->err.description, "there is none");
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(replica_record_explain(ctx, "other", ret), REPLICA_NOT_FOUND);
	CHECK_INT(replica_record_explain(ctx, "r", REPLICA_TIMEOUT), REPLICA_TIMEOUT);
	CHECK_INT(replica_record_explain(ctx, "r", REPLICA_SUCCESS), REPLICA_SUCCESS);
	replica_error_kernel(ctx, "what the kernel said");
	CHECK_INT(replica_record_explain(ctx, "r", ret), REPLICA_CACHE_OUT_OF_DATE);
	CHECK_HAS(ctx->err.description, "replicactl discover");
	CHECK_STR(ctx->err.parameter, "Name");
	CHECK_STR(ctx->err.message, "what the kernel said");
	CHECK_INT(ctx->err.sm_source, REPLICA_SOURCE_KERNEL);
	record.ending.begun = true;
	CHECK_INT(replica_record_write(ctx, &record), 0);
	CHECK_INT(replica_record_explain(ctx, "r", ret), REPLICA_CACHE_OUT_OF_DATE);
	CHECK_HAS(ctx->err.description, "replicactl finish r");
	fake_free(ctx);
}

/* ------------------------------------------------------------------------ */
/* Clones */

/* What is erased by it is found by the whole of it. */
static void associations(void)
{
	static const char *const bad[] = {
		"", "12345678-9abc-4def-8123-456789abcde", ID "0",
		"12345678-9abc-4def-8123-456789abcdeF", "123456789-abc-4def-8123-456789abcdef",
		"12345678-9abc-4def-8123456789abcdef-", "------------------------------------",
		"12345678-9abc-4def-8123-45678-abcdef", "123456789abc04def081230456789abcdef0",
	};
	struct replica_attached attached = { .attached = false };
	struct replica_info info = { .uuid = (char *)"REPLICA-" ID };
	uint8_t uuid[16];
	char text[64];

	CHECK(replica_clone_association(&info, &attached, uuid));
	CHECK_INT(uuid[0], 0x12);
	CHECK_INT(uuid[4], 0x9a);
	CHECK_INT(uuid[15], 0xef);
	info.uuid = text;
	for (size_t i = 0; i < KTAP_COUNT(bad); i++) {
		ktap_case = bad[i];
		snprintf(text, sizeof(text), "REPLICA-%s", bad[i]);
		CHECK(!replica_clone_association(&info, &attached, uuid));
	}
}

static bool ends_itself(struct replica_ctx *ctx, char *name, bool waits)
{
	struct replica_info info = { .name = name, .sync_type = REPLICA_SYNC_TYPE_CLONE };

	replica_clone_made(ctx, &info, waits);
	return info.ends_itself;
}

/* The unit of a name has 26 characters more, and three for one that it cannot have. */
static void units(void)
{
	struct replica_ctx *ctx = fake_ctx();
	char name[DM_REPLICA_NAME_LEN];
	struct replica_info own = {	/* of who waited, saw his own claim, and goes */
		.name = (char *)"r", .sync_type = REPLICA_SYNC_TYPE_CLONE, .ends_itself = true,
	};

	fake_file("/run/udev/control", "");
	fake_file("/usr/lib/systemd/system/dm-replica-finish@.service", "[Unit]\n");
	replica_clone_left(ctx, &own);
	CHECK(!own.ends_itself);
	CHECK(!ends_itself(ctx, (char *)"r", false));
	fake_file("/run/systemd/system/x", "");
	CHECK(ends_itself(ctx, (char *)"r", false));
	CHECK(!ends_itself(ctx, (char *)"r", true));
	replica_clone_left(ctx, &own);
	CHECK(own.ends_itself);
	memset(name, 'n', sizeof(name));
	name[127] = '\0';
	CHECK(ends_itself(ctx, name, false));
	memset(name, '+', 51);			/* 51 * 3 + 76 + 26 */
	CHECK(ends_itself(ctx, name, false));
	name[51] = '+';
	CHECK(!ends_itself(ctx, name, false));
	fake_free(ctx);
}

/* ------------------------------------------------------------------------ */
/* Jobs */

static void keep(struct replica_ctx *ctx, const char *name, uint32_t id, uint32_t type,
		 uint32_t state)
{
	const struct replica_job job = {
		.name = (char *)name, .id = id, .type = type, .state = state, .percent = 42,
		.bytes_done = 1ULL << 40, .bytes_total = 1ULL << 41,
		.start_time = 1700000000000 + id, .elapsed_ms = 1234,
		.error_code = 4, .error_text = (char *)"a reason", .differs = 512,
		.offloaded = 1024,
	};

	replica_ended_job_write(ctx, &job, true);
}

static void job_round_trip(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_job *jobs = NULL;

	fake_file("/run/x", "");
	keep(ctx, "1.a", 7, DM_REPLICA_JOB_VERIFY, DM_REPLICA_JOB_EXCEPTION);
	replica_ended_jobs_add(ctx, "1.a", &jobs);
	if (CHECK(jobs && !jobs->next)) {
		CHECK_STR(jobs->name, "1.a");
		CHECK_INT(jobs->id, 7);
		CHECK_INT(jobs->type, DM_REPLICA_JOB_VERIFY);
		CHECK_INT(jobs->state, DM_REPLICA_JOB_EXCEPTION);
		CHECK_INT(jobs->percent, 42);
		CHECK(jobs->bytes_done == 1ULL << 40);
		CHECK(jobs->bytes_total == 1ULL << 41);
		CHECK(jobs->start_time == 1700000000007);
		CHECK_INT(jobs->elapsed_ms, 1234);
		CHECK_INT(jobs->error_code, 4);
		CHECK_STR(jobs->error_text, "a reason");
		CHECK_INT(jobs->differs, 512);
		CHECK_INT(jobs->offloaded, 1024);
		CHECK(jobs->replica_ended > 1700000000000);
		CHECK_INT(jobs->kept_ms, REPLICA_JOB_KEPT_MS);
	}
	replica_job_free(jobs);
	jobs = NULL;
	replica_ended_jobs_add(ctx, "a", &jobs);
	CHECK(!jobs);
	fake_free(ctx);
}

/* One that ran when its replica was ended did not complete; what made a copy is kept longer. */
static void job_kinds(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_job *jobs = NULL;

	fake_file("/run/x", "");
	keep(ctx, "r", 1, DM_REPLICA_JOB_CLONE, DM_REPLICA_JOB_RUNNING);
	replica_ended_jobs_add(ctx, NULL, &jobs);
	if (CHECK(jobs && !jobs->next)) {
		CHECK_INT(jobs->state, DM_REPLICA_JOB_TERMINATED);
		CHECK_HAS(jobs->error_text, "was ended while");
		CHECK_INT(jobs->kept_ms, REPLICA_JOB_KEPT_COPY_MS);
	}
	replica_job_free(jobs);
	CHECK(!replica_ended_clone(ctx, "r"));
	keep(ctx, "r", 1, DM_REPLICA_JOB_CLONE, DM_REPLICA_JOB_COMPLETED);
	CHECK(replica_ended_clone(ctx, "r"));
	CHECK(!replica_ended_clone(ctx, "other"));
	fake_free(ctx);
}

/* One that was taken down, or removed, was not finished, however complete it was. */
static void job_not_finished(void)
{
	struct replica_job job = {
		.name = (char *)"r", .id = 1, .type = DM_REPLICA_JOB_CLONE,
		.state = DM_REPLICA_JOB_COMPLETED,
	};
	struct replica_ctx *ctx = fake_ctx();

	fake_file("/run/x", "");
	replica_ended_job_write(ctx, &job, false);
	CHECK(!replica_ended_clone(ctx, "r"));
	replica_ended_job_write(ctx, &job, true);
	CHECK(replica_ended_clone(ctx, "r"));
	replica_ended_job_write(ctx, &job, false);
	CHECK(!replica_ended_clone(ctx, "r"));
	fake_free(ctx);
}

/* What the name had last decides. */
static void job_of_another(void)
{
	struct replica_ctx *ctx = fake_ctx();

	fake_file("/run/x", "");
	keep(ctx, "r", 1, DM_REPLICA_JOB_CLONE, DM_REPLICA_JOB_COMPLETED);
	usleep(3000);
	keep(ctx, "r", 2, DM_REPLICA_JOB_RESYNC, DM_REPLICA_JOB_COMPLETED);
	CHECK(!replica_ended_clone(ctx, "r"));
	fake_free(ctx);
}

/* The kernel's own count; a later job of that number does not hide one that ended. */
static void job_twice(void)
{
	struct replica_job kernel = { .name = (char *)"r", .id = 1, .start_time = 1700000000001 };
	struct replica_ctx *ctx = fake_ctx();
	struct replica_job *jobs = &kernel;

	fake_file("/run/x", "");
	keep(ctx, "r", 1, DM_REPLICA_JOB_RESYNC, DM_REPLICA_JOB_COMPLETED);
	replica_ended_jobs_add(ctx, "r", &jobs);
	CHECK(jobs == &kernel && !kernel.next);
	kernel.start_time++;
	replica_ended_jobs_add(ctx, "r", &jobs);
	if (CHECK(jobs != &kernel && jobs->next == &kernel)) {
		CHECK(jobs->replica_ended);
		jobs->next = NULL;
		replica_job_free(jobs);
	}
	fake_free(ctx);
}

static bool has_file(struct replica_ctx *ctx, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/run/replica/jobs/%s", ctx->root, file);
	return !access(path, F_OK);
}

static void job_over(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_job *jobs = NULL;

	fake_file("/run/x", "");
	fake_file("/run/replica/jobs/1.old", "{\"version\":1,\"name\":\"old\",\"id\":1,\"ended\":5,\"ended_boot_ms\":1,\"kept_ms\":1}");
	fake_file("/run/replica/jobs/1.bad", "{\"version\":1,\"name\":7}");
	keep(ctx, "new", 1, DM_REPLICA_JOB_RESYNC, DM_REPLICA_JOB_COMPLETED);
	CHECK(!has_file(ctx, "1.old"));
	CHECK(!has_file(ctx, "1.bad"));
	replica_ended_jobs_add(ctx, NULL, &jobs);
	CHECK(jobs && !jobs->next);
	replica_job_free(jobs);
	fake_free(ctx);
}

/* However many come, the last 256 stay. */
static void job_bound(void)
{
	struct replica_ctx *ctx = fake_ctx();
	struct replica_job *jobs = NULL;
	int count = 0;

	fake_file("/run/x", "");
	keep(ctx, "first", 1, DM_REPLICA_JOB_RESYNC, DM_REPLICA_JOB_COMPLETED);
	usleep(3000);
	for (uint32_t id = 1; id <= 256; id++)
		keep(ctx, "r", id, DM_REPLICA_JOB_RESYNC, DM_REPLICA_JOB_COMPLETED);
	replica_ended_jobs_add(ctx, NULL, &jobs);
	for (const struct replica_job *job = jobs; job; job = job->next)
		count++;
	CHECK_INT(count, 256);
	CHECK(!has_file(ctx, "1.first"));
	replica_job_free(jobs);
	fake_free(ctx);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(round_trip), T(endings), T(damaged), T(other_boot), T(modes), T(in_the_way),
		T(too_long), T(lists), T(nowhere),
		T(leaves_nothing), T(explains), T(associations), T(units),
		T(job_round_trip), T(job_kinds),
		T(job_not_finished), T(job_of_another), T(job_twice),
		T(job_over), T(job_bound),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
