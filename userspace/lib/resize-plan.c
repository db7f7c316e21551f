// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether a replica may get another size: every reason against it, with its sentence. */
#include <stdio.h>

#include "resize-plan.h"

#define SECTOR_SIZE	(1u << SECTOR_SHIFT)

/* "expected" is a prefix and a number. */
static void compare(struct replica_resize_plan *plan, struct replica_finding *finding,
		    uint64_t found, const char *prefix, uint64_t expected)
{
	char have[32], want[64];

	snprintf(have, sizeof(have), "%llu", (unsigned long long)found);
	snprintf(want, sizeof(want), "%s %llu", prefix, (unsigned long long)expected);
	replica_finding_compare(plan->check, finding, have, want);
}

static const struct replica_blockdev *coarser(const struct replica_check *c)
{
	return c->target.block_size > c->source.block_size ? &c->target : &c->source;
}

static unsigned int block_size(const struct replica_check *c)
{
	unsigned int size = coarser(c)->block_size;

	return size > SECTOR_SIZE ? size : SECTOR_SIZE;
}

static void choose(struct replica_resize_plan *plan)
{
	const struct replica_check *c = plan->check;
	const struct replica_blockdev *less = c->target.size < c->source.size ? &c->target :
					      &c->source;

	plan->bytes = plan->wanted;
	if (plan->wanted)
		return;
	plan->bytes = less->size - less->size % block_size(c);
	if (c->target.size != c->source.size)
		plan->limit = less;
}

static void check_suspended(struct replica_resize_plan *plan,
			    const struct replica_blockdev *dev, const char *param)
{
	struct replica_finding *f;

	if (!dev->devno || !dev->suspended)
		return;
	f = replica_finding_add(plan->check, REPLICA_CHECK_SUSPENDED, param,
				"mapped device %s is suspended", dev->path);
	replica_finding_compare(plan->check, f, "suspended", "active");
}

static void check_active(struct replica_resize_plan *plan)
{
	const struct replica_check *c = plan->check;
	struct replica_finding *f;

	if (plan->info->dm_suspended) {
		f = replica_finding_add(plan->check, REPLICA_CHECK_SUSPENDED, REPLICA_PARAM_NAME,
					"the mapped device of replica \"%s\" is suspended",
					plan->info->name);
		replica_finding_compare(plan->check, f, "suspended", "active");
	}
	check_suspended(plan, &c->source, REPLICA_PARAM_SOURCE);
	check_suspended(plan, &c->target, REPLICA_PARAM_TARGET);
	check_suspended(plan, &c->meta, REPLICA_PARAM_META);
}

static void check_alignment(struct replica_resize_plan *plan)
{
	unsigned int block = block_size(plan->check);
	struct replica_finding *f;

	if (plan->bytes % block == 0)
		return;
	f = replica_finding_add(plan->check, REPLICA_CHECK_ALIGNMENT, REPLICA_PARAM_SIZE,
				"a size of %llu bytes is no multiple of the logical blocks of %s, which have %u",
				(unsigned long long)plan->bytes, coarser(plan->check)->path, block);
	compare(plan, f, plan->bytes, "a multiple of", block);
}

static void check_shrink(struct replica_resize_plan *plan)
{
	struct replica_finding *f;

	if (!plan->wanted || plan->bytes >= plan->info->size)
		return;
	f = replica_finding_add(plan->check, REPLICA_CHECK_SHRINK, REPLICA_PARAM_SIZE,
				"replica \"%s\" has %llu bytes and cannot shrink to %llu",
				plan->info->name, (unsigned long long)plan->info->size,
				(unsigned long long)plan->bytes);
	compare(plan, f, plan->bytes, "more than", plan->info->size);
}

/* A leg may also have become smaller than what is mirrored. */
static void check_leg(struct replica_resize_plan *plan, const struct replica_blockdev *leg,
		      const char *param)
{
	bool shrunk = leg->size < plan->info->size;
	unsigned long long need = shrunk ? plan->info->size : plan->bytes;
	struct replica_finding *f;

	if (leg->size >= need)
		return;
	f = replica_finding_add(plan->check, REPLICA_CHECK_TOO_SMALL, param, shrunk ?
				"%s has %llu bytes, less than the %llu that are mirrored" :
				"%s has %llu bytes, less than the new size of %llu",
				leg->path, (unsigned long long)leg->size, need);
	compare(plan, f, leg->size, "at least", need);
}

static uint64_t least_region(uint64_t bytes)
{
	uint64_t region = DM_REPLICA_BLOCK_SIZE;

	while ((bytes - 1) / region >= DM_REPLICA_REGIONS_MAX)
		region *= 2;
	return region;
}

static bool check_regions(struct replica_resize_plan *plan)
{
	uint64_t region = plan->info->region_size;
	struct replica_finding *f;

	if (!region || (plan->bytes - 1) / region < DM_REPLICA_REGIONS_MAX)
		return true;
	f = replica_finding_add(plan->check, REPLICA_CHECK_TOO_SMALL, "region_size",
				"region_size is too small: %llu bytes would be more than %u regions of %llu",
				(unsigned long long)plan->bytes, DM_REPLICA_REGIONS_MAX,
				(unsigned long long)region);
	compare(plan, f, region, "at least", least_region(plan->bytes));
	return false;
}

static void check_meta(struct replica_resize_plan *plan)
{
	const struct replica_blockdev *meta = &plan->check->meta;
	struct replica_geometry grown;
	struct replica_finding *f;

	if (!meta->devno || !plan->log.regions)
		return;
	replica_geometry_grow(&grown, &plan->log, plan->bytes >> SECTOR_SHIFT);
	plan->meta_bytes = grown.blocks * DM_REPLICA_BLOCK_SIZE;
	if (meta->size >= plan->meta_bytes)
		return;
	f = replica_finding_add(plan->check, REPLICA_CHECK_TOO_SMALL, REPLICA_PARAM_META,
				"%s has %llu bytes, and %llu are needed for the log of the new size",
				meta->path, (unsigned long long)meta->size,
				(unsigned long long)plan->meta_bytes);
	compare(plan, f, meta->size, "at least", plan->meta_bytes);
}

void replica_resize_decide(struct replica_resize_plan *plan)
{
	choose(plan);
	if (plan->bytes == plan->info->size)
		return;
	check_active(plan);
	check_alignment(plan);
	check_shrink(plan);
	check_leg(plan, &plan->check->source, REPLICA_PARAM_SOURCE);
	check_leg(plan, &plan->check->target, REPLICA_PARAM_TARGET);
	if (plan->bytes > plan->info->size && check_regions(plan))
		check_meta(plan);
}
