// SPDX-License-Identifier: LGPL-2.1-or-later
/* The preflight, on a machine made of files. */
#include <errno.h>

#include "check.h"
#include "fake.h"
#include "ktap.h"

#define MIB	(1024 * 1024ULL)

static struct replica_ctx *ctx;
static struct replica_check check;
static const struct replica_info *replicas;

/* Disks, one of them with three partitions; two mapped devices on sdc1. */
static void machine(void)
{
	ctx = fake_ctx();
	replicas = NULL;
	fake_disk("sda", "8:0", 64 * MIB);
	fake_disk("sdb", "8:16", 64 * MIB);
	fake_disk("sdc", "8:32", 256 * MIB);
	fake_disk("sdz", "65:144", 512 * MIB);
	fake_part("sdc", "sdc1", "8:33", 64 * MIB);
	fake_part("sdc", "sdc2", "8:34", 64 * MIB);
	fake_part("sdc", "sdc3", "8:35", 64 * MIB);
	fake_dm("dm-0", "253:0", 16 * MIB, "vg-one");
	fake_dm("dm-1", "253:1", 16 * MIB, "vg-two");
	fake_stack("dm-0", "sdc1");
	fake_stack("dm-1", "sdc1");
}

static int run_with(const char *source, const char *target, const char *name,
		    bool force, bool skip)
{
	replica_finding_free(check.findings);
	check = (struct replica_check){
		.ctx = ctx, .name = name, .force = force, .skip_copy = skip,
		.replicas = replicas,
	};
	replica_error_begin(ctx, "Test");
	replica_check_run(&check, source, target);
	return replica_check_result(&check);
}

static int run(const char *source, const char *target)
{
	return run_with(source, target, NULL, false, false);
}

static void done(void)
{
	replica_finding_free(check.findings);
	check.findings = NULL;
	fake_free(ctx);
}

/* The first finding is this one, with all that belongs to it. */
static void first_is(unsigned int code, int ret, int sm_code,
		     const char *parameter, const char *part)
{
	const struct replica_finding *f = check.findings;
	const struct replica_error *err = replica_last_error(ctx);

	if (!CHECK(f))
		return;
	CHECK_INT(f->code, code);
	CHECK_INT(f->severity, REPLICA_SEVERITY_ERROR);
	CHECK_INT(f->ret, ret);
	CHECK_INT(f->sm_code, sm_code);
	CHECK_STR(f->parameter, parameter);
	CHECK_HAS(f->sentence, part);
	if (!CHECK(err))
		return;
	CHECK_INT(replica_error_status_code(err), ret);
	CHECK_INT(replica_error_sm_code(err), sm_code);
	CHECK_STR(replica_error_parameter_info(err), parameter);
	CHECK_STR(replica_error_description(err), f->sentence);
}

static size_t nr_findings(void)
{
	size_t n = 0;

	for (const struct replica_finding *f = check.findings; f; f = f->next)
		n++;
	return n;
}

static void all_well(void)
{
	machine();
	CHECK_INT(run("/dev/sda", "/dev/sdb"), 0);
	CHECK_INT(nr_findings(), 0);
	CHECK(!replica_last_error(ctx));
	CHECK_INT(check.source.size, 64 * MIB);
	CHECK_INT(check.source.block_size, 512);
	CHECK_STR(check.source.kname, "sda");
	CHECK_INT(run("/dev/mapper/vg-one", "/dev/mapper/vg-two"), 0);
	CHECK_INT(nr_findings(), 0);
	CHECK_STR(check.source.dm_name, "vg-one");
	CHECK_INT(run("/dev/sdc2", "/dev/sdc3"), 0);
	CHECK_INT(nr_findings(), 0);
	CHECK_INT(check.source.block_size, 512);
	done();
}

static void not_found(void)
{
	machine();
	fake_node("/dev/ghost", "9:99");
	CHECK_INT(run("/dev/none", "/dev/sdb"), REPLICA_NOT_FOUND);
	first_is(REPLICA_CHECK_NOT_FOUND, 8, ENOENT, "Source", "/dev/none");
	CHECK_INT(run("/dev/sda", "/dev/none"), REPLICA_NOT_FOUND);
	first_is(REPLICA_CHECK_NOT_FOUND, 8, ENOENT, "TargetStorageVolume",
		 "/dev/none");
	CHECK_INT(run("/dev/sda", "/dev/ghost"), REPLICA_NOT_FOUND);
	first_is(REPLICA_CHECK_NOT_FOUND, 8, ENOENT, "TargetStorageVolume",
		 "without a device");
	CHECK_INT(run("/dev/x", "/dev/y"), REPLICA_NOT_FOUND);
	CHECK_INT(nr_findings(), 2);
	CHECK_HAS(replica_error_sm_details(replica_last_error(ctx)), "1 more error");
	done();
}

static void not_a_block_device(void)
{
	machine();
	fake_node("/etc/passwd", NULL);
	CHECK_INT(run("/dev/sda", "/etc/passwd"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_NOT_BLOCK, 5, ENOTBLK, "TargetStorageVolume",
		 "not a block device");
	CHECK_INT(run("/etc/passwd", "/dev/sdb"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_NOT_BLOCK, 5, ENOTBLK, "Source", "/etc/passwd");
	done();
}

static void same_device(void)
{
	machine();
	fake_node("/dev/disk/by-id/wwn-1", "8:0");	/* a link, or a second node */
	CHECK_INT(run("/dev/sda", "/dev/sda"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_SAME_DEVICE, 5, EINVAL, "TargetStorageVolume",
		 "same device (8:0)");
	CHECK_INT(run("/dev/sda", "/dev/disk/by-id/wwn-1"),
		  REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_SAME_DEVICE, 5, EINVAL, "TargetStorageVolume",
		 "same device (8:0)");
	CHECK_INT(nr_findings(), 1);
	done();
}

static void overlap(void)
{
	static const char *const pairs[][2] = {
		{ "/dev/sdc1", "/dev/sdc" },	/* partition, its disk */
		{ "/dev/mapper/vg-one", "/dev/sdc1" },	/* what it lies on */
		{ "/dev/mapper/vg-one", "/dev/sdc" },	/* the disk below that */
		{ "/dev/mapper/on-disk", "/dev/sdd1" },	/* both on one disk */
		{ "/dev/mapper/deep", "/dev/sdc1" },	/* through two levels */
	};

	machine();
	fake_disk("sdd", "8:48", 256 * MIB);
	fake_part("sdd", "sdd1", "8:49", 16 * MIB);
	fake_dm("dm-2", "253:2", 16 * MIB, "on-disk");
	fake_stack("dm-2", "sdd");
	fake_dm("dm-3", "253:3", 16 * MIB, "deep");
	fake_stack("dm-3", "dm-0");
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		ktap_case = pairs[i][0];
		CHECK_INT(run(pairs[i][0], pairs[i][1]), 5);
		CHECK(replica_finding_has(&check, REPLICA_CHECK_OVERLAP,
					  "TargetStorageVolume"));
		run(pairs[i][1], pairs[i][0]);
		CHECK(replica_finding_has(&check, REPLICA_CHECK_OVERLAP,
					  "TargetStorageVolume"));
	}
	done();
}

static void sizes(void)
{
	machine();
	fake_disk("sdd", "8:48", 64 * MIB - 512);
	fake_disk("sde", "8:64", 0);
	CHECK_INT(run("/dev/sda", "/dev/sdd"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_TOO_SMALL, 5, ENOSPC, "TargetStorageVolume",
		 "67108352");
	CHECK_HAS(check.findings->sentence, "67108864");
	CHECK_STR(check.findings->found, "67108352");
	CHECK_STR(check.findings->expected, "at least 67108864");
	CHECK_INT(run("/dev/sdd", "/dev/sda"), 0);
	CHECK_INT(nr_findings(), 1);
	CHECK_INT(check.findings->code, REPLICA_CHECK_LARGER);
	CHECK_INT(check.findings->severity, REPLICA_SEVERITY_INFO);
	CHECK_INT(run("/dev/sda", "/dev/sde"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_EMPTY, 5, ENOMEDIUM, "TargetStorageVolume",
		 "no size");
	CHECK_INT(run("/dev/sde", "/dev/sda"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_EMPTY, 5, ENOMEDIUM, "Source", "no size");
	done();
}

static void read_only(void)
{
	machine();
	fake_attr("sdb", "ro", "1\n");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_READ_ONLY, 5, EROFS, "TargetStorageVolume",
		 "read-only");
	CHECK_INT(run("/dev/sdb", "/dev/sda"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_READ_ONLY, 5, EROFS, "Source", "read-only");
	done();
}

static void block_sizes(void)
{
	machine();
	fake_attr("sdb", "queue/logical_block_size", "4096\n");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), 0);
	CHECK_INT(nr_findings(), 1);
	CHECK_INT(check.findings->code, REPLICA_CHECK_BLOCK_SIZE);
	CHECK_STR(check.findings->found, "4096");
	CHECK_STR(check.findings->expected, "512");
	done();
}

static void is_mounted(void)
{
	machine();
	fake_file("/proc/self/mountinfo",
		  "22 1 0:21 / /sys rw shared:1 - sysfs none rw\n"
		  "30 1 8:16 / /mnt/a\\040b\\134c rw,noatime shared:2 master:1 - ext4 /dev/sdb rw\n"
		  "31 1 8:35 / /part rw - ext4 /dev/sdc3 rw\n"
		  "32 1 0:45 /sub /btr rw - btrfs /dev/sda rw,subvol=/sub\n"
		  "broken line\n"
		  "33 1 x:y / /odd rw\n");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_FAILED);
	CHECK_INT(nr_findings(), 2);
	first_is(REPLICA_CHECK_MOUNTED, 4, 6, "Source", "/dev/sda is mounted on /btr");
	CHECK_HAS(check.findings->next->sentence, "/dev/sdb is mounted on /mnt/a b\\c");
	CHECK_INT(run("/dev/sdc", "/dev/mapper/vg-one"), 5);
	CHECK(replica_finding_has(&check, REPLICA_CHECK_MOUNTED, "Source"));
	for (const struct replica_finding *f = check.findings; f; f = f->next)
		if (f->code == REPLICA_CHECK_MOUNTED)
			CHECK_STR(f->sentence,
				  "a partition of /dev/sdc is mounted on /part, and a disk has no table that could be exchanged under it");
	CHECK_INT(run("/dev/sdc2", "/dev/sdc3"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_MOUNTED, 4, 6, "TargetStorageVolume",
		 "/dev/sdc3 is mounted on /part");
	done();
}

/* A mount never names a file system that cannot be asked without waiting. */
static void mounts_of_others(void)
{
	machine();
	fake_node("/srv/sda", "8:0");
	fake_file("/proc/self/mountinfo",
		  "30 1 0:50 / /a rw - nfs server:/dev/sda rw\n"
		  "31 1 0:51 / /b rw - fuse.x /srv/sda rw\n"
		  "32 1 0:52 / /c rw - tmpfs none rw\n"
		  "33 1 0:53 / /d rw - x\n"
		  "34 1 0:54 / /e rw -\n");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), 0);
	CHECK_INT(nr_findings(), 0);
	done();
}

static void swapped(void)
{
	machine();
	fake_node("/dev/a b", "8:16");
	fake_file("/proc/swaps",
		  "Filename\t\tType\t\tSize\tUsed\tPriority\n"
		  "/dev/a\\040b                            partition\t1\t0\t-2\n"
		  "/swapfile                              file\t1\t0\t-3\n"
		  "/dev/sdc2                              partition\t1\t0\t-4\n");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_SWAP, 4, 6, "TargetStorageVolume", "swap (/dev/a b)");
	CHECK_INT(run("/dev/sdc", "/dev/sdz"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_SWAP, 4, 6, "Source", "swap (/dev/sdc2)");
	done();
}

static void holders(void)
{
	machine();
	CHECK_INT(run("/dev/sda", "/dev/sdc1"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_HOLDERS, 4, 6, "TargetStorageVolume",
		 "/dev/sdc1 is in use by block device /dev/mapper/vg-");
	CHECK_HAS(check.findings->sentence, "2 in all");
	CHECK_INT(run("/dev/sdc", "/dev/sdz"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_HOLDERS, 4, 6, "Source",
		 "/dev/sdc1 is in use by block device");
	done();
}

static void opened(void)
{
	machine();
	fake_open_error("/dev/sdb", EBUSY);
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_OPEN, 4, 6, "TargetStorageVolume", "in use");
	fake_open_error("/dev/sdb", EACCES);
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_ACCESS_DENIED);
	first_is(REPLICA_CHECK_PERMISSION, 40001, EACCES, "TargetStorageVolume",
		 "Permission denied");
	done();
}

static void suspended(void)
{
	machine();
	fake_attr("dm-1", "dm/suspended", "1\n");
	fake_signature("/dev/mapper/vg-two", "ext4", "ext4:1;");
	CHECK_INT(run("/dev/mapper/vg-one", "/dev/mapper/vg-two"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_OPEN, 4, 6, "TargetStorageVolume", "suspended");
	CHECK_INT(nr_findings(), 1);	/* it was not read */
	done();
}

static void signatures(void)
{
	machine();
	fake_signature("/dev/sdb", "ext4 file system \"home\"", "ext4:1;");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_SIGNATURE, 4, EEXIST, "TargetStorageVolume",
		 "ext4 file system \"home\"");
	CHECK(check.findings->forceable);
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", NULL, true, false), 0);
	CHECK_INT(nr_findings(), 1);
	CHECK_INT(check.findings->severity, REPLICA_SEVERITY_WARNING);
	CHECK_INT(check.findings->ret, 0);
	/* a signature of the source is what a replica is for */
	CHECK_INT(run("/dev/sdb", "/dev/sda"), 0);
	CHECK_INT(nr_findings(), 0);
	done();
}

static void equal_signatures(void)
{
	machine();
	fake_signature("/dev/sdb", "ext4 file system", "ext4:1;");
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", NULL, false, true),
		  REPLICA_FAILED);	/* the source has none */
	fake_signature("/dev/sda", "ext4 file system", "ext4:2;");
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", NULL, false, true),
		  REPLICA_FAILED);
	fake_signature("/dev/sda", "ext4 file system", "ext4:1;");
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", NULL, false, true), 0);
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_FAILED);
	done();
}

/* What is in use stays refused, whatever is forced. */
static void force_has_limits(void)
{
	machine();
	fake_open_error("/dev/sdb", EBUSY);
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", NULL, true, false),
		  REPLICA_FAILED);
	CHECK_INT(run_with("/dev/sda", "/dev/sda", NULL, true, false),
		  REPLICA_INVALID_PARAMETER);
	CHECK_INT(run_with("/dev/sdc1", "/dev/sdc", NULL, true, false),
		  REPLICA_INVALID_PARAMETER);
	CHECK_INT(run_with("/dev/sda", "/dev/mapper/vg-one", NULL, true, false),
		  REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_TOO_SMALL, 5, ENOSPC, "TargetStorageVolume", "less");
	done();
}

static void in_a_replica(void)
{
	char name[] = "old", origin[] = "8:0", leg[] = "8:35";
	const struct replica_info old = {
		.name = name, .origin = origin, .replica = leg,
	};

	machine();
	replicas = &old;
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_IN_REPLICA, 4, 6, "Source",
		 "already the origin of replica \"old\"");
	CHECK_INT(run("/dev/sdb", "/dev/sdc3"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_IN_REPLICA, 4, 6, "TargetStorageVolume",
		 "already the replica of replica \"old\"");
	CHECK_INT(nr_findings(), 1);
	CHECK_INT(run("/dev/sdb", "/dev/sdc2"), 0);
	done();
}

static void names(void)
{
	machine();
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", "vg-one", false, false),
		  REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_NAME_TAKEN, 5, EEXIST, "ElementName", "\"vg-one\"");
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", "a b", false, false),
		  REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_NAME_BAD, 5, EINVAL, "ElementName", "\"a b\"");
	CHECK_INT(run_with("/dev/sda", "/dev/sdb", "fine", false, false), 0);
	done();
}

static void everything_at_once(void)
{
	machine();
	fake_attr("sdb", "ro", "1\n");
	fake_attr("sdb", "queue/logical_block_size", "4096\n");
	fake_signature("/dev/sdb", "xfs file system", "xfs:1;");
	fake_open_error("/dev/sda", EBUSY);
	CHECK(run_with("/dev/sda", "/dev/sdb", "a/b", true, false) != 0);
	CHECK_INT(nr_findings(), 5);
	for (const struct replica_finding *f = check.findings; f->next; f = f->next)
		CHECK(f->severity >= f->next->severity);
	done();
}

/* "device" of an NVMe disk has a number, of a character device. */
static void only_partitions_are_parts(void)
{
	machine();
	fake_attr("sda", "device/dev", "8:16\n");
	fake_file("/proc/self/mountinfo",
		  "30 1 8:16 / /mnt rw - ext4 /dev/sdb rw\n");
	CHECK_INT(run("/dev/sda", "/dev/sdz"), 0);
	CHECK_INT(run("/dev/sdb", "/dev/sdz"), REPLICA_FAILED);
	done();
}

/* Loops and depth in a sysfs that nobody should have. */
static void strange_stacks(void)
{
	machine();
	fake_stack("dm-0", "dm-1");
	fake_stack("dm-1", "dm-0");
	CHECK_INT(run("/dev/mapper/vg-one", "/dev/sda"), REPLICA_FAILED);
	first_is(REPLICA_CHECK_HOLDERS, 4, 6, "Source", "vg-two");
	fake_attr("sda", "size", "garbage\n");
	CHECK_INT(run("/dev/sda", "/dev/sdb"), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_EMPTY, 5, ENOMEDIUM, "Source", "no size");
	done();
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(all_well), T(not_found), T(not_a_block_device),
		T(same_device), T(overlap), T(sizes), T(read_only),
		T(block_sizes), T(is_mounted), T(mounts_of_others), T(swapped),
		T(holders), T(opened), T(suspended), T(signatures),
		T(equal_signatures), T(force_has_limits), T(in_a_replica),
		T(names), T(everything_at_once), T(only_partitions_are_parts),
		T(strange_stacks),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
