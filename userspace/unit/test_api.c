// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the public functions refuse before they need a kernel. */
#include <errno.h>
#include <unistd.h>

#include "fake.h"
#include "ktap.h"

static struct replica_ctx *ctx;
static struct replica_create_args args;

static void reset_args(void)
{
	memset(&args, 0, sizeof(args));
	args.size = sizeof(args);
	args.source = "/dev/sda";
	args.sync_type = REPLICA_SYNC_TYPE_MIRROR;
	args.target_storage_volume = "/dev/sdb";
}

static void expect(int ret, const char *parameter)
{
	struct replica_create_result *result = (void *)1;
	const struct replica_error *err;

	CHECK_INT(replica_create_replica(ctx, &args, &result), ret);
	CHECK(!result);
	err = replica_last_error(ctx);
	if (!CHECK(err))
		return;
	CHECK_INT(replica_error_status_code(err), ret);
	CHECK_STR(replica_error_operation(err), "CreateReplica");
	CHECK_STR(replica_error_parameter_info(err), parameter);
	CHECK(strlen(replica_error_description(err)) > 10);
}

static void says(const char *words)
{
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), words);
}

static void sync_types(void)
{
	static const uint32_t bad[] = { 0, 5, 10, 32767, 65536, ~0u };
	static const uint32_t unsupported[] = { 32768, 65535 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		reset_args();
		args.sync_type = bad[i];
		expect(REPLICA_INVALID_PARAMETER, "SyncType");
		says("is a reserved value");
	}
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		reset_args();
		args.sync_type = unsupported[i];
		expect(REPLICA_NOT_SUPPORTED, "SyncType");
		says("is not supported");
	}
}

/* What a mirror has and a snapshot has not. */
static void snapshots(void)
{
	struct replica_settings payload = {
		.present = REPLICA_SETTING_PAYLOAD, .payload = DM_REPLICA_PAYLOAD_COPY,
	};

#define SNAPSHOT(member, value, ret, parameter) do { \
		reset_args(); \
		args.sync_type = REPLICA_SYNC_TYPE_SNAPSHOT; \
		args.member = value; \
		expect(ret, parameter); \
	} while (0)
	SNAPSHOT(mode, DM_REPLICA_MODE_ASYNC, REPLICA_NOT_SUPPORTED, "Mode");
	SNAPSHOT(mode, DM_REPLICA_MODE_ADAPTIVE, REPLICA_NOT_SUPPORTED, "Mode");
	SNAPSHOT(mode, 1, REPLICA_INVALID_PARAMETER, "Mode");
	SNAPSHOT(replication_settings, &payload, REPLICA_INVALID_PARAMETER, "ReplicationSettings");
	SNAPSHOT(recovery_point_objective, 1, REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	SNAPSHOT(meta, "/dev/sdy", REPLICA_INVALID_PARAMETER, "MetaDevice");
	SNAPSHOT(skip_initial_copy, true, REPLICA_INVALID_PARAMETER, "SkipInitialCopy");
	SNAPSHOT(wait_for_copy_state, DM_REPLICA_STATE_SPLIT, REPLICA_INVALID_PARAMETER,
		 "WaitForCopyState");
	SNAPSHOT(target_storage_volume, NULL, REPLICA_INVALID_PARAMETER, "TargetStorageVolume");
	SNAPSHOT(target_storage_system, "host", REPLICA_NOT_SUPPORTED, "TargetStorageSystem");
	SNAPSHOT(username, "me", REPLICA_NOT_SUPPORTED, "username");
	SNAPSHOT(source, NULL, REPLICA_INVALID_PARAMETER, "Source");
#undef SNAPSHOT
}

/* What contradicts a copy of one instant. */
static void clones(void)
{
	struct replica_settings settings = { .present = REPLICA_SETTING_RPO, .rpo_ms = 500 };

	for (uint32_t mode = 3; mode <= 4; mode++) {
		reset_args();
		args.sync_type = REPLICA_SYNC_TYPE_CLONE;
		args.mode = mode;
		expect(REPLICA_NOT_SUPPORTED, "Mode");
	}
	reset_args();
	args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	args.mode = 1;
	expect(REPLICA_INVALID_PARAMETER, "Mode");
	reset_args();
	args.sync_type = REPLICA_SYNC_TYPE_CLONE;
	args.recovery_point_objective = 5;
	expect(REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	args.recovery_point_objective = 0;
	args.replication_settings = &settings;
	expect(REPLICA_INVALID_PARAMETER, "rpo");
	args.replication_settings = NULL;
	args.skip_initial_copy = true;
	expect(REPLICA_INVALID_PARAMETER, "SkipInitialCopy");
}

static void modes(void)
{
	static const uint32_t bad[] = { 1, 6, 32767, 65536 };
	static const uint32_t unsupported[] = { 5, 32768 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		reset_args();
		args.mode = bad[i];
		expect(REPLICA_INVALID_PARAMETER, "Mode");
		says("is a reserved value");
	}
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		reset_args();
		args.mode = unsupported[i];
		expect(REPLICA_NOT_SUPPORTED, "Mode");
		says("is not supported");
	}
}

/* The table that a dry run ends with has those words. */
static void table_has(const char *mode, const char *feature)
{
	struct replica_create_result *result = NULL;

	args.dry_run = true;
	args.element_name = "new";
	args.source = "/dev/sdx";
	args.target_storage_volume = "/dev/sdy";
	CHECK_INT(replica_create_replica(ctx, &args, &result), 0);
	if (CHECK(result && result->table)) {
		CHECK_HAS(result->table, mode);
		CHECK_HAS(result->table, feature);
	}
	replica_create_result_free(result);
}

static void modes_of_tables(void)
{
	const struct replica_settings same = {
		.present = REPLICA_SETTING_RPO | REPLICA_SETTING_MAX_SKEW,
		.rpo_ms = 15000, .max_skew = 4096,
	};

	reset_args();
	table_has(" sync ", "");		/* the system chooses */
	args.mode = DM_REPLICA_MODE_SYNC;
	table_has(" sync 0", "");
	args.mode = DM_REPLICA_MODE_ASYNC;
	table_has(" async 0", "");		/* without an objective */
	args.recovery_point_objective = 86400;
	table_has(" async ", "rpo 86400000");
	args.recovery_point_objective = 0;
	args.rpo_ms = 500;
	table_has(" async ", "rpo 500");
	args.rpo_ms = 15000;			/* and 15 s: the same */
	args.mode = DM_REPLICA_MODE_ADAPTIVE;
	args.recovery_point_objective = 15;
	args.replication_settings = &same;	/* both ways, and equal */
	table_has(" adaptive ", "rpo 15000 max_skew 4096");
	args.rpo_ms = 0;
	args.recovery_point_objective = 0;
	args.mode = DM_REPLICA_MODE_SYNC;	/* kept for a mode to come */
	table_has(" sync ", "rpo 15000");
}

static void places(void)
{
	static const char *const local[] = { "localhost", "LocalHost", "0123abcd" };
	char host[256] = "";

	fake_file("/etc/machine-id", "0123abcd\n");
	gethostname(host, sizeof(host) - 1);
	reset_args();
	args.target_storage_system = "other.example.org";
	expect(REPLICA_NOT_SUPPORTED, "TargetStorageSystem");
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "other.example.org");
	args.target_storage_system = "";
	expect(REPLICA_NOT_SUPPORTED, "TargetStorageSystem");
	for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
		args.target_storage_system = local[i];
		table_has(" sync 0", "");
	}
	args.target_storage_system = host;
	table_has(" sync 0", "");
	reset_args();
	args.password = "secret";
	expect(REPLICA_NOT_SUPPORTED, "password");
	CHECK(!strstr(replica_error_description(replica_last_error(ctx)), "secret"));
	reset_args();
	args.target_storage_volume = NULL;
	expect(REPLICA_INVALID_PARAMETER, "TargetStorageVolume");
	args.target_storage_pool = "v g";
	args.skip_initial_copy = true;
	expect(REPLICA_INVALID_PARAMETER, "SkipInitialCopy");
	args.skip_initial_copy = false;
	args.target_storage_pool = NULL;
	args.target_storage_volume = "/dev/b";
	args.meta = REPLICA_META_FROM_POOL;
	expect(REPLICA_INVALID_PARAMETER, "MetaDevice");
	reset_args();
	args.source = NULL;
	expect(REPLICA_INVALID_PARAMETER, "Source");
}

/* Every property of the peer of a target. */
static void peer(void)
{
	struct replica_create_result *result = NULL;
	const struct replica_peer *p;
	char host[256] = "";

	fake_file("/etc/machine-id", "0123abcd\n");
	gethostname(host, sizeof(host) - 1);
	reset_args();
	args.dry_run = true;
	args.element_name = "new";
	args.source = "/dev/sdx";
	args.target_storage_volume = "/dev/sdy";
	CHECK_INT(replica_create_replica(ctx, &args, &result), 0);
	if (!CHECK(result))
		return;
	p = &result->peer;
	CHECK_STR(p->identifier, result->uuid);
	CHECK_HAS(p->object_id, result->uuid);
	CHECK_INT(p->object_type, 4);
	CHECK_STR(p->object_name, "/dev/sdy");
	CHECK_STR(p->unique_id, "4000:771");
	CHECK_STR(p->peer_object_id, "0123abcd/4000:771");
	CHECK_STR(p->system_name, host);
	CHECK(!p->provider_uri);
	CHECK(!p->is_cim_replication_entity_based);
	CHECK(!p->is_primary);
	CHECK_STR(p->element.device, "/dev/sdy");
	CHECK_STR(p->element.device_number, "4000:771");
	CHECK_INT(p->element.size, 1 << 20);
	replica_create_result_free(result);
}

/* What tells a target from any other: what its maker gave it, or device-mapper, or its number. */
static void unique_ids(void)
{
	static const struct {
		const char *attr;
		const char *value;
		const char *id;
	} steps[] = {
		{ "ro", "0\n", "4000:772" },
		{ "device/wwid", "\n", "4000:772" },
		{ "device/wwid", "naa.5000c500a1b2c3d4\n", "naa.5000c500a1b2c3d4" },
		{ "wwid", "eui.0025385b71b01234\n", "eui.0025385b71b01234" },
		{ "dm/uuid", "LVM-abc\n", "LVM-abc" },
	};
	struct replica_create_result *result;
	char peer_id[64];

	fake_file("/etc/machine-id", "0123abcd\n");
	reset_args();
	args.dry_run = true;
	args.source = "/dev/sdx";
	args.target_storage_volume = "/dev/sdz";
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		ktap_case = steps[i].id;
		fake_attr("sdz", steps[i].attr, steps[i].value);
		snprintf(peer_id, sizeof(peer_id), "0123abcd/%s", steps[i].id);
		CHECK_INT(replica_create_replica(ctx, &args, &result), 0);
		if (CHECK(result)) {
			CHECK_STR(result->peer.unique_id, steps[i].id);
			CHECK_STR(result->peer.peer_object_id, peer_id);
		}
		replica_create_result_free(result);
	}
	ktap_case = NULL;
}

static void rest(void)
{
	struct replica_settings settings = {
		.present = REPLICA_SETTING_REGION_SIZE, .region_size = 7,
	};
	struct replica_settings log_settings = {
		.present = REPLICA_SETTING_ACTIVITY, .activity = 512,
	};

	struct replica_settings rpo_settings = {
		.present = REPLICA_SETTING_RPO, .rpo_ms = 1000,
	};

	reset_args();
	args.recovery_point_objective = 1;
	expect(REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	args.mode = DM_REPLICA_MODE_ASYNC;
	args.recovery_point_objective = 86401;
	expect(REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	args.recovery_point_objective = 2;
	args.replication_settings = &rpo_settings;	/* another one */
	expect(REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	args.replication_settings = NULL;
	args.rpo_ms = 2500;
	expect(REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	args.recovery_point_objective = 0;
	args.rpo_ms = 99;
	expect(REPLICA_INVALID_PARAMETER, "RecoveryPointObjective");
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "0.099 s");
	reset_args();
	args.replication_settings = &settings;
	expect(REPLICA_INVALID_PARAMETER, "region_size");
	reset_args();
	args.replication_settings = &log_settings;	/* and no meta device */
	expect(REPLICA_INVALID_PARAMETER, "activity");
	reset_args();
	args.wait_for_copy_state = DM_REPLICA_STATE_INACTIVE;
	expect(REPLICA_NOT_SUPPORTED, "WaitForCopyState");
	reset_args();
	args.wait_for_copy_state = DM_REPLICA_STATE_BROKEN;
	expect(REPLICA_INVALID_PARAMETER, "WaitForCopyState");
	reset_args();
	args.size = 8;
	expect(REPLICA_INVALID_PARAMETER, "size");
}

/* No more may be queued than there is memory for. */
static void room(void)
{
	struct replica_settings s = {
		.present = REPLICA_SETTING_QUEUE_BYTES, .queue_bytes = 64 << 20,
	};

	fake_file("/proc/meminfo", "Active: 1 kB\nMemTotal:       131071 kB\nMemFree: 1 kB\n");
	reset_args();
	args.replication_settings = &s;
	expect(REPLICA_NO_RESOURCES, "queue_bytes");
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "134216704 bytes");
	CHECK_INT(replica_set(ctx, "r", &s), REPLICA_NO_RESOURCES);
	fake_file("/proc/meminfo", "MemTotal:       131072 kB\n");
	table_has("queue_bytes 67108864", "");
	fake_file("/proc/meminfo", "nonsense\n");
	table_has("queue_bytes 67108864", "");
}

static void fails(int got, int ret, const char *parameter)
{
	const struct replica_error *err = replica_last_error(ctx);

	CHECK_INT(got, ret);
	if (CHECK(err))
		CHECK_STR(replica_error_parameter_info(err), parameter);
}

static void names(void)
{
	struct replica_info *info = (void *)1;
	struct replica_job *job = (void *)1;
	char long_name[200];

	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	fails(replica_get(ctx, "", &info), REPLICA_INVALID_PARAMETER, "Name");
	CHECK(!info);
	fails(replica_get(ctx, NULL, &info), REPLICA_INVALID_PARAMETER, "Name");
	fails(replica_get(ctx, long_name, &info), REPLICA_INVALID_PARAMETER, "Name");
	fails(replica_get(ctx, "/dev/none", &info), REPLICA_NOT_FOUND, "Name");
	fails(replica_get(ctx, "/dev/sda", &info), REPLICA_NOT_FOUND, "Name");
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "not a mapped device");
	fails(replica_job_get(ctx, "r", 0, &job), REPLICA_INVALID_PARAMETER,
	      "JobID");
	CHECK(!job);
	fails(replica_job_cancel(ctx, "r", 0), REPLICA_INVALID_PARAMETER, "JobID");
	fails(replica_remove(ctx, ""), REPLICA_INVALID_PARAMETER, "Name");
	fails(replica_detach(ctx, "", false, 0), REPLICA_INVALID_PARAMETER, "Name");
}

static void settings(void)
{
	struct replica_settings s = { .present = 0 };

	fails(replica_set(ctx, "r", &s), REPLICA_INVALID_PARAMETER,
	      "ReplicationSettings");
	s.present = REPLICA_SETTING_REGION_SIZE;
	s.region_size = 4096;
	fails(replica_set(ctx, "r", &s), REPLICA_INVALID_PARAMETER, "region_size");
	s.present = REPLICA_SETTING_ACTIVITY;
	s.activity = 512;
	fails(replica_set(ctx, "r", &s), REPLICA_INVALID_PARAMETER, "activity");
	s.present = REPLICA_SETTING_DISCARD;
	s.discard = REPLICA_DISCARD_OFF;
	fails(replica_set(ctx, "r", &s), REPLICA_INVALID_PARAMETER, "discard");
	s.present = REPLICA_SETTING_REPLICA_TIMEOUT;
	s.replica_timeout_ms = 5;
	fails(replica_set(ctx, "r", &s), REPLICA_INVALID_PARAMETER,
	      "replica_timeout");
}

static void counters(void)
{
	struct replica_counters c = { .reads = 1, .write_bytes = 4, .offloaded_bytes = 28 };
	const char *name, *last = "";
	uint64_t value;
	size_t n;

	for (n = 0; !replica_counter_entry(&c, n, &name, &value); n++) {
		if (strcmp(name, "reads") == 0)
			CHECK_INT(value, 1);
		else if (strcmp(name, "write_bytes") == 0)
			CHECK_INT(value, 4);
		else if (strcmp(name, "offloaded_bytes") != 0)
			CHECK_INT(value, 0);
		last = name;
	}
	CHECK_INT(n, 28);
	CHECK_STR(last, "offloaded_bytes");
	CHECK_INT(value, 28);
}

/* "Names" that udev, libdevmapper or a shell would choke on. */
static void name_faults(void)
{
	static const char *const bad[] = {
		"", ".", "..", "control", "a/b", "a b", "a\nb", "-a", "a\\x20b",
		"\xc3\xa4", "a*", "a;b", "$a",
	};
	static const char *const good[] = { "a", "db-replica", "vg-lv_1.2:3=4@5+6#" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ktap_case = bad[i];
		CHECK(replica_name_fault(bad[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ktap_case = good[i];
		CHECK(!replica_name_fault(good[i]));
	}
}

static void generated_names(void)
{
	char name[DM_REPLICA_NAME_LEN], stem[300];

	CHECK_INT(replica_name_generate(ctx, "sda", name), 0);
	CHECK_STR(name, "sda-replica-2");	/* the first is taken */
	CHECK_INT(replica_name_generate(ctx, "cciss/c0 d0", name), 0);
	CHECK_STR(name, "cciss_c0_d0-replica");
	memset(stem, 'x', sizeof(stem) - 1);
	stem[sizeof(stem) - 1] = '\0';
	CHECK_INT(replica_name_generate(ctx, stem, name), 0);
	CHECK(!replica_name_fault(name));
}

static void null_is_freed(void)
{
	replica_job_free(NULL);
	replica_info_free(NULL);
	replica_finding_free(NULL);
	replica_create_result_free(NULL);
	replica_capabilities_free(NULL);
	replica_event_free(NULL);
	replica_monitor_free(NULL);
	CHECK_STR(replica_version(), "1.0.0");
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(sync_types), T(snapshots), T(clones), T(modes), T(modes_of_tables), T(places),
		T(peer), T(unique_ids), T(rest), T(room), T(names), T(settings),
		T(counters), T(name_faults), T(generated_names), T(null_is_freed),
	};
	int r;

	ctx = fake_ctx();
	fake_disk("sda", "8:0", 1 << 20);
	/* Numbers that no replica of this system has. */
	fake_disk("sdx", "4000:770", 1 << 20);
	fake_disk("sdy", "4000:771", 1 << 20);
	fake_disk("sdz", "4000:772", 1 << 20);
	fake_dm("dm-0", "253:0", 1 << 20, "sda-replica");
	r = ktap_run(tests, KTAP_COUNT(tests));
	fake_free(ctx);
	return r;
}
