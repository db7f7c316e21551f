// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ktap.h"
#include "random.h"
#include "replica-private.h"

static struct replica_ctx *ctx;

static int parse(const char *text, struct replica_settings *s)
{
	memset(s, 0, sizeof(*s));
	return replica_settings_parse(ctx, text, s);
}

static void all_keys(void)
{
	struct replica_settings s;

	CHECK_INT(parse("payload=shared,on_replica_error=stop,recovery=manual", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "resync_rate=100,replica_timeout=500ms", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "region_size=1M,discard=passdown", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "on_meta_error=stop,activity=512", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "queue_bytes=8M,rpo=500ms,overflow=track", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "max_skew=1M,copy_priority=urgent", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "protect=snapshot", &s), 0);
	CHECK(!replica_last_error(ctx));
	CHECK_INT(s.present, 0x3fff | REPLICA_SETTING_PROTECT);
	CHECK_INT(s.protect, DM_REPLICA_PROTECT_SNAPSHOT);
	CHECK_INT(s.copy_priority, DM_REPLICA_PRIORITY_URGENT);
	CHECK_INT(s.queue_bytes, 8 << 20);
	CHECK_INT(s.rpo_ms, 500);
	CHECK_INT(s.overflow, DM_REPLICA_OVERFLOW_TRACK);
	CHECK_INT(s.max_skew, 1 << 20);
	CHECK_INT(s.payload, DM_REPLICA_PAYLOAD_SHARED);
	CHECK_INT(s.on_replica_error, DM_REPLICA_ON_ERROR_STOP);
	CHECK_INT(s.recovery, DM_REPLICA_RECOVERY_MANUAL);
	CHECK_INT(s.resync_rate, 100);
	CHECK_INT(s.replica_timeout_ms, 500);
	CHECK_INT(s.region_size, 1 << 20);
	CHECK_INT(s.discard, REPLICA_DISCARD_PASSDOWN);
	CHECK_INT(s.on_meta_error, DM_REPLICA_ON_META_STOP);
	CHECK_INT(s.activity, 512);
}

static void cim_names(void)
{
	struct replica_settings s;

	CHECK_INT(parse("FailedCopyStopsHostIO=true,CopyRecoveryMode=3", &s), 0);
	CHECK_INT(s.present, REPLICA_SETTING_ON_REPLICA_ERROR |
		  REPLICA_SETTING_RECOVERY);
	CHECK_INT(s.on_replica_error, DM_REPLICA_ON_ERROR_STOP);
	CHECK_INT(s.recovery, DM_REPLICA_RECOVERY_MANUAL);
	CHECK_INT(parse("FailedCopyStopsHostIO=false,CopyRecoveryMode=2", &s), 0);
	CHECK_INT(s.on_replica_error, DM_REPLICA_ON_ERROR_TRACK);
	CHECK_INT(s.recovery, DM_REPLICA_RECOVERY_AUTOMATIC);
	CHECK_INT(parse("CopyRecoveryMode=4,CopyPriority=4", &s), 0);
	CHECK_INT(s.present, REPLICA_SETTING_RECOVERY | REPLICA_SETTING_COPY_PRIORITY);
	CHECK_INT(s.recovery, DM_REPLICA_RECOVERY_AUTOMATIC);
	CHECK_INT(s.copy_priority, DM_REPLICA_PRIORITY_URGENT);
	CHECK_INT(parse("copy_priority=low,CopyPriority=1", &s), 0);
	CHECK_INT(parse("DesiredRPO=00000000000015.250000:000,MaximumSkew=4096", &s), 0);
	CHECK_INT(s.present, REPLICA_SETTING_RPO | REPLICA_SETTING_MAX_SKEW);
	CHECK_INT(s.rpo_ms, 15250);
	CHECK_INT(s.max_skew, 4096);
	CHECK_INT(parse("DesiredRPO=00000001000000.000000:000", &s), 0);
	CHECK_INT(s.rpo_ms, 86400000);
	CHECK_INT(parse("rpo=15s,DesiredRPO=00000000000015.000000:000", &s), 0);
}

static void edges(void)
{
	struct replica_settings s;

	CHECK_INT(parse("replica_timeout=0", &s), 0);
	CHECK_INT(s.present, REPLICA_SETTING_REPLICA_TIMEOUT);
	CHECK_INT(parse("replica_timeout=100", &s), 0);
	CHECK_INT(s.replica_timeout_ms, 100);
	CHECK_INT(parse("replica_timeout=1h", &s), 0);
	CHECK_INT(s.replica_timeout_ms, 3600000);
	CHECK_INT(parse("resync_rate=auto", &s), 0);
	CHECK_INT(s.resync_rate, 0);
	CHECK_INT(parse("resync_rate=1000000", &s), 0);
	CHECK_INT(parse("region_size=4K", &s), 0);
	CHECK_INT(parse("region_size=512M", &s), 0);
	CHECK_INT(parse("payload=copy,payload=copy", &s), 0);
	CHECK_INT(parse("recovery=manual,CopyRecoveryMode=3", &s), 0);
	CHECK_INT(parse("queue_bytes=4M,max_skew=0,rpo=0,overflow=fail", &s), 0);
	CHECK_INT(s.queue_bytes, DM_REPLICA_QUEUE_MIN);
	CHECK_INT(s.present & REPLICA_SETTING_MAX_SKEW, REPLICA_SETTING_MAX_SKEW);
	CHECK_INT(parse("queue_bytes=2G,max_skew=2G,rpo=1d", &s), 0);
	CHECK_INT(s.queue_bytes, DM_REPLICA_QUEUE_MAX);
	CHECK_INT(s.max_skew, DM_REPLICA_QUEUE_MAX);
	CHECK_INT(s.rpo_ms, DM_REPLICA_RPO_MAX_MS);
	CHECK_INT(parse("rpo=100", &s), 0);
	CHECK_INT(s.rpo_ms, DM_REPLICA_RPO_MIN_MS);
	CHECK_INT(parse("max_skew=1M,MaximumSkew=1048576", &s), 0);
}

static const struct {
	const char *text;
	const char *parameter;
} refusals[] = {
	{ "payload=both", "payload" }, { "payload=", "payload" },
	{ "payload=Copy", "payload" }, { "payload=1", "payload" },
	{ "payload", "payload" }, { "nonsense=1", "nonsense" },
	{ "Payload=copy", "Payload" }, { "=1", "" },
	{ "replica_timeout=99ms", "replica_timeout" },
	{ "replica_timeout=2h", "replica_timeout" },
	{ "replica_timeout=4294967396", "replica_timeout" },
	{ "replica_timeout=-1", "replica_timeout" },
	{ "resync_rate=0", "resync_rate" },
	{ "resync_rate=1000001", "resync_rate" },
	{ "resync_rate=1M", "resync_rate" },
	{ "resync_rate=4294967297", "resync_rate" },
	{ "region_size=3M", "region_size" },
	{ "region_size=2K", "region_size" },
	{ "region_size=1G", "region_size" },
	{ "region_size=0", "region_size" },
	{ "discard=on", "discard" }, { "discard=zero,discard=off", "discard" },
	{ "on_meta_error=track", "on_meta_error" },
	{ "activity=511", "activity" }, { "activity=65537", "activity" },
	{ "activity=4294967808", "activity" }, { "activity=1K", "activity" },
	{ "protect=", "protect" }, { "protect=2", "protect" }, { "protect=Snapshot", "protect" },
	{ "protect=none,protect=snapshot", "protect" },
	{ "CopyPriority=5", "CopyPriority" }, { "CopyPriority=low", "CopyPriority" },
	{ "CopyPriority=", "CopyPriority" }, { "copy_priority=1", "copy_priority" },
	{ "copy_priority=high,CopyPriority=1", "CopyPriority" },
	{ "recovery=manual,CopyRecoveryMode=4", "CopyRecoveryMode" },
	{ "MaximumSkew=3G", "MaximumSkew" },
	{ "DesiredRPO=15", "DesiredRPO" },
	{ "DesiredRPO=00000000000015.000000:001", "DesiredRPO" },
	{ "DesiredRPO=00000000006015.000000:000", "DesiredRPO" },
	{ "DesiredRPO=00000000000000.000500:000", "DesiredRPO" },	/* not none */
	{ "DesiredRPO=00000000000000.099000:000", "DesiredRPO" },
	{ "DesiredRPO=0000000000015.0000000:000", "DesiredRPO" },
	{ "DesiredRPO=00000000000015.00000:0000", "DesiredRPO" },
	{ "DesiredRPO=00000000240000.000000:000", "DesiredRPO" },
	{ "DesiredRPO=00000002000000.000000:000", "DesiredRPO" },
	{ "rpo=15s,DesiredRPO=00000000000016.000000:000", "DesiredRPO" },
	{ "rpo=99ms", "rpo" }, { "rpo=25h", "rpo" }, { "rpo=-1", "rpo" },
	{ "queue_bytes=3M", "queue_bytes" }, { "queue_bytes=3G", "queue_bytes" },
	{ "queue_bytes=0", "queue_bytes" },
	{ "overflow=stop", "overflow" }, { "max_skew=3G", "max_skew" },
	{ "FailedCopyStopsHostIO=1", "FailedCopyStopsHostIO" },
	{ "CopyRecoveryMode=5", "CopyRecoveryMode" },
	{ "TargetElementSupplier=0", "TargetElementSupplier" },
	{ "TargetElementSupplier=6", "TargetElementSupplier" },
	{ "TargetElementSupplier=1,TargetElementSupplier=3", "TargetElementSupplier" },
	{ "TargetElementSupplier=", "TargetElementSupplier" },
	{ "ThinProvisioningPolicy=1", "ThinProvisioningPolicy" },
	{ "ThinProvisioningPolicy=8", "ThinProvisioningPolicy" },
	{ "DesiredCopyMethodology=0", "DesiredCopyMethodology" },
	{ "DesiredCopyMethodology=12", "DesiredCopyMethodology" },
	{ "DesiredCopyMethodology=32767", "DesiredCopyMethodology" },
	{ "DesiredCopyMethodology=65536", "DesiredCopyMethodology" },
	{ "DesiredCopyMethodology=2,DesiredCopyMethodology=3", "DesiredCopyMethodology" },
	{ "ReadOnly=1", "ReadOnly" }, { "ReadOnly=5", "ReadOnly" },
	{ "ReadOnly=true", "ReadOnly" },
	{ "WaitForCopyState=1", "WaitForCopyState" },
	{ "WaitForCopyState=ready", "WaitForCopyState" },
	{ "WaitForCopyState=4,WaitForCopyState=3", "WaitForCopyState" },
	{ "DeltaUpdateInterval=15", "DeltaUpdateInterval" },
	{ "DeltaUpdateInterval=00000000000000.000000:000", "DeltaUpdateInterval" },
	{ "DeltaUpdateInterval=00000050000000.000000:000", "DeltaUpdateInterval" },
	{ "DeltaUpdateInterval=00000000000000.999000:000", "DeltaUpdateInterval" },
	{ "DeltaUpdateInterval=00000001000000.001000:000", "DeltaUpdateInterval" },
	{ "delta_ms=999", "delta_ms" }, { "delta_ms=86400001", "delta_ms" },
	{ "delta_ms=", "delta_ms" }, { "delta_ms=-1", "delta_ms" },
	{ "delta_ms=30s,DeltaUpdateInterval=00000000000031.000000:000",
	  "DeltaUpdateInterval" },
	{ "payload=copy,payload=shared", "payload" },
	{ "recovery=manual,CopyRecoveryMode=2", "CopyRecoveryMode" },
	{ "FailedCopyStopsHostIO=true,on_replica_error=track",
	  "on_replica_error" },
	{ "payload=copy,", "ReplicationSettings" },
	{ ",payload=copy", "ReplicationSettings" },
	{ "", "ReplicationSettings" },
};

static void refused(void)
{
	const struct replica_settings before = { .present = 1, .payload = 2 };

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct replica_settings s = before;
		const struct replica_error *err;
		const char *parameter;

		ktap_case = refusals[i].text;
		CHECK_INT(replica_settings_parse(ctx, refusals[i].text, &s),
			  REPLICA_INVALID_PARAMETER);
		err = replica_last_error(ctx);
		if (!CHECK(err))
			continue;
		parameter = replica_error_parameter_info(err);
		CHECK_STR(parameter ? parameter : "", refusals[i].parameter);
		CHECK_INT(replica_error_status_code(err), REPLICA_INVALID_PARAMETER);
		CHECK(strlen(replica_error_description(err)) > 10);
		CHECK(memcmp(&s, &before, sizeof(s)) == 0);
	}
}

static void over_what_is_there(void)
{
	struct replica_settings s;

	CHECK_INT(parse("payload=copy,recovery=manual", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "payload=shared", &s), 0);
	CHECK_INT(s.payload, DM_REPLICA_PAYLOAD_SHARED);
	CHECK_INT(s.recovery, DM_REPLICA_RECOVERY_MANUAL);
}

/* Goals: kept as numbers, those of vendors too where CIM gives them room. */
static void goals(void)
{
	static const char interval[] = "DeltaUpdateInterval=00000000000100.000000:000";
	struct replica_settings s;

	CHECK_INT(parse("TargetElementSupplier=2,ThinProvisioningPolicy=3,ReadOnly=4", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "DesiredCopyMethodology=65535", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, "WaitForCopyState=synchronized", &s), 0);
	CHECK_INT(replica_settings_parse(ctx, interval, &s), 0);
	CHECK_INT(s.present, 0xfc000);
	CHECK_INT(s.element_supplier, 2);
	CHECK_INT(s.thin_policy, 3);
	CHECK_INT(s.read_only, 4);
	CHECK_INT(s.methodology, 65535);
	CHECK_INT(s.wait_state, DM_REPLICA_STATE_SYNCHRONIZED);
	CHECK_INT(s.delta_ms, 60000);
}

/* One setting by two names; only ours can end the updates. */
static void delta_updates(void)
{
	static const char both[] = "delta_ms=90s,DeltaUpdateInterval=00000000000130.000000:000";
	struct replica_settings s;

	CHECK_INT(parse("delta_ms=1000", &s), 0);
	CHECK_INT(s.present, REPLICA_SETTING_DELTA_MS);
	CHECK_INT(s.delta_ms, 1000);
	CHECK_INT(parse("delta_ms=1d", &s), 0);
	CHECK_INT(s.delta_ms, 86400000);
	CHECK_INT(parse(both, &s), 0);
	CHECK_INT(s.delta_ms, 90000);
	CHECK_INT(parse("delta_ms=0", &s), 0);
	CHECK_INT(s.present, REPLICA_SETTING_DELTA_MS);
	CHECK_INT(s.delta_ms, 0);
}

/* What CIM and Microsoft have besides is told from what nobody has. */
static void foreign_keys(void)
{
	static const char *const names[] = {
		"DeltaUpdateBlocks", "ConsistentPointInTime", "ConsistentAsyncCopy",
		"OnGroupOrListError", "UnequalGroupsAction", "Pairing", "Multihop", "AutoDelete",
		"TimeBeforeRemoval", "LogDevices", "LogSizeInBytes", "ReplicationQuorum",
		"SyncMode",
	};
	struct replica_settings s;
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ktap_case = names[i];
		snprintf(text, sizeof(text), "%s=1", names[i]);
		CHECK_INT(parse(text, &s), REPLICA_NOT_SUPPORTED);
		CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), names[i]);
		CHECK_HAS(replica_error_description(replica_last_error(ctx)), " is not supported: ");
		CHECK_INT(s.present, 0);
	}
	ktap_case = NULL;
}

static void keys_are_listed(void)
{
	struct replica_settings s;
	char text[128];
	size_t n;

	for (n = 0; replica_settings_key(n); n++) {
		snprintf(text, sizeof(text), "%s=?", replica_settings_key(n));
		CHECK_INT(parse(text, &s), REPLICA_INVALID_PARAMETER);
		CHECK(!strstr(replica_error_description(replica_last_error(ctx)),
			      "unknown"));
	}
	CHECK_INT(n, 27);
}

static void too_long(void)
{
	struct replica_settings s;
	char text[5000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK_INT(parse(text, &s), REPLICA_INVALID_PARAMETER);
	memcpy(text, "payload=", 8);
	text[900] = '\0';
	CHECK_INT(parse(text, &s), REPLICA_INVALID_PARAMETER);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "payload");
}

/* Whatever is accepted is within bounds. */
static void random_text(void)
{
	static const char *const words[] = {
		"=", ",", "copy", "shared", "auto", "stop", "manual", "1M", "500ms",
		"0", "4", "3", "true", "99999999999", "-", ".", "s", "%s%n", "\xff",
		" ",
	};
	unsigned int accepted = 0;

	for (int i = 0; i < 200000; i++) {
		struct replica_settings s;
		const char *key, *why;
		char text[512] = "";

		for (unsigned int n = 1 + random_below(3); n; n--) {
			strcat(text, replica_settings_key(random_below(25)));
			strcat(text, "=");
			for (unsigned int m = 1 + random_below(8) / 6; m; m--)
				strcat(text, words[random_below(ARRAY_SIZE(words))]);
			if (n > 1)
				strcat(text, ",");
		}
		if (parse(text, &s)) {
			CHECK_INT(s.present, 0);
			continue;
		}
		accepted++;
		CHECK_INT(replica_settings_validate(&s, &key, &why), 0);
	}
	CHECK(accepted > 1000);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(all_keys), T(cim_names), T(edges), T(refused),
		T(over_what_is_there), T(goals), T(delta_updates), T(foreign_keys),
		T(keys_are_listed), T(too_long),
		T(random_text),
	};
	int r;

	ctx = replica_ctx_new();
	r = ktap_run(tests, KTAP_COUNT(tests));
	replica_ctx_free(ctx);
	return r;
}
