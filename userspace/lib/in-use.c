// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is a device in use, and by what?  From the most telling answer to the least:
 * the exclusive open at the end knows everything and says nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static bool leg_is(const char *leg, dev_t devno)
{
	dev_t dev;

	return leg && replica_parse_devno(leg, &dev) == 0 && dev == devno;
}

static bool check_replicas(struct replica_check *c,
			   const struct replica_blockdev *dev, const char *param)
{
	for (const struct replica_info *i = c->replicas; i; i = i->next) {
		const char *role = leg_is(i->origin, dev->devno) ? "origin" :
				   leg_is(i->replica, dev->devno) ? "replica" :
				   leg_is(i->meta, dev->devno) ? "meta device" : NULL;

		if (!role)
			continue;
		replica_finding_add(c, REPLICA_CHECK_IN_REPLICA, param,
				    "%s is already the %s of replica \"%s\"",
				    dev->path, role, i->name);
		return true;
	}
	return false;
}

static bool check_mounts(struct replica_check *c,
			 const struct replica_blockdev *dev, const char *param)
{
	struct replica_devs parts, self = { .count = 1, .dev = { dev->devno } };
	char where[256];

	replica_sysfs_parts(c->ctx, dev->devno, &parts);
	if (replica_mounted(c->ctx, &self, where, sizeof(where)))
		replica_finding_add(c, REPLICA_CHECK_MOUNTED, param,
				    "%s is mounted on %s", dev->path, where);
	else if (replica_mounted(c->ctx, &parts, where, sizeof(where)))
		replica_finding_add(c, REPLICA_CHECK_MOUNTED, param,
				    "a partition of %s is mounted on %s",
				    dev->path, where);
	else
		return false;
	return true;
}

static bool check_swap(struct replica_check *c,
		       const struct replica_blockdev *dev, const char *param)
{
	struct replica_devs parts;
	char where[256];

	replica_sysfs_parts(c->ctx, dev->devno, &parts);
	if (!replica_swapped(c->ctx, &parts, where, sizeof(where)))
		return false;
	replica_finding_add(c, REPLICA_CHECK_SWAP, param,
			    "%s is used as swap (%s)", dev->path, where);
	return true;
}

static bool check_holders(struct replica_check *c,
			  const struct replica_blockdev *dev, const char *param)
{
	struct replica_devs parts, holders;
	char holder[256], part[256];

	replica_sysfs_parts(c->ctx, dev->devno, &parts);
	for (size_t i = 0; i < parts.count; i++) {
		replica_sysfs_holders(c->ctx, parts.dev[i], &holders);
		if (!holders.count)
			continue;
		replica_sysfs_path(c->ctx, holders.dev[0], holder, sizeof(holder));
		replica_sysfs_path(c->ctx, parts.dev[i], part, sizeof(part));
		replica_finding_add(c, REPLICA_CHECK_HOLDERS, param,
				    "%s is in use by block device %s (%zu in all)",
				    i ? part : dev->path, holder, holders.count);
		return true;
	}
	return false;
}

static bool check_suspended(struct replica_check *c,
			    const struct replica_blockdev *dev, const char *param)
{
	if (dev->suspended)
		replica_finding_add(c, REPLICA_CHECK_OPEN, param,
				    "mapped device %s is suspended", dev->path);
	return dev->suspended;
}

static bool check_open(struct replica_check *c,
		       const struct replica_blockdev *dev, const char *param)
{
	int r = c->ctx->host->open_excl(c->ctx, dev->path);

	if (r == -EBUSY)
		replica_finding_add(c, REPLICA_CHECK_OPEN, param,
				    "%s is in use by another program or by the kernel",
				    dev->path);
	else if (r)
		replica_finding_add(c, REPLICA_CHECK_PERMISSION, param,
				    "%s cannot be opened: %s", dev->path,
				    strerror(-r));
	return r != 0;
}

/* One reason is enough; the next ones as a rule follow from it. */
void replica_check_use(struct replica_check *check,
		       const struct replica_blockdev *dev, const char *parameter)
{
	static bool (*const checks[])(struct replica_check *c,
				      const struct replica_blockdev *dev,
				      const char *param) = {
		check_replicas, check_mounts, check_swap, check_holders,
		check_suspended, check_open,
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i](check, dev, parameter))
			return;
}
