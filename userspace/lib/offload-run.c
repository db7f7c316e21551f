// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The process that has the devices of a redeem copy: claims a run of regions, sends the
 * commands, and when they are over asks what the source has overwritten meanwhile.  What it
 * has not, and only that, is called copied.  Documentation/design/offload.rst says why that
 * is enough.
 *
 * What is claimed ends with its own connection to the kernel, which stays open until it dies.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "genl.h"
#include "info.h"
#include "offload.h"
#include "registry.h"
#include "sysfs.h"
#include "table.h"
#include "token.h"

/*
 * A claim that took less than a third of that is followed by one of twice the size, or half when
 * it took more.  All of it counts as one request to the kernel, which has a quarter of
 * replica_timeout at most.
 */
#define SLOW_MS		1000
#define TIMEOUT_PART	4
#define STEP_BEGIN	(4ULL << (20 - SECTOR_SHIFT))

#define NOWHERE		UINT64_MAX

/* A word to the kernel so often while a rate limit makes us wait. */
#define WORD_MS		3000

/* What it all lies on. */
struct stack {
	char token[DM_REPLICA_NAME_LEN];
	char uuid[DM_REPLICA_UUID_LEN];	/* of the token's device */
	dev_t redeem;
	dev_t snapshot;
	dev_t store;
	unsigned int chunk;
	uint64_t sectors;
	struct replica_layer *base;
	struct replica_layer *target;
};

struct pair {
	dev_t from;
	dev_t to;
	struct replica_copier *copier;
};

struct run {
	struct replica_ctx *ctx;
	struct replica_genl *g;
	const char *name;
	struct stack stack;
	struct replica_exceptions exceptions;
	uint64_t size;			/* sectors */
	uint64_t region;		/* likewise */
	uint64_t step;			/* likewise, of the next claim */
	uint32_t rate;			/* MiB/s, 0: no limit */
	uint32_t slow_ms;		/* what a claim should not take */
	struct pair pairs[REPLICA_COPIERS_MAX];
	size_t nr_pairs;
	uint64_t suspect;		/* a sector that is not as at its source, or NOWHERE */
	char why[REPLICA_OFFLOAD_WHY];	/* the kernel is to copy the rest; "": there is none */
};

static bool give_up(struct run *run, const char *why)
{
	snprintf(run->why, sizeof(run->why), "%s", why);
	return false;
}

/* ------------------------------------------------------------------------ */
/* The stack */

static void clear_stack(struct stack *stack)
{
	replica_layer_free(stack->base);
	replica_layer_free(stack->target);
	memset(stack, 0, sizeof(*stack));
}

/* The devices of the redeem, by its table: leg and target. */
static bool read_legs(const struct replica_lines *redeem, dev_t *leg, dev_t *target)
{
	char words[2][32];

	return redeem && replica_lines_only(redeem, REPLICA_TARGET_NAME) &&
	       sscanf(redeem->line[0].params, "%31s %31s", words[0], words[1]) == 2 &&
	       !replica_parse_devno(words[0], leg) && !replica_parse_devno(words[1], target);
}

static const struct replica_lines *find_token(const struct replica_maps *maps,
					      const struct replica_lines *redeem, dev_t leg)
{
	const char *id = redeem ? replica_id_of(redeem->uuid, REPLICA_REDEEM_UUID_PREFIX) : NULL;
	const struct replica_lines *map;

	map = id ? replica_map_by_uuid(maps, REPLICA_LEG_UUID_PREFIX, id) : NULL;
	return map && map->dev == leg ? replica_token_below(maps, map) : NULL;
}

static bool describe_snapshot(struct run *run, struct stack *stack, const struct replica_snap *snap)
{
	if (!snap->base || !snap->upper || !snap->store)
		return give_up(run, "the token is not complete");
	snprintf(stack->uuid, sizeof(stack->uuid), "%s", snap->self->uuid);
	stack->snapshot = snap->self->dev;
	stack->store = snap->store;
	stack->chunk = snap->chunk;
	stack->sectors = replica_lines_sectors(snap->self);
	stack->base = replica_layer_read(run->ctx, snap->base->dev, run->why);
	return stack->base;
}

static bool read_snapshot(struct run *run, struct stack *stack)
{
	struct replica_snap snap;
	bool ok = !replica_snap_find(run->ctx, stack->token, &snap) &&
		  describe_snapshot(run, stack, &snap);

	replica_snap_clear(&snap);
	if (!ok && !run->why[0])
		give_up(run, "the snapshot of the token is not found");
	return ok;
}

static bool read_redeem(struct run *run, struct stack *stack, dev_t *target)
{
	const struct replica_lines *redeem, *token;
	struct replica_maps maps;
	dev_t leg;
	bool ok;

	if (replica_maps_read(run->ctx, &maps))
		return give_up(run, "device-mapper does not list its devices");
	redeem = replica_map_by_name(&maps, run->name);
	token = read_legs(redeem, &leg, target) ? find_token(&maps, redeem, leg) : NULL;
	ok = token;
	if (ok) {
		stack->redeem = redeem->dev;
		strcpy(stack->token, token->name);
	}
	replica_maps_clear(&maps);
	return ok || give_up(run, "it is no redeem of a token");
}

/* False with the reason. */
static bool read_stack(struct run *run, struct stack *stack)
{
	dev_t target;

	memset(stack, 0, sizeof(*stack));
	if (read_redeem(run, stack, &target) && read_snapshot(run, stack))
		stack->target = replica_layer_read(run->ctx, target, run->why);
	if (stack->target)
		return true;
	clear_stack(stack);
	return false;
}

static bool same_stack(const struct stack *a, const struct stack *b)
{
	return !strcmp(a->uuid, b->uuid) && a->redeem == b->redeem &&
	       a->snapshot == b->snapshot && a->store == b->store && a->chunk == b->chunk &&
	       a->sectors == b->sectors && replica_layer_same(a->base, b->base) &&
	       replica_layer_same(a->target, b->target);
}

/* ------------------------------------------------------------------------ */
/* Copying */

static struct replica_copier *find_copier(struct run *run, dev_t from, dev_t to)
{
	struct pair *pair;

	for (size_t i = 0; i < run->nr_pairs; i++)
		if (run->pairs[i].from == from && run->pairs[i].to == to)
			return run->pairs[i].copier;
	if (run->nr_pairs == REPLICA_COPIERS_MAX) {
		give_up(run, REPLICA_COPIERS_TOO_MANY);
		return NULL;
	}
	pair = &run->pairs[run->nr_pairs];
	*pair = (struct pair){ from, to, replica_copier_open(run->ctx, from, to, run->why) };
	run->nr_pairs += !!pair->copier;
	return pair->copier;
}

static bool copy_run(struct run *run, uint64_t sector, uint64_t end)
{
	struct replica_copier *copier;
	uint64_t from, to, a, b, n;
	dev_t from_disk, to_disk;

	for (; sector < end; sector += n) {
		a = replica_layer_at(run->stack.base, sector, &from_disk, &from);
		b = replica_layer_at(run->stack.target, sector, &to_disk, &to);
		n = a < b ? a : b;
		if (!n)
			return give_up(run, "a device ends before its data");
		if (n > end - sector)
			n = end - sector;
		copier = find_copier(run, from_disk, to_disk);
		if (!copier || replica_copier_copy(copier, from, to, n, run->why))
			return false;
		/* Or its source has been overwritten meanwhile: believe() finds out. */
		if (replica_copier_lies(copier)) {
			run->suspect = sector + n - 1;
			return false;
		}
	}
	return true;
}

static uint64_t region_end(const struct run *run, uint64_t region)
{
	uint64_t sector = region * run->region;

	return sector < run->stack.sectors ? sector : run->stack.sectors;
}

/* From first to *end, in regions; after a failure *end is where it was. */
static bool copy_regions(struct run *run, uint64_t first, uint64_t *end)
{
	bool any;
	uint64_t next;

	for (; first < *end; first = next) {
		next = replica_exceptions_run(&run->exceptions, first, *end, &any);
		/* What has been overwritten already is the kernel's in any case. */
		if (any)
			continue;
		if (!copy_run(run, region_end(run, first), region_end(run, next))) {
			*end = first;
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------------ */
/* What may be called copied */

/*
 * All commands are over.  Whatever the source has overwritten before that stands in the store
 * by now: dm-snapshot lets such a write go on when its exception is there.  If that could not
 * be written, the snapshot is invalid by now.
 */
static bool look_again(struct run *run)
{
	struct replica_usage usage;
	struct stack now;
	bool same;

	if (!read_stack(run, &now))
		return false;
	same = same_stack(&run->stack, &now);
	clear_stack(&now);
	if (!same)
		return give_up(run, "the tables of the devices have changed");
	if (replica_exceptions_read(&run->exceptions))
		return give_up(run, "the store of the token cannot be read");
	if (replica_snap_usage(run->stack.token, &usage) || !usage.valid)
		return give_up(run, "the token is lost: its store is full, or failed");
	return true;
}

/*
 * What the source has not overwritten is as it was when the command copied it.  What was looked
 * at may begin in the region before, if the last one is short.
 */
static bool believe(struct run *run)
{
	uint64_t region = run->suspect / run->region, first = region ? region - 1 : 0;
	bool any = true;

	if (run->suspect != NOWHERE)
		any = replica_exceptions_run(&run->exceptions, first, region + 1, &any) <= region ||
		      any;
	run->suspect = NOWHERE;
	return any || give_up(run, "a disk says that it has copied what is not there");
}

static int report(struct run *run, uint64_t first, uint64_t end)
{
	uint64_t next, sector;
	int ret = REPLICA_SUCCESS;
	bool any;

	for (; !ret && first < end; first = next) {
		next = replica_exceptions_run(&run->exceptions, first, end, &any);
		if (any)
			continue;
		sector = region_end(run, first);
		ret = replica_offload_copied(run->ctx, run->g, run->name, sector,
					     region_end(run, next) - sector);
	}
	return ret;
}

static uint32_t slow_of(const struct replica_settings *settings)
{
	uint32_t part = settings->replica_timeout_ms / TIMEOUT_PART;

	return part && part < SLOW_MS ? part : SLOW_MS;
}

/* It may change at any time. */
static int read_settings(struct run *run)
{
	struct replica_info *info;
	int ret = replica_info_read(run->ctx, run->g, run->name, &info);

	if (ret)
		return ret;
	run->region = info->region_size >> SECTOR_SHIFT;
	run->size = info->size >> SECTOR_SHIFT;
	run->rate = info->settings.resync_rate;
	run->slow_ms = slow_of(&info->settings);
	replica_info_free(info);
	return REPLICA_SUCCESS;
}

/* The limit of the kernel's copying is one of this too.  Nothing is claimed meanwhile. */
static int pace(struct run *run, uint64_t sectors, uint64_t start)
{
	uint64_t end, now;
	int ret = read_settings(run);

	if (ret || !run->rate)
		return ret;
	end = start + sectors * 1000 / ((uint64_t)run->rate << (20 - SECTOR_SHIFT));
	while (!ret && (now = replica_now_ms()) < end) {
		uint64_t ms = end - now < WORD_MS ? end - now : WORD_MS;
		const struct timespec nap = { ms / 1000, ms % 1000 * 1000000 };

		nanosleep(&nap, NULL);
		ret = replica_offload_release(run->ctx, run->g, run->name);
	}
	return ret;
}

static void adapt(struct run *run, uint64_t ms)
{
	if (ms < run->slow_ms / 3 && run->step < DM_REPLICA_CLAIM_MAX)
		run->step *= 2;
	else if (ms > run->slow_ms && run->step / 2 >= run->region)
		run->step /= 2;
}

/* *more: there is something left that could be copied so. */
static int deal_with(struct run *run, uint64_t sector, uint64_t sectors, bool *more)
{
	uint64_t first = sector / run->region, start = replica_now_ms();
	uint64_t end = (sector + sectors + run->region - 1) / run->region;
	bool copied = copy_regions(run, first, &end);
	char why[REPLICA_OFFLOAD_WHY];
	int ret = REPLICA_SUCCESS;

	strcpy(why, run->why);
	*more = look_again(run) && believe(run);
	if (*more)
		ret = report(run, first, end);
	if (!copied && why[0]) {
		strcpy(run->why, why);
		*more = false;
	}
	adapt(run, replica_now_ms() - start);
	if (!ret)
		ret = replica_offload_release(run->ctx, run->g, run->name);
	return ret || !*more ? ret : pace(run, sectors, start);
}

static int copy_all(struct run *run)
{
	uint64_t sector, sectors, at = 0;
	int ret = REPLICA_SUCCESS;
	bool more = true;

	while (!ret && more && at < run->stack.sectors) {
		sector = at;
		sectors = run->step < run->stack.sectors - at ? run->step :
			  run->stack.sectors - at;
		at += sectors;
		ret = replica_offload_claim(run->ctx, run->g, run->name, &sector, &sectors);
		if (ret || !sectors)
			continue;
		at = sector + sectors;
		ret = deal_with(run, sector, sectors, &more);
	}
	return ret;
}

/* ------------------------------------------------------------------------ */

static bool open_store(struct run *run)
{
	const struct stack *s = &run->stack;
	char path[PATH_MAX];
	dev_t found;

	replica_sysfs_path(run->ctx, s->store, path, sizeof(path));
	if (run->ctx->host->devno(run->ctx, path, &found) || found != s->store)
		return give_up(run, "the store of the token has no node in /dev");
	if (replica_exceptions_open(run->ctx, path, s->chunk, s->sectors, run->region,
				    &run->exceptions) ||
	    replica_exceptions_read(&run->exceptions))
		return give_up(run, "the store of the token cannot be read");
	return true;
}

/* From here on the kernel hears at once when this process ends. */
static int begin(struct run *run)
{
	uint64_t sector = 0, sectors = run->region < run->size ? run->region : run->size;
	int ret = replica_offload_claim(run->ctx, run->g, run->name, &sector, &sectors);

	return ret ? ret : replica_offload_release(run->ctx, run->g, run->name);
}

static int run_all(struct run *run)
{
	int ret = read_settings(run);

	run->step = run->region > STEP_BEGIN || run->slow_ms < SLOW_MS ? run->region : STEP_BEGIN;
	if (!ret)
		ret = begin(run);
	if (!ret && read_stack(run, &run->stack) && open_store(run))
		ret = copy_all(run);
	if (ret)
		return ret;
	return replica_offload_finish(run->ctx, run->g, run->name, run->why[0] ? run->why : NULL);
}

static void end_run(struct run *run)
{
	for (size_t i = 0; i < run->nr_pairs; i++)
		replica_copier_close(run->pairs[i].copier);
	replica_exceptions_close(&run->exceptions);
	clear_stack(&run->stack);
	replica_genl_close(run->g);
	free(run);
}

/* The redeem, or its job, is over, or the kernel does not wait any more: no failure. */
static bool is_over(struct replica_ctx *ctx, int ret)
{
	return replica_is_gone(ctx, ret) || ret == REPLICA_NOT_FOUND ||
	       (ret && replica_error_sm_code(&ctx->err) == REPLICA_SM_IN_USE);
}

EXPORT int replica_offload_run(struct replica_ctx *ctx, const char *name)
{
	struct run *run = calloc(1, sizeof(*run));
	int ret;

	replica_error_begin(ctx, "OffloadCopy");
	if (!run)
		return replica_fail_memory(ctx);
	run->ctx = ctx;
	run->name = name;
	run->exceptions.fd = -1;
	run->suspect = NOWHERE;
	ret = replica_genl_open(ctx, &run->g);
	if (!ret)
		ret = run_all(run);
	end_run(run);
	if (!is_over(ctx, ret))
		return ret;
	replica_error_clear(ctx);
	return REPLICA_SUCCESS;
}
