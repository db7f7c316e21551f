// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is said of meta devices before they are used, on a machine made of files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check.h"
#include "fake.h"
#include "format.h"
#include "images.h"
#include "ktap.h"
#include "scan.h"
#include "sysfs.h"

#define MIB	(1024 * 1024ULL)

static struct replica_ctx *ctx;
static struct replica_check check;
static char meta_file[64];

/* Two legs and two that may become the meta device, sdc with bytes behind it. */
static void machine(void)
{
	int fd;

	ctx = fake_ctx();
	fake_disk("sda", "8:0", 64 * MIB);
	fake_disk("sdb", "8:16", 64 * MIB);
	fake_disk("sdc", "8:32", MIB);
	fake_disk("sdd", "8:48", 128 * 1024);
	fake_dm("dm-0", "253:0", MIB, "vg-meta");
	strcpy(meta_file, "/tmp/replica-unit-meta-XXXXXX");
	fd = mkstemp(meta_file);
	if (fd < 0 || ftruncate(fd, MIB))
		abort();
	close(fd);
	fake_image("/dev/sdc", meta_file);
}

static void done(void)
{
	replica_finding_free(check.findings);
	memset(&check, 0, sizeof(check));
	unlink(meta_file);
	fake_free(ctx);
}

static int run(const char *meta, const struct replica_settings *settings, bool force)
{
	replica_finding_free(check.findings);
	check = (struct replica_check){ .ctx = ctx, .force = force };
	replica_error_begin(ctx, "Test");
	replica_check_run(&check, "/dev/sda", "/dev/sdb");
	replica_check_meta(&check, meta, settings);
	return replica_check_result(&check);
}

static void first_is(unsigned int code, const char *parameter, const char *part)
{
	const struct replica_finding *f = check.findings;

	if (!CHECK(f))
		return;
	CHECK_INT(f->code, code);
	CHECK_STR(f->parameter, parameter);
	CHECK_HAS(f->sentence, part);
}

static int format_as(uint32_t mode, const struct replica_settings *settings)
{
	static const uint8_t uuid[16] = { 1, 2, 3 };
	const struct replica_format new = {
		.check = &check, .name = "vol", .uuid = uuid, .mode = mode,
		.settings = settings,
	};

	return replica_format_meta(ctx, &new);
}

static int format(void)
{
	return format_as(DM_REPLICA_MODE_SYNC, NULL);
}

static void fits(void)
{
	machine();
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK(!check.findings);
	CHECK_INT(check.meta_bytes, replica_meta_bytes(64 * MIB, 0, 0));
	CHECK_INT(run(NULL, NULL, false), 0);
	CHECK_INT(check.meta_bytes, replica_meta_bytes(64 * MIB, 0, 0));
	done();
}

static void refused(void)
{
	machine();
	CHECK_INT(run("/dev/none", NULL, false), REPLICA_NOT_FOUND);
	first_is(REPLICA_CHECK_NOT_FOUND, "MetaDevice", "/dev/none");
	CHECK_INT(run("/dev/sda", NULL, true), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_SAME_DEVICE, "MetaDevice", "same device");
	CHECK_INT(run("/dev/sdb", NULL, true), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_SAME_DEVICE, "MetaDevice", "same device");
	CHECK_INT(run("/dev/sdd", NULL, true), REPLICA_INVALID_PARAMETER);
	first_is(REPLICA_CHECK_TOO_SMALL, "MetaDevice", "131072 bytes, and 143360 are needed");
	CHECK_STR(check.findings->found, "131072");
	CHECK_STR(check.findings->expected, "at least 143360");
	fake_open_error("/dev/sdc", EBUSY);
	CHECK_INT(run("/dev/sdc", NULL, true), REPLICA_FAILED);
	first_is(REPLICA_CHECK_OPEN, "MetaDevice", "in use");
	fake_stack("dm-0", "sda");
	CHECK(run("/dev/mapper/vg-meta", NULL, true));
	CHECK(replica_finding_has(&check, REPLICA_CHECK_OVERLAP, "MetaDevice"));
	done();
}

static void signature(void)
{
	machine();
	fake_signature("/dev/sdc", "swap", "swap:1;");
	CHECK_INT(run("/dev/sdc", NULL, false), REPLICA_FAILED);
	first_is(REPLICA_CHECK_SIGNATURE, "MetaDevice", "swap");
	CHECK_INT(run("/dev/sdc", NULL, true), 0);
	done();
}

/* The log that the library formats is found by all that look for one. */
static void has_log(void)
{
	machine();
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK_INT(format(), 0);
	CHECK_INT(run("/dev/sdc", NULL, false), REPLICA_FAILED);
	first_is(REPLICA_CHECK_HAS_LOG, "MetaDevice", "replica \"vol\" (01020300-");
	CHECK(check.findings->forceable);
	CHECK_INT(run("/dev/sdc", NULL, true), 0);
	first_is(REPLICA_CHECK_HAS_LOG, "MetaDevice", "will be lost");
	CHECK_INT(replica_erase_meta(ctx, "/dev/sdc"), 0);
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK(!check.findings);
	done();
}

static void stable_is(const char *device, const char *want)
{
	struct replica_blockdev dev;
	char path[256];

	CHECK_INT(replica_sysfs_open(ctx, device, &dev), 0);
	replica_stable_path(ctx, &dev, path, sizeof(path));
	CHECK_STR(path, want);
}

static void link_of(const char *path, const char *devno)
{
	fake_file(path, "");
	fake_node(path, devno);
}

/* Never by what is on the device, which the replica has as well. */
static void stable_paths(void)
{
	machine();
	stable_is("/dev/sda", "/dev/sda");
	link_of("/dev/disk/by-uuid/1234", "8:0");
	link_of("/dev/disk/by-id/lvm-pv-uuid-1", "8:0");
	stable_is("/dev/sda", "/dev/sda");
	link_of("/dev/disk/by-path/pci-1", "8:0");
	stable_is("/dev/sda", "/dev/disk/by-path/pci-1");
	link_of("/dev/disk/by-id/ata-x", "8:0");
	link_of("/dev/disk/by-id/ata-a", "8:16");
	link_of("/dev/disk/by-id/ata-b", "8:0");
	stable_is("/dev/sda", "/dev/disk/by-id/ata-b");
	link_of("/dev/disk/by-id/wwn-0x5", "8:0");
	stable_is("/dev/sda", "/dev/disk/by-id/wwn-0x5");
	stable_is("/dev/sdb", "/dev/disk/by-id/ata-a");
	link_of("/dev/disk/by-id/dm-name-vg-meta", "253:0");
	stable_is("/dev/dm-0", "/dev/mapper/vg-meta");
	done();
}

/* What the superblock says of a replica that was just made. */
static void formatted(void)
{
	const struct replica_meta_fields *f;
	struct replica_meta *meta = NULL;

	machine();
	link_of("/dev/disk/by-id/wwn-0x5", "8:0");
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK_INT(format(), 0);
	CHECK_INT(replica_meta_open(ctx, "/dev/sdc", &meta), 0);
	f = meta ? replica_meta_fields(meta) : NULL;
	if (CHECK(f)) {
		CHECK_STR(f->name, "vol");
		CHECK_STR(f->origin_path, "/dev/disk/by-id/wwn-0x5");
		CHECK_STR(f->replica_path, "/dev/sdb");
		CHECK_INT(f->size, 64 * MIB);
		CHECK_INT(f->copy_state, DM_REPLICA_STATE_INITIALIZED);
		CHECK_INT(f->mode, DM_REPLICA_MODE_SYNC);
		CHECK_INT(f->settings.present,
			  0x3fff | REPLICA_SETTING_DELTA_MS | REPLICA_SETTING_PROTECT);
		CHECK_INT(f->settings.queue_bytes, 64 * MIB);
		CHECK_INT(f->settings.overflow, DM_REPLICA_OVERFLOW_BLOCK);
		CHECK_INT(f->settings.rpo_ms, 0);
		CHECK_INT(f->settings.max_skew, 0);
		CHECK_INT(f->settings.replica_timeout_ms, 30000);
		CHECK_INT(f->settings.discard, REPLICA_DISCARD_ZERO);
		CHECK(f->created > 1700000000000ULL);
		CHECK_INT(replica_meta_dirty_bytes(meta), 64 * MIB);
	}
	replica_meta_free(meta);
	done();
}

static void formatted_with_a_mode(void)
{
	const struct replica_settings s = {
		.present = REPLICA_SETTING_QUEUE_BYTES | REPLICA_SETTING_RPO |
			   REPLICA_SETTING_OVERFLOW | REPLICA_SETTING_MAX_SKEW,
		.queue_bytes = DM_REPLICA_QUEUE_MAX, .rpo_ms = DM_REPLICA_RPO_MAX_MS,
		.overflow = DM_REPLICA_OVERFLOW_FAIL, .max_skew = DM_REPLICA_QUEUE_MAX,
	};
	const struct replica_meta_fields *f;
	struct replica_meta *meta = NULL;

	machine();
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK_INT(format_as(DM_REPLICA_MODE_ADAPTIVE, &s), 0);
	CHECK_INT(replica_meta_open(ctx, "/dev/sdc", &meta), 0);
	f = meta ? replica_meta_fields(meta) : NULL;
	if (CHECK(f)) {
		CHECK_INT(f->mode, DM_REPLICA_MODE_ADAPTIVE);
		CHECK_INT(f->settings.present,
			  0x3fff | REPLICA_SETTING_DELTA_MS | REPLICA_SETTING_PROTECT);
		CHECK_INT(f->settings.queue_bytes, s.queue_bytes);
		CHECK_INT(f->settings.rpo_ms, s.rpo_ms);
		CHECK_INT(f->settings.overflow, s.overflow);
		CHECK_INT(f->settings.max_skew, s.max_skew);
	}
	replica_meta_free(meta);
	done();
}

static void scanned(void)
{
	const char *const paths[] = { "/dev/sdc" };
	struct replica_meta_entry *list = NULL;

	machine();
	CHECK_INT(replica_meta_scan(ctx, NULL, 0, &list), 0);
	CHECK(!list);
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK_INT(format(), 0);
	CHECK_INT(replica_meta_scan(ctx, NULL, 0, &list), 0);
	if (CHECK(list)) {
		CHECK(!list->next);
		CHECK_STR(list->path, "/dev/sdc");
		CHECK_STR(list->name, "vol");
		CHECK(list->clean && !list->active);
		CHECK_INT(list->dirty_bytes, 64 * MIB);
	}
	replica_meta_entry_free(list);
	CHECK_INT(replica_meta_scan(ctx, paths, 1, &list), 0);
	CHECK(list && !list->next);
	replica_meta_entry_free(list);
	fake_stack("dm-0", "sdc");		/* it is part of something else */
	CHECK_INT(replica_meta_scan(ctx, NULL, 0, &list), 0);
	CHECK(!list);
	done();
}

static size_t found(bool any, const char *path)
{
	struct replica_meta_entry *list;
	size_t n = 0;

	CHECK_INT(replica_scan_run(ctx, &path, path ? 1 : 0, any, &list), 0);
	for (const struct replica_meta_entry *e = list; e; e = e->next)
		n++;
	replica_meta_entry_free(list);
	return n;
}

/* What stands on a device that somebody else writes is believed only where it is named. */
static void untrusted(void)
{
	struct replica_activation *activation;

	machine();
	CHECK_INT(run("/dev/sdc", NULL, false), 0);
	CHECK_INT(format(), 0);
	fake_file("/run/udev/data/b8:32", "S:disk/by-id/x\nE:REPLICA_UNTRUSTED=10\nE:ID_X=1\n");
	CHECK_INT(found(false, NULL), 1);
	fake_file("/run/udev/data/b8:32", "S:disk/by-id/x\nE:ID_X=1\nE:REPLICA_UNTRUSTED=1\n");
	CHECK_INT(found(false, NULL), 0);
	CHECK_INT(found(true, NULL), 1);
	CHECK_INT(found(false, "/dev/sdc"), 1);
	CHECK_INT(replica_activate(ctx, "vol", false, &activation), REPLICA_NOT_FOUND);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)),
		  "is on /dev/sdc, which a udev rule calls REPLICA_UNTRUSTED, or what it lies on");
	CHECK_INT(replica_activate(ctx, "other", false, &activation), REPLICA_NOT_FOUND);
	CHECK_HAS(replica_error_description(replica_last_error(ctx)), "no meta device holds");
	done();
}

/* Whatever is on top: somebody else writes what lies below. */
static void untrusted_below(void)
{
	dev_t top = makedev(253, 8);

	machine();
	fake_disk("vdx", "252:0", 1 << 20);
	fake_part("vdx", "vdx1", "252:1", 1 << 19);
	fake_dm("dm-7", "253:7", 1 << 19, "middle");
	fake_dm("dm-8", "253:8", 1 << 19, "top");
	fake_stack("dm-7", "vdx1");
	fake_stack("dm-8", "dm-7");
	CHECK(!replica_sysfs_untrusted(ctx, top));
	fake_file("/run/udev/data/b253:8", "E:REPLICA_UNTRUSTED=1\n");
	CHECK(replica_sysfs_untrusted(ctx, top));
	CHECK(!replica_sysfs_untrusted_below(ctx, top));
	fake_file("/run/udev/data/b253:8", "E:ID_X=1\n");
	fake_file("/run/udev/data/b252:0", "E:REPLICA_UNTRUSTED=1\n");
	CHECK(replica_sysfs_untrusted(ctx, top));
	CHECK(replica_sysfs_untrusted_below(ctx, top));
	CHECK(replica_sysfs_untrusted(ctx, makedev(252, 1)));
	CHECK(!replica_sysfs_untrusted_below(ctx, makedev(252, 0)));
	done();
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(fits), T(refused), T(signature), T(has_log), T(stable_paths),
		T(formatted), T(formatted_with_a_mode), T(scanned),
		T(untrusted), T(untrusted_below),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
