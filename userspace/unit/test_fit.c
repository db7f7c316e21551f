// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a label says about a log, before the kernel says it. */
#include "fit.h"
#include "ktap.h"

static struct dm_replica_superblock sb;
static struct dm_replica_label label;

/* The fifth activation, which both know. */
static void both(void)
{
	memset(&sb, 0, sizeof(sb));
	memset(&label, 0, sizeof(label));
	memset(sb.uuid, 7, sizeof(sb.uuid));
	memset(label.uuid, 7, sizeof(label.uuid));
	sb.label_sector = cpu_to_le64(16384);
	sb.activation = cpu_to_le64(5);
	sb.generation = cpu_to_le64(555);
	sb.history[0] = cpu_to_le64(444);
	sb.history[1] = cpu_to_le64(333);
	label.activation = sb.activation;
	label.generation = sb.generation;
}

static enum replica_meta_fit judge(void)
{
	replica_label_seal(&label);
	return replica_fit_judge(&sb, NULL, &label);
}

static void generations(void)
{
	both();
	CHECK_INT(judge(), REPLICA_FIT_SAME);
	label.activation = cpu_to_le64(3);
	label.generation = cpu_to_le64(333);
	CHECK_INT(judge(), REPLICA_FIT_OLD_REPLICA);
	label.activation = cpu_to_le64(6);
	CHECK_INT(judge(), REPLICA_FIT_OLD_META);
	label.activation = cpu_to_le64(5);
	CHECK_INT(judge(), REPLICA_FIT_DIVERGED);
	both();
	label.uuid[0] = 8;
	CHECK_INT(judge(), REPLICA_FIT_STRANGER);
}

static void labels(void)
{
	struct dm_replica_label none;

	both();
	memset(&none, 0, sizeof(none));
	CHECK_INT(replica_fit_judge(&sb, NULL, &none), REPLICA_FIT_LOST);
	CHECK_INT(replica_fit_judge(&sb, NULL, NULL), REPLICA_FIT_UNKNOWN);
	CHECK_INT(judge(), REPLICA_FIT_SAME);
	CHECK_INT(replica_fit_judge(&sb, &label, &none), REPLICA_FIT_SWAPPED);
	CHECK_INT(replica_fit_judge(&sb, &none, &label), REPLICA_FIT_SAME);
	label.generation ^= 1;
	CHECK_INT(replica_fit_judge(&sb, NULL, &label), REPLICA_FIT_DAMAGED);
	sb.label_sector = 0;
	CHECK_INT(judge(), REPLICA_FIT_UNKNOWN);
}

/* Which leg is which is told by how often they have changed places since a label was written. */
static void roles(void)
{
	struct dm_replica_label other;

	both();
	sb.swaps = cpu_to_le32(1);
	sb.incompat = cpu_to_le64(DM_REPLICA_FEATURE_INCOMPAT_ROLES);
	sb.origin_label_sector = cpu_to_le64(16384);
	/* From before: it was the replica's, and is the origin's now. */
	CHECK_INT(judge(), REPLICA_FIT_SWAPPED);
	CHECK_INT(replica_fit_judge(&sb, &label, NULL), REPLICA_FIT_UNKNOWN);
	/* Written anew, and that of the other leg could not be. */
	label.swaps = cpu_to_le32(1);
	label.role = cpu_to_le16(DM_REPLICA_ROLE_REPLICA);
	CHECK_INT(judge(), REPLICA_FIT_SAME);
	other = label;
	other.swaps = 0;
	replica_label_seal(&other);
	CHECK_INT(replica_fit_judge(&sb, &other, &label), REPLICA_FIT_SAME);
	CHECK_INT(replica_fit_judge(&sb, &label, &other), REPLICA_FIT_SWAPPED);
	/* The replica has no room for one. */
	sb.label_sector = 0;
	other = label;
	other.role = cpu_to_le16(DM_REPLICA_ROLE_ORIGIN);
	replica_label_seal(&other);
	CHECK_INT(replica_fit_judge(&sb, &other, NULL), REPLICA_FIT_SAME);
	CHECK_INT(replica_fit_judge(&sb, &label, NULL), REPLICA_FIT_SWAPPED);
	CHECK_INT(replica_fit_judge(&sb, NULL, NULL), REPLICA_FIT_UNKNOWN);
}

/* Never active: whatever stands there is of no concern. */
static void first(void)
{
	both();
	sb.activation = 0;
	label.uuid[0] = 8;
	CHECK_INT(judge(), REPLICA_FIT_UNKNOWN);
	both();
	sb.flags = cpu_to_le16(DM_REPLICA_SB_PENDING);
	sb.history[0] = 0;
	label.uuid[0] = 8;
	CHECK_INT(judge(), REPLICA_FIT_SAME);
}

int main(void)
{
	static const struct ktap_test tests[] = {
		T(generations), T(labels), T(roles), T(first),
	};

	return ktap_run(tests, KTAP_COUNT(tests));
}
