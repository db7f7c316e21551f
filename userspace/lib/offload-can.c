// SPDX-License-Identifier: LGPL-2.1-or-later
/* Can the devices copy by themselves?  Asked before a redeem is made; nothing is copied. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "offload.h"
#include "ondisk.h"

/* More pieces are not looked at beforehand: of a stripe each chunk is one. */
#define PIECES_MAX	65536
#define TEXT_OF(number)	#number
#define TEXT(number)	TEXT_OF(number)

struct pair {
	dev_t from;
	dev_t to;
};

static bool is_known(const struct pair *pairs, size_t count, const struct pair *pair)
{
	for (size_t i = 0; i < count; i++)
		if (pairs[i].from == pair->from && pairs[i].to == pair->to)
			return true;
	return false;
}

static bool pair_can(struct replica_ctx *ctx, const struct pair *pair, char *how)
{
	char why[REPLICA_OFFLOAD_WHY];
	struct replica_copier *copier = replica_copier_open(ctx, pair->from, pair->to, why);

	snprintf(how, REPLICA_OFFLOAD_WHY, "%s", copier ? replica_copier_name(copier) : why);
	replica_copier_close(copier);
	return copier;
}

/*
 * Each pair of disks that data would go between; one that cannot is enough to say no.  *all: not
 * when there are too many pieces to be looked at.
 */
static bool layers_can(struct replica_ctx *ctx, const struct replica_layer *base,
		       const struct replica_layer *target, uint64_t sectors, char *how, bool *all)
{
	struct pair pairs[REPLICA_COPIERS_MAX], pair;
	uint64_t sector = 0, a, b, run, at;
	size_t count = 0;

	for (int i = 0; sector < sectors && i < PIECES_MAX; i++) {
		a = replica_layer_at(base, sector, &pair.from, &at);
		b = replica_layer_at(target, sector, &pair.to, &at);
		run = a < b ? a : b;
		if (!run) {
			snprintf(how, REPLICA_OFFLOAD_WHY, "a device ends at sector %llu",
				 (unsigned long long)sector);
			return false;
		}
		sector += run;
		if (is_known(pairs, count, &pair))
			continue;
		if (count == REPLICA_COPIERS_MAX) {
			snprintf(how, REPLICA_OFFLOAD_WHY, REPLICA_COPIERS_TOO_MANY);
			return false;
		}
		if (!pair_can(ctx, &pair, how))
			return false;
		pairs[count++] = pair;
	}
	*all = sector >= sectors;
	return true;
}

bool replica_offload_can(struct replica_ctx *ctx, dev_t base, dev_t target, uint64_t sectors,
			 uint64_t region, char *how, bool *all)
{
	struct replica_layer *from, *to = NULL;
	bool can;

	*all = true;
	if (region > REPLICA_OFFLOAD_REGION) {
		snprintf(how, REPLICA_OFFLOAD_WHY,
			 "regions of more than 64 MiB are too large for it");
		return false;
	}
	from = replica_layer_read(ctx, base, how);
	if (from)
		to = replica_layer_read(ctx, target, how);
	can = from && to && layers_can(ctx, from, to, sectors, how, all);
	replica_layer_free(from);
	replica_layer_free(to);
	return can;
}

/* Behind the command by which they copy. */
static const char *reservation(bool all)
{
	return all ? "" : ", as far as the first " TEXT(PIECES_MAX) " pieces of them tell";
}

/* Of which size the kernel makes them. */
static uint64_t region_bytes(uint64_t sectors, const struct replica_settings *settings)
{
	if (settings && settings->present & REPLICA_SETTING_REGION_SIZE)
		return settings->region_size;
	return (uint64_t)replica_default_region_sectors(sectors) << SECTOR_SHIFT;
}

static void note(struct replica_check *check, uint32_t wish, bool can, bool all, const char *how)
{
	enum replica_check_code cannot = wish == REPLICA_OFFLOAD_MUST ?
					 REPLICA_CHECK_NO_OFFLOAD : REPLICA_CHECK_OFFLOAD;

	if (!can)
		replica_finding_add(check, cannot, REPLICA_PARAM_TARGET,
				    "the devices cannot copy by themselves: %s", how);
	else if (!all && wish == REPLICA_OFFLOAD_MUST)
		replica_finding_add(check, cannot, REPLICA_PARAM_TARGET,
				    "whether the devices can copy all of it by themselves is not known: it lies in more than %d pieces, and no more are looked at",
				    PIECES_MAX);
	else
		replica_finding_add(check, REPLICA_CHECK_OFFLOAD, REPLICA_PARAM_TARGET,
				    "the devices copy by themselves what the source has not overwritten, by %s%s",
				    how, reservation(all));
}

bool replica_offload_check(struct replica_check *check, dev_t base, uint64_t sectors,
			   uint32_t wish, const struct replica_settings *settings)
{
	char how[REPLICA_OFFLOAD_WHY];
	bool can, all;

	/* What cannot be looked at has been found already. */
	if (wish == REPLICA_OFFLOAD_NEVER || !check->target.devno)
		return false;
	can = replica_offload_can(check->ctx, base, check->target.devno, sectors,
				  region_bytes(sectors, settings), how, &all);
	note(check, wish, can, all, how);
	return can;
}

static int open_device(struct replica_ctx *ctx, const char *path, const char *param,
		       struct replica_blockdev *dev)
{
	int r = replica_sysfs_open(ctx, path, dev);

	if (!r)
		return REPLICA_SUCCESS;
	return replica_fail_errno(ctx, r, param, "%s cannot be examined", path);
}

EXPORT int replica_offload_possible(struct replica_ctx *ctx, const char *source, const char *target,
				    bool *can, char **how)
{
	struct replica_blockdev from, to;
	char text[REPLICA_OFFLOAD_WHY];
	uint64_t sectors;
	bool all;
	int ret;

	*can = false;
	*how = NULL;
	replica_error_begin(ctx, "GetOffload");
	ret = open_device(ctx, source, REPLICA_PARAM_SOURCE, &from);
	if (!ret)
		ret = open_device(ctx, target, REPLICA_PARAM_TARGET, &to);
	if (ret)
		return ret;
	sectors = (from.size < to.size ? from.size : to.size) >> SECTOR_SHIFT;
	*can = replica_offload_can(ctx, from.devno, to.devno, sectors, region_bytes(sectors, NULL),
				   text, &all);
	if (asprintf(how, "%s%s", text, *can ? reservation(all) : "") < 0)
		*how = NULL;
	return *how ? REPLICA_SUCCESS : replica_fail_memory(ctx);
}
