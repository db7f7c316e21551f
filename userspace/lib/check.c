// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The preflight: whether a replica may be made of two devices.  It changes
 * nothing and says all it finds at once.  The kernel opens the devices for
 * itself later, so what happens in between is still caught there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "attach.h"
#include "create-goals.h"
#include "genl.h"
#include "info.h"
#include "protect.h"
#include "signature.h"

bool replica_check_open(struct replica_check *c, const char *path,
			const char *param, struct replica_blockdev *dev)
{
	int r = replica_sysfs_open(c->ctx, path, dev);

	switch (-r) {
	case 0:
		return true;
	case ENOTBLK:
		replica_finding_add(c, REPLICA_CHECK_NOT_BLOCK, param,
				    "%s is not a block device", path);
		break;
	case EACCES:
	case EPERM:
		replica_finding_add(c, REPLICA_CHECK_PERMISSION, param,
				    "%s cannot be examined: %s", path, strerror(-r));
		break;
	case ENXIO:
		replica_finding_add(c, REPLICA_CHECK_NOT_FOUND, param,
				    "%s is a node without a device behind it", path);
		break;
	default:
		replica_finding_add(c, REPLICA_CHECK_NOT_FOUND, param,
				    "%s does not exist: %s", path, strerror(-r));
		break;
	}
	return false;
}

void replica_check_same(struct replica_check *c, const struct replica_blockdev *a,
			const struct replica_blockdev *b, const char *param)
{
	struct replica_finding *f;
	char number[32], other[48];

	if (a->devno != b->devno)
		return;
	snprintf(number, sizeof(number), "%u:%u", major(a->devno), minor(a->devno));
	snprintf(other, sizeof(other), "not %s", number);
	f = replica_finding_add(c, REPLICA_CHECK_SAME_DEVICE, param,
				"%s and %s are the same device (%s)", a->path,
				b->path, number);
	replica_finding_compare(c, f, number, other);
}

/*
 * Does a lie on b, or on the whole disk that b is a partition of, or on a
 * partition of b?  Two mapped devices that share a disk below do not overlap for
 * that, and nor do two partitions.
 */
static bool lies_on(struct replica_check *c, const struct replica_blockdev *a,
		    const struct replica_blockdev *b)
{
	struct replica_devs stack;

	replica_sysfs_stack(c->ctx, a->devno, &stack);
	for (size_t i = 0; i < stack.count; i++) {
		dev_t dev = stack.dev[i];

		if (dev == b->devno || dev == b->disk ||
		    replica_sysfs_disk(c->ctx, dev) == b->devno)
			return true;
	}
	return false;
}

void replica_check_overlap(struct replica_check *c, const struct replica_blockdev *a,
			   const struct replica_blockdev *b, const char *param)
{
	if (a->devno == b->devno)
		return;
	if (lies_on(c, a, b) || lies_on(c, b, a))
		replica_finding_add(c, REPLICA_CHECK_OVERLAP, param,
				    "%s and %s overlap: one is part of the other or lies on it",
				    a->path, b->path);
}

static void check_sizes(struct replica_check *c)
{
	unsigned long long have = c->target.size, want = c->source.size;
	enum replica_check_code code = REPLICA_CHECK_TOO_SMALL;
	char found[32], expected[48];
	struct replica_finding *f;

	if (!have)
		replica_finding_add(c, REPLICA_CHECK_EMPTY, REPLICA_PARAM_TARGET,
				    "%s has no size", c->target.path);
	if (!want || !have || want == have)
		return;
	if (have > want)
		code = REPLICA_CHECK_LARGER;
	f = replica_finding_add(c, code, REPLICA_PARAM_TARGET,
				code == REPLICA_CHECK_LARGER ?
				"%s has %llu bytes, more than the %llu of %s: its end is not used" :
				"%s has %llu bytes, less than the %llu of %s",
				c->target.path, have, want, c->source.path);
	snprintf(found, sizeof(found), "%llu", have);
	snprintf(expected, sizeof(expected), "%s%llu",
		 code == REPLICA_CHECK_LARGER ? "" : "at least ", want);
	replica_finding_compare(c, f, found, expected);
}

void replica_check_read_only(struct replica_check *c,
			     const struct replica_blockdev *dev, const char *param)
{
	if (dev->read_only)
		replica_finding_add(c, REPLICA_CHECK_READ_ONLY, param,
				    "%s is read-only", dev->path);
}

static void check_block_size(struct replica_check *c)
{
	struct replica_finding *f;
	char found[16], expected[16];

	if (!c->source.block_size || !c->target.block_size ||
	    c->source.block_size == c->target.block_size)
		return;
	f = replica_finding_add(c, REPLICA_CHECK_BLOCK_SIZE, REPLICA_PARAM_TARGET,
				"%s has logical blocks of %u bytes, %s of %u: the replica uses the larger",
				c->target.path, c->target.block_size,
				c->source.path, c->source.block_size);
	snprintf(found, sizeof(found), "%u", c->target.block_size);
	snprintf(expected, sizeof(expected), "%u", c->source.block_size);
	replica_finding_compare(c, f, found, expected);
}

/*
 * A target that is said to equal the source must carry what the source
 * carries; only then its signature is no reason to stop.
 */
static bool same_signature(struct replica_check *c,
			   const struct replica_signature *target)
{
	struct replica_signature source;

	return c->skip_copy &&
	       c->ctx->host->signature(c->ctx, c->source.path, &source) == 0 &&
	       strcmp(source.id, target->id) == 0;
}

void replica_check_signature(struct replica_check *c,
			     const struct replica_blockdev *dev, const char *param)
{
	struct replica_signature sig;
	struct replica_finding *f;
	int r = c->ctx->host->signature(c->ctx, dev->path, &sig);

	if (r && !replica_finding_has(c, REPLICA_CHECK_PERMISSION, param))
		replica_finding_add(c, REPLICA_CHECK_PERMISSION, param,
				    "%s cannot be searched for data: %s",
				    dev->path, strerror(-r));
	if (r || !sig.count || (dev == &c->target && same_signature(c, &sig)))
		return;
	f = replica_finding_add(c, REPLICA_CHECK_SIGNATURE, param, c->force ?
				"%s carries data that will be overwritten: %s" :
				"%s carries data: %s; use force to overwrite it",
				dev->path, sig.text);
	replica_finding_compare(c, f, sig.text, "no signature");
}

void replica_check_name(struct replica_check *c)
{
	const char *fault;

	if (!c->name || c->attach)
		return;
	fault = replica_name_fault(c->name);
	if (fault)
		replica_finding_add(c, REPLICA_CHECK_NAME_BAD, REPLICA_PARAM_NAME,
				    "\"%.140s\" cannot be a name: %s", c->name,
				    fault);
	else if (c->ctx->host->dm_exists(c->ctx, c->name) > 0)
		replica_finding_add(c, REPLICA_CHECK_NAME_TAKEN,
				    REPLICA_PARAM_NAME,
				    "there is already a mapped device \"%s\"",
				    c->name);
}

/* What is said of it beside any target, or none. */
static void check_source_alone(struct replica_check *c)
{
	if (!c->source.size)
		replica_finding_add(c, REPLICA_CHECK_EMPTY, REPLICA_PARAM_SOURCE,
				    "%s has no size", c->source.path);
	if (!c->token)
		replica_check_read_only(c, &c->source, REPLICA_PARAM_SOURCE);
}

void replica_check_run(struct replica_check *check, const char *source,
		       const char *target)
{
	bool has_source, has_target;

	has_source = replica_check_open(check, source, REPLICA_PARAM_SOURCE,
					&check->source);
	/* One that is yet to be cut from a pool needs no checks. */
	has_target = target && replica_check_open(check, target, REPLICA_PARAM_TARGET,
						  &check->target);
	if (has_source)
		check_source_alone(check);
	if (has_source && has_target) {
		replica_check_same(check, &check->source, &check->target,
				   REPLICA_PARAM_TARGET);
		replica_check_overlap(check, &check->source, &check->target,
				      REPLICA_PARAM_TARGET);
		check_sizes(check);
		replica_check_read_only(check, &check->target, REPLICA_PARAM_TARGET);
		check_block_size(check);
	}
	if (has_source && !check->token)
		replica_check_source(check);
	replica_check_name(check);
	if (!has_target || (has_source &&
			    check->source.devno == check->target.devno))
		return;
	replica_check_use(check, &check->target, REPLICA_PARAM_TARGET);
	if (check->source.suspended || check->target.suspended)
		return;				/* reading would wait */
	replica_check_signature(check, &check->target, REPLICA_PARAM_TARGET);
	replica_check_log(check, &check->target, REPLICA_PARAM_TARGET);
}

/* Without a module there is no replica that could have a leg. */
int replica_check_replicas(struct replica_check *check,
			   struct replica_info **list)
{
	struct replica_genl *g;
	int ret;

	*list = NULL;
	if (replica_genl_present(check->ctx) == 0) {
		replica_finding_add(check, REPLICA_CHECK_MODULE, NULL,
				    REPLICA_NO_MODULE);
		return REPLICA_SUCCESS;
	}
	ret = replica_genl_get(check->ctx, &g);
	if (!ret)
		ret = replica_info_list(check->ctx, g, list);
	check->replicas = *list;
	return ret;
}

/* All that args ask for, but for what is no matter of devices. */
int replica_check_args(struct replica_check *check, const struct replica_create_args *args,
		       struct replica_info **replicas)
{
	int ret = replica_check_replicas(check, replicas);

	if (ret)
		return ret;
	replica_check_run(check, args->source, args->target_storage_volume);
	replica_check_meta(check, args->meta, args->replication_settings);
	return replica_check_result(check);
}

EXPORT int replica_check_create(struct replica_ctx *ctx,
				const struct replica_create_args *args,
				uint64_t *meta_bytes, struct replica_finding **list)
{
	struct replica_check check = {
		.ctx = ctx, .name = args->element_name, .force = args->force,
		.skip_copy = args->skip_initial_copy, .no_attach = args->no_attach,
	};
	struct replica_info *replicas = NULL;
	int ret;

	*list = NULL;
	replica_error_begin(ctx, "CheckReplica");
	if (!args->source || !args->target_storage_volume)
		return replica_fail(ctx, REPLICA_INVALID_PARAMETER, EINVAL,
				    args->source ? REPLICA_PARAM_TARGET :
				    REPLICA_PARAM_SOURCE,
				    "source and target must be given");
	ret = replica_goals_check(ctx, args);
	if (!ret)
		ret = replica_room_check(ctx, args->replication_settings);
	if (ret)
		return ret;
	ret = replica_check_args(&check, args, &replicas);
	if (!ret)
		ret = replica_protect_check_create(&check, args);
	replica_info_free(replicas);
	*list = check.findings;
	if (meta_bytes)
		*meta_bytes = check.meta_bytes;
	return ret;
}

EXPORT int replica_check(struct replica_ctx *ctx, const char *source,
			 const char *target, const char *name, bool force,
			 struct replica_finding **list)
{
	const struct replica_create_args args = {
		.size = sizeof(args), .source = source, .element_name = name,
		.target_storage_volume = target, .force = force,
	};

	return replica_check_create(ctx, &args, NULL, list);
}
