// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The copy by which a failover is tested, looked for: it has the name, the mark of a test, and
 * is a snapshot of the replica leg.  A snapshot that somebody has made himself has no mark.
 */
#include <stdio.h>
#include <string.h>

#include "failover-test.h"
#include "snapshot-lvm.h"
#include "token.h"

static bool lies_on(const struct replica_snap *snap, dev_t leg)
{
	return !leg || (snap->source && snap->source->dev == leg);
}

static void note(const struct replica_lines *self, struct replica_test_copy *copy)
{
	snprintf(copy->name, sizeof(copy->name), "%s", self->name);
	snprintf(copy->uuid, sizeof(copy->uuid), "%s", self->uuid);
	copy->count++;
}

static bool has_mark(struct replica_ctx *ctx, const char *name)
{
	struct replica_lines lines;
	bool has = !replica_lines_read(ctx, name, 0, &lines) &&
		   replica_id_of(lines.uuid, REPLICA_TEST_UUID_PREFIX);

	replica_lines_clear(&lines);
	return has;
}

static int find_dm(struct replica_ctx *ctx, const char *name, dev_t leg,
		   struct replica_test_copy *copy)
{
	struct replica_snap snap;
	int ret;

	if (!has_mark(ctx, name))
		return REPLICA_SUCCESS;
	ret = replica_snap_find(ctx, name, &snap);
	if (!ret && replica_id_of(snap.self->uuid, REPLICA_TEST_UUID_PREFIX) &&
	    lies_on(&snap, leg))
		note(snap.self, copy);
	replica_snap_clear(&snap);
	if (ret != REPLICA_NOT_FOUND)
		return ret;
	replica_error_clear(ctx);		/* it has gone meanwhile */
	return REPLICA_SUCCESS;
}

void replica_test_pick(struct replica_snap *snap, const char *name, dev_t leg,
		       struct replica_test_copy *copy)
{
	const struct replica_lines *self;
	const struct replica_lv *lv;

	for (lv = snap->lvs; (lv = replica_lvsnap_next(snap, lv, &self)); lv = lv->next) {
		if (strcmp(lv->name, name) || !replica_lv_has_tag(lv, REPLICA_POOL_TAG_TEST))
			continue;
		replica_lvsnap_link(snap, self, lv);
		if (lies_on(snap, leg))
			note(self, copy);
	}
}

/* LVM that does not answer is no "there is none". */
static int find_lvm(struct replica_ctx *ctx, const char *name, dev_t leg,
		    struct replica_test_copy *copy)
{
	struct replica_snap snap = { .ctx = ctx };
	int r = replica_maps_read(ctx, &snap.maps), ret;

	ret = r ? replica_fail_errno(ctx, r, "Name", "device-mapper does not list its devices") :
	      replica_lvsnap_list(&snap);
	if (!ret)
		replica_test_pick(&snap, name, leg, copy);
	replica_snap_clear(&snap);
	return ret;
}

int replica_test_find(struct replica_ctx *ctx, const char *name, dev_t leg,
		      struct replica_test_copy *copy)
{
	char dm[DM_REPLICA_NAME_LEN], lv[DM_REPLICA_NAME_LEN], leg_name[DM_REPLICA_NAME_LEN];
	char uuid[DM_REPLICA_UUID_LEN];
	bool known = leg && replica_sysfs_dm(ctx, leg, leg_name, uuid);
	bool of_lvm = known && !strncmp(uuid, "LVM-", 4);
	int ret = REPLICA_SUCCESS;

	memset(copy, 0, sizeof(*copy));
	replica_test_names(name, dm, lv);
	if (!of_lvm)
		ret = find_dm(ctx, dm, leg, copy);
	if (!ret && !copy->count && (of_lvm || !known))
		ret = find_lvm(ctx, lv, leg, copy);
	return ret;
}

/* A leg that is no mapped device never had a copy. */
int replica_test_find_either(struct replica_ctx *ctx, const char *name, const dev_t legs[2],
			     struct replica_test_copy *copy)
{
	char leg_name[DM_REPLICA_NAME_LEN], uuid[DM_REPLICA_UUID_LEN];
	int ret = replica_test_find(ctx, name, legs[0], copy);

	if (ret || copy->count || !legs[0] || !legs[1] ||
	    !replica_sysfs_dm(ctx, legs[1], leg_name, uuid))
		return ret;
	return replica_test_find(ctx, name, legs[1], copy);
}
