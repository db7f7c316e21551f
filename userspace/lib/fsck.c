// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checks a meta device and repairs it.  The rule of all repair: afterwards at least
 * those regions may differ that may have differed before.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsck.h"
#include "ondisk.h"
#include "scan.h"
#include "sysfs.h"

#define SECTOR_SIZE	DM_REPLICA_LOG_SECTOR_SIZE

EXPORT void replica_meta_fault_free(struct replica_meta_fault *list)
{
	struct replica_meta_fault *next;

	for (; list; list = next) {
		next = list->next;
		free(list->sentence);
		free(list);
	}
}

/* ------------------------------------------------------------------------ */
/* Faults */

static void add_fault(struct replica_fsck *k, uint32_t code, uint64_t offset, uint64_t count,
		      const char *fmt, ...) __printf(5, 6);

static void add_fault(struct replica_fsck *k, uint32_t code, uint64_t offset, uint64_t count,
		      const char *fmt, ...)
{
	struct replica_meta_fault *f = calloc(1, sizeof(*f)), **at = &k->faults;
	va_list ap;

	if (!f) {
		k->no_memory = true;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&f->sentence, fmt, ap) < 0) {
		f->sentence = NULL;
		k->no_memory = true;
	}
	va_end(ap);
	f->code = code;
	f->offset = offset;
	f->count = count;
	while (*at)
		at = &(*at)->next;
	*at = f;
}

static uint64_t copy_offset(unsigned int copy)
{
	return (copy ? DM_REPLICA_SB_BLOCK_1 : DM_REPLICA_SB_BLOCK_0) *
	       (uint64_t)DM_REPLICA_BLOCK_SIZE;
}

static void find_superblocks(struct replica_fsck *k)
{
	const struct replica_meta *m = &k->meta;
	unsigned int other = !m->copy;

	if (m->verdict[other] != REPLICA_BLOCK_GOOD)
		add_fault(k, REPLICA_META_FAULT_SUPERBLOCK, copy_offset(other), 1,
			  "superblock copy %u is %s, copy %u is good", other,
			  replica_enum_name(REPLICA_ENUM_META_VERDICT, m->verdict[other]),
			  m->copy);
	else if (memcmp(&m->sb[0], &m->sb[1], sizeof(m->sb[0])))
		add_fault(k, REPLICA_META_FAULT_COPIES, copy_offset(other), 1,
			  "superblock copy %u has version %llu, which is older than the %llu of copy %u, or of another log",
			  other, (unsigned long long)le64_to_cpu(m->sb[other].seq),
			  (unsigned long long)le64_to_cpu(m->sb[m->copy].seq), m->copy);
}

static void find_size(struct replica_fsck *k)
{
	unsigned long long need = k->meta.geometry.blocks * DM_REPLICA_BLOCK_SIZE;

	if (k->meta.size < need)
		add_fault(k, REPLICA_META_FAULT_SIZE, k->meta.size, 1,
			  "the device has %llu bytes, and the log needs %llu",
			  (unsigned long long)k->meta.size, need);
}

/* Damaged sectors of a kind that follow each other are one fault. */
static void find_damage(struct replica_fsck *k)
{
	const struct replica_meta *m = &k->meta;
	size_t i, n;

	for (i = 0; i < m->nr_damage; i += n) {
		const struct replica_meta_damage *d = &m->damage[i];
		uint64_t regions = 0;

		for (n = 0; i + n < m->nr_damage && d[n].intents == d->intents &&
		     d[n].offset == d->offset + n * SECTOR_SIZE; n++)
			regions += d[n].regions;
		if (d->intents)
			add_fault(k, REPLICA_META_FAULT_INTENTS, d->offset, n,
				  "%zu sector%s of the intents from byte %llu on %s damaged: %s",
				  n, n == 1 ? "" : "s", (unsigned long long)d->offset,
				  n == 1 ? "is" : "are", d->regions ?
				  "all regions may differ" :
				  "of no importance, as the log was ended in order");
		else
			add_fault(k, REPLICA_META_FAULT_BITMAP, d->offset, n,
				  "%zu sector%s of the bitmap from byte %llu on %s damaged: %llu regions may differ",
				  n, n == 1 ? "" : "s", (unsigned long long)d->offset,
				  n == 1 ? "is" : "are", (unsigned long long)regions);
	}
}

int replica_fsck_find(struct replica_fsck *k, int fd, uint64_t size)
{
	if (replica_meta_read(&k->meta, fd, size))
		return -ENOMEM;
	if (k->meta.copy < 0)
		return -ENODATA;
	find_superblocks(k);
	find_size(k);
	find_damage(k);
	return k->no_memory ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------------ */
/* Repair */

static void set_repaired(struct replica_fsck *k, uint32_t code)
{
	for (struct replica_meta_fault *f = k->faults; f; f = f->next)
		if (f->code == code)
			f->repaired = true;
}

/* Both copies, one after the other, as a new version. */
static int write_superblocks(struct replica_fsck *k, int fd)
{
	struct dm_replica_superblock sb = k->meta.sb[k->meta.copy];
	unsigned int bad = !k->meta.copy;
	int r;

	sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
	if (k->lost)
		sb.flags |= cpu_to_le16(DM_REPLICA_SB_LOST);
	replica_sb_seal(&sb);
	r = replica_meta_write_superblock(fd, bad, &sb);
	if (!r)
		r = replica_meta_write_superblock(fd, !bad, &sb);
	if (r)
		return r;
	set_repaired(k, REPLICA_META_FAULT_SUPERBLOCK);
	set_repaired(k, REPLICA_META_FAULT_COPIES);
	return 0;
}

static int repair_sector(struct replica_fsck *k, int fd, const struct replica_meta_damage *d)
{
	const uint8_t *uuid = k->meta.sb[k->meta.copy].uuid;
	struct dm_replica_log_sector sector;

	memset(&sector, 0, sizeof(sector));
	if (d->intents)
		memset(sector.intents, 0xff, sizeof(sector.intents));
	for (uint64_t i = 0; !d->intents && i < d->regions; i++)
		sector.bitmap[i / 8] |= 1 << i % 8;
	return replica_meta_write_sector(fd, &sector,
					 d->intents ? DM_REPLICA_LOG_INTENTS :
						      DM_REPLICA_LOG_BITMAP,
					 uuid, d->offset / SECTOR_SIZE);
}

static int repair_sectors(struct replica_fsck *k, int fd)
{
	const struct replica_meta *m = &k->meta;
	int r = 0;

	for (size_t i = 0; i < m->nr_damage && !r; i++)
		if (m->damage[i].offset + SECTOR_SIZE <= m->size)
			r = repair_sector(k, fd, &m->damage[i]);
	if (!r && m->nr_damage && fsync(fd))
		r = -errno;
	if (r || m->size < m->geometry.blocks * DM_REPLICA_BLOCK_SIZE)
		return r;
	set_repaired(k, REPLICA_META_FAULT_INTENTS);
	set_repaired(k, REPLICA_META_FAULT_BITMAP);
	return 0;
}

/*
 * That all regions may differ is durable before damaged intents, which said so, are
 * made empty ones.
 */
int replica_fsck_repair(struct replica_fsck *k, int fd)
{
	const struct replica_meta *m = &k->meta;
	bool clone = le64_to_cpu(m->sb[m->copy].incompat) & DM_REPLICA_FEATURE_INCOMPAT_CLONE;
	int r = 0;

	/* What a clone does not know any more must not be copied again: that ends it. */
	for (size_t i = 0; i < m->nr_damage; i++)
		k->lost |= clone || (m->damage[i].intents && m->damage[i].regions);
	if (k->faults)
		r = write_superblocks(k, fd);
	return r ? r : repair_sectors(k, fd);
}

void replica_fsck_clear(struct replica_fsck *k)
{
	replica_meta_clear(&k->meta);
	replica_meta_fault_free(k->faults);
	k->faults = NULL;
}

/* ------------------------------------------------------------------------ */

static int fail_busy(struct replica_ctx *ctx, const char *path, const char *user)
{
	return replica_fail(ctx, REPLICA_FAILED, REPLICA_SM_IN_USE, "MetaDevice",
			    "%s is in use%s%s%s and is not repaired", path,
			    user ? " by replica \"" : "", user ? user : "", user ? "\"" : "");
}

/* Reading beside a replica that writes would find faults that are none. */
static int check_unused(struct replica_ctx *ctx, const char *path, bool repair)
{
	const struct replica_info *user;
	struct replica_info *replicas;
	dev_t devno;
	int ret;

	if (!repair || ctx->host->devno(ctx, path, &devno))
		return REPLICA_SUCCESS;
	ret = replica_scan_replicas(ctx, &replicas);
	if (ret)
		return ret;
	user = replica_scan_user(replicas, devno);
	if (user)
		ret = fail_busy(ctx, path, user->name);
	replica_info_free(replicas);
	return ret;
}

static int verdict(struct replica_ctx *ctx, const char *path, const struct replica_fsck *k)
{
	unsigned int left = 0;

	for (const struct replica_meta_fault *f = k->faults; f; f = f->next)
		left += !f->repaired;
	if (!left)
		return REPLICA_SUCCESS;
	return replica_fail(ctx, REPLICA_FAILED, EUCLEAN, "MetaDevice",
			    "the log on %s has %u fault%s", path, left, left == 1 ? "" : "s");
}

static int run(struct replica_ctx *ctx, struct replica_fsck *k, const char *path, bool repair)
{
	uint64_t size;
	int fd = replica_meta_open_file(ctx, path, repair, repair, &size), r;

	if (fd == -EBUSY && repair)
		return fail_busy(ctx, path, NULL);
	if (fd < 0)
		return replica_fail_errno(ctx, fd, "MetaDevice", "%s cannot be checked", path);
	r = replica_fsck_find(k, fd, size);
	if (r == -ENODATA)
		replica_fail(ctx, REPLICA_INVALID_PARAMETER, r, "MetaDevice",
			     "%s holds no log: its superblocks are %s and %s", path,
			     replica_enum_name(REPLICA_ENUM_META_VERDICT, k->meta.verdict[0]),
			     replica_enum_name(REPLICA_ENUM_META_VERDICT, k->meta.verdict[1]));
	else if (r)
		replica_fail_memory(ctx);
	else if (repair)
		r = replica_fsck_repair(k, fd);
	if (r && r != -ENODATA && r != -ENOMEM)
		replica_fail_errno(ctx, r, "MetaDevice", "%s cannot be repaired", path);
	close(fd);
	return r ? ctx->err.status_code : verdict(ctx, path, k);
}

EXPORT int replica_meta_check(struct replica_ctx *ctx, const char *path, bool repair,
			      struct replica_meta_fault **list)
{
	struct replica_fsck k = { .faults = NULL };
	int ret;

	*list = NULL;
	replica_error_begin(ctx, "CheckMetaDevice");
	ret = check_unused(ctx, path, repair);
	if (!ret) {
		k.meta.copy = -1;
		ret = run(ctx, &k, path, repair);
	}
	*list = k.faults;
	k.faults = NULL;
	replica_fsck_clear(&k);
	return ret;
}
