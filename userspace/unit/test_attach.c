// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which sources may keep their name and their users, and what is said of the others. */
#include <errno.h>

#include "attach.h"
#include "fake.h"
#include "ktap.h"
#include "table.h"

#define MIB	(1024 * 1024ULL)

static struct replica_ctx *ctx;
static struct replica_check check;
static bool no_attach;

/* A mapped device that is mounted, and two disks. */
static void machine(void)
{
	ctx = fake_ctx();
	no_attach = false;
	fake_disk("sda", "8:0", 64 * MIB);
	fake_disk("sdb", "8:16", 64 * MIB);
	fake_disk("md0", "9:0", 64 * MIB);
	fake_disk("loop0", "7:0", 64 * MIB);
	fake_part("sda", "sda1", "8:1", 64 * MIB);
	fake_dm("dm-0", "253:0", 64 * MIB, "data");
	fake_table("data", "", "linear", "8:0 0");
	fake_file("/proc/self/mountinfo",
		  "30 1 253:0 / /srv rw - ext4 /dev/mapper/data rw\n"
		  "31 1 9:0 / /md rw - ext4 /dev/md0 rw\n"
		  "32 1 7:0 / /loop rw - ext4 /dev/loop0 rw\n"
		  "33 1 8:1 / /part rw - ext4 /dev/sda1 rw\n");
}

static int run(const char *source, const char *name)
{
	replica_finding_free(check.findings);
	check = (struct replica_check){ .ctx = ctx, .name = name, .no_attach = no_attach };
	replica_error_begin(ctx, "Test");
	replica_check_run(&check, source, "/dev/sdb");
	return replica_check_result(&check);
}

static void done(void)
{
	replica_finding_free(check.findings);
	check.findings = NULL;
	fake_free(ctx);
}

static void refused(const char *source, const char *sentence)
{
	CHECK_INT(run(source, NULL), REPLICA_FAILED);
	CHECK(!check.attach);
	CHECK_INT(check.findings->code, REPLICA_CHECK_MOUNTED);
	CHECK_STR(check.findings->parameter, "Source");
	CHECK_HAS(check.findings->sentence, sentence);
}

static void in_use(void)
{
	machine();
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	CHECK(check.attach && check.in_use);
	CHECK_INT(check.findings->code, REPLICA_CHECK_ATTACH);
	CHECK_STR(check.findings->sentence,
		  "/dev/mapper/data is mounted on /srv: the replica is put under its name while it is in use");
	CHECK_INT(run("/dev/mapper/data", "data"), 0);
	CHECK(check.attach);
	CHECK_INT(run("/dev/mapper/data", "other"), REPLICA_INVALID_PARAMETER);
	CHECK_INT(check.findings->code, REPLICA_CHECK_NAME_BAD);
	CHECK_STR(check.findings->parameter, "ElementName");
	CHECK_HAS(check.findings->sentence, "its replica has its name, \"data\"");
	no_attach = true;
	refused("/dev/mapper/data", "nothing is to be put under its name");
	done();
}

static void swap_and_others(void)
{
	machine();
	fake_file("/proc/self/mountinfo", "");
	fake_open_error("/dev/mapper/data", EBUSY);
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	CHECK(check.attach && check.in_use);
	fake_file("/proc/swaps", "Filename Type\n/dev/mapper/data partition 1 0 -2\n");
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	CHECK(check.attach && check.in_use);
	fake_open_error("/dev/mapper/data", EACCES);
	fake_file("/proc/swaps", "");
	CHECK_INT(run("/dev/mapper/data", NULL), REPLICA_ACCESS_DENIED);
	CHECK(!check.attach);
	done();
}

/* Nobody uses it, and it keeps its name if that is asked for. */
static void own_name(void)
{
	machine();
	fake_file("/proc/self/mountinfo", "");
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	CHECK(!check.attach && !check.findings);
	CHECK_INT(run("/dev/mapper/data", "data"), 0);
	CHECK(check.attach && !check.in_use);
	no_attach = true;
	CHECK_INT(run("/dev/mapper/data", "data"), REPLICA_INVALID_PARAMETER);
	CHECK_INT(check.findings->code, REPLICA_CHECK_NAME_TAKEN);
	CHECK_HAS(check.findings->sentence, "\"data\" is the name of the source, and");
	done();
}

static void no_mapped_devices(void)
{
	machine();
	refused("/dev/md0", "/dev/md0 is mounted on /md, and an md array");
	refused("/dev/loop0", "/dev/loop0 is mounted on /loop, and a loop device");
	refused("/dev/sda1", "/dev/sda1 is mounted on /part, and a partition");
	refused("/dev/sda", "a partition of /dev/sda is mounted on /part, and a disk");
	done();
}

static void tables(void)
{
	machine();
	fake_table("data", "CRYPT-LUKS2-1", "crypt", "aes-xts-plain64 00ff 0 8:0 32768");
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	CHECK(check.attach);
	fake_table("data", "", "thin", "253:2 1");
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	fake_table("data", "", "crypt", "aes-xts-plain64 :64:logon:cryptsetup:1-d0 0 8:0 32768");
	refused("/dev/mapper/data", "'cryptsetup refresh --disable-keyring'");
	fake_table("data", "", "snapshot", "8:0 8:16 P 8");
	refused("/dev/mapper/data", "its target snapshot cannot be there twice");
	fake_table("data", "", REPLICA_TARGET_NAME, "8:0 8:16 - sync 0");
	refused("/dev/mapper/data", "it is a replica already, and has one target at a time");
	fake_table("data", "", "snapshot-origin", "253:7");
	refused("/dev/mapper/data", "it has snapshots");
	fake_table("data", "", "multipath", "0 0 1 1 round-robin 0 1 1 8:0 1");
	refused("/dev/mapper/data", "device-mapper never exchanges");
	fake_table("data", "LVM-abc", "linear", "8:0 2048");
	refused("/dev/mapper/data", "LVM loads its own table again");
	fake_table("data", "mpath-1", "linear", "8:0 2048");
	refused("/dev/mapper/data", "multipathd loads its own table");
	fake_table("other", "", "linear", "8:0 2048");
	refused("/dev/mapper/data", "its table cannot be read");
	done();
}

static void states(void)
{
	struct replica_line line = { .type = "linear", .params = "8:0 0", .length = 8 };
	struct replica_lines lines = { .name = "data", .count = 1, .line = &line };
	char text[256];

	CHECK(!replica_attach_fault(&lines, text, sizeof(text)));
	lines.suspended = true;
	CHECK_HAS(replica_attach_fault(&lines, text, sizeof(text)), "suspended");
	lines.suspended = false;
	lines.inactive = true;
	CHECK_HAS(replica_attach_fault(&lines, text, sizeof(text)), "new table");
	lines.inactive = false;
	lines.count = 0;
	CHECK_HAS(replica_attach_fault(&lines, text, sizeof(text)), "no table");
	lines.count = 1;
	memset(lines.name, 'n', 120);
	CHECK(!replica_attach_fault(&lines, text, sizeof(text)));
	memset(lines.name, 'n', 121);
	CHECK_HAS(replica_attach_fault(&lines, text, sizeof(text)), "too long");
}

static void beside_it(void)
{
	machine();
	fake_dm("dm-1", "253:1", 64 * MIB, "data-origin");
	refused("/dev/mapper/data", "already a mapped device \"data-origin\"");
	done();
}

static void larger_blocks(void)
{
	machine();
	fake_attr("sdb", "queue/logical_block_size", "4096\n");
	CHECK_INT(run("/dev/mapper/data", NULL), REPLICA_INVALID_PARAMETER);
	CHECK_INT(check.findings->code, REPLICA_CHECK_ALIGNMENT);
	CHECK_STR(check.findings->parameter, "TargetStorageVolume");
	CHECK_HAS(check.findings->sentence, "logical blocks of 4096 bytes");
	fake_attr("dm-0", "queue/logical_block_size", "4096\n");
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	done();
}

static void arguments(void)
{
	struct replica_settings settings = {
		.present = REPLICA_SETTING_PAYLOAD, .payload = DM_REPLICA_PAYLOAD_SHARED,
	};
	struct replica_create_args args = { .size = sizeof(args), .skip_initial_copy = true };

	machine();
	CHECK_INT(run("/dev/mapper/data", NULL), 0);
	CHECK_INT(replica_attach_check_args(&check, &args), REPLICA_INVALID_PARAMETER);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "SkipInitialCopy");
	args.skip_initial_copy = false;
	CHECK_INT(replica_attach_check_args(&check, &args), 0);
	args.replication_settings = &settings;
	CHECK_INT(replica_attach_check_args(&check, &args), REPLICA_INVALID_PARAMETER);
	CHECK_STR(replica_error_parameter_info(replica_last_error(ctx)), "payload");
	settings.payload = DM_REPLICA_PAYLOAD_COPY;
	CHECK_INT(replica_attach_check_args(&check, &args), 0);
	done();
}

static void equal_tables(void)
{
	struct replica_line one[] = {
		{ .type = "linear", .params = "8:0 0", .length = 8 },
		{ .type = "linear", .params = "8:16 0", .start = 8, .length = 8 },
	};
	struct replica_line two[] = { one[0], one[1] };
	struct replica_lines a = { .count = 2, .line = one }, b = { .count = 2, .line = two };

	CHECK(replica_lines_equal(&a, &b));
	two[1].params = "8:16 8";
	CHECK(!replica_lines_equal(&a, &b));
	two[1] = one[1];
	two[1].length = 16;
	CHECK(!replica_lines_equal(&a, &b));
	two[1] = one[1];
	two[0].type = "striped";
	CHECK(!replica_lines_equal(&a, &b));
	b.count = 1;
	two[0] = one[0];
	CHECK(!replica_lines_equal(&a, &b));
	CHECK(!replica_lines_only(&a, "linear"));
	CHECK(replica_lines_only(&b, "linear"));
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(in_use), T(swap_and_others), T(own_name), T(no_mapped_devices),
		T(tables), T(states), T(beside_it), T(larger_blocks), T(arguments),
		T(equal_tables),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
