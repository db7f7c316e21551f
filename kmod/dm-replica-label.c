// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generations, and the label that carries them at the tail of the replica: do legs and
 * log belong together?
 */
#include <linux/random.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-clone.h"
#include "dm-replica-delta.h"
#include "dm-replica-intent-priv.h"
#include "dm-replica-protect.h"

/* Before a replica that gets no writes is tried again, jiffies. */
#define LABEL_RETRY	(60 * HZ)

/*
 * If nothing else is there.  A label of another association is no hindrance: what it
 * stands for ends here.
 */
u64 replica_label_place(struct replica_intents *intents, struct block_device *leg)
{
	u64 sector = replica_label_sector(bdev_nr_sectors(leg), intents->meta->geometry.sectors);
	struct dm_replica_label *label = kmalloc(sizeof(*label), GFP_NOIO);
	enum replica_verdict verdict;

	if (!sector || !label || replica_meta_read_label(intents->meta, leg, sector, label)) {
		kfree(label);
		return 0;
	}
	verdict = replica_label_judge(label);
	kfree(label);
	return verdict == REPLICA_BLOCK_GOOD || verdict == REPLICA_BLOCK_ZERO ? sector : 0;
}

/* The label of ours on a leg, at either place.  Return: its sector, 0: there is none. */
static u64 find_label(struct replica_intents *intents, struct block_device *leg,
		      struct dm_replica_label *label)
{
	struct dm_replica_superblock *sb = intents->meta->sb;
	u64 sectors[] = { le64_to_cpu(sb->label_sector), replica_sb_origin_label(sb) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sectors); i++)
		if (sectors[i] &&
		    !replica_meta_read_label(intents->meta, leg, sectors[i], label) &&
		    replica_label_judge(label) == REPLICA_BLOCK_GOOD &&
		    !memcmp(label->uuid, sb->uuid, sizeof(sb->uuid)))
			return sectors[i];
	return 0;
}

static const char *judge_roles(struct replica_intents *intents, struct dm_replica_label *label)
{
	struct dm_replica_superblock *sb = intents->meta->sb;

	if (find_label(intents, intents->replica->origin_bdev, label) &&
	    replica_label_role(sb, label) != DM_REPLICA_ROLE_ORIGIN)
		return "origin and replica are swapped: the origin has the replica's label";
	/* Without a swap there is nothing to be found but what is looked at below. */
	if (replica_sb_origin_label(sb) &&
	    find_label(intents, intents->replica->replica_bdev, label) &&
	    replica_label_role(sb, label) != DM_REPLICA_ROLE_REPLICA)
		return "origin and replica are swapped: the replica has the origin's label";
	return NULL;
}

static bool can_be_read(struct replica_intents *intents, struct block_device *leg, u64 sector,
			struct dm_replica_label *label)
{
	int r = replica_meta_read_label(intents->meta, leg, sector, label);

	return !r || r == -ENOSPC;
}

/* The replica has no room for a label, and after a swap the origin has one. */
static const char *judge_origin(struct replica_intents *intents, struct dm_replica_label *label)
{
	struct block_device *origin = intents->replica->origin_bdev;

	if (!find_label(intents, origin, label)) {
		if (!can_be_read(intents, origin, intents->meta->origin_label_sector, label))
			return "the label of the origin cannot be read";
		/* Cut off before it got its first one: nothing else had changed. */
		if (le16_to_cpu(intents->meta->sb->flags) & DM_REPLICA_SB_PENDING &&
		    !intents->meta->sb->swaps)
			return NULL;
		return "origin has lost its label: another device, or it was written to elsewhere";
	}
	switch (replica_label_compare(intents->meta->sb, label)) {
	case REPLICA_KIN_SAME:
		intents->label_behind = label->generation != intents->meta->sb->generation;
		return NULL;
	case REPLICA_KIN_OLD_REPLICA:
		return "origin is an old one: it has missed an activation";
	case REPLICA_KIN_OLD_META:
		return "meta device is an old copy: the origin was in use after it was made";
	default:
		return "origin and meta device went separate ways: their generations do not meet";
	}
}

/*
 * What the log says of the replica is not true of this one: it may be from the middle of a
 * resync, and its snapshot is not to take the place of one that is good.
 */
static void copy_all_of_it(struct replica_intents *intents)
{
	replica_intents_everything(intents);
	/* At the opening this is what it goes by. */
	intents->meta->sb->flags &= cpu_to_le16((u16)~DM_REPLICA_SB_WHOLE);
	intents->label_torn = true;
	replica_protect_torn(intents->replica);
}

static const char *judge_kinship(struct replica_intents *intents,
				 const struct dm_replica_label *label)
{
	struct replica *replica = intents->replica;

	switch (replica_label_compare(intents->meta->sb, label)) {
	case REPLICA_KIN_SAME:
		intents->label_behind = label->generation != intents->meta->sb->generation;
		return NULL;
	case REPLICA_KIN_OLD_REPLICA:
		DMWARN("%s: the replica is an old one: everything is copied", replica->name);
		copy_all_of_it(intents);
		return NULL;
	case REPLICA_KIN_OLD_META:
		return "meta device is an old copy: the replica was in use after it was made";
	case REPLICA_KIN_DIVERGED:
		return "replica and meta device went separate ways: their generations do not meet";
	default:
		return "replica belongs to another association: its label has another uuid";
	}
}

static const char *judge_label(struct replica_intents *intents, struct dm_replica_label *label)
{
	struct replica *replica = intents->replica;
	const char *why;
	int r;

	if (!replica_meta_has_label(intents->meta))
		return NULL;
	why = judge_roles(intents, label);
	if (why)
		return why;
	if (!intents->meta->label_sector)
		return judge_origin(intents, label);
	r = replica_meta_read_label(intents->meta, replica->replica_bdev,
				    intents->meta->label_sector, label);
	if (r && r != -ENOSPC) {
		DMWARN("%s: the label of the replica cannot be read now", replica->name);
		intents->label_unread = true;
		return NULL;
	}
	/* A crash before the first label was written: nothing else was, either. */
	if (le16_to_cpu(intents->meta->sb->flags) & DM_REPLICA_SB_PENDING &&
	    !intents->meta->sb->history[0]) {
		intents->label_behind = true;
		return NULL;
	}
	switch (r ? REPLICA_BLOCK_FOREIGN : replica_label_judge(label)) {
	case REPLICA_BLOCK_GOOD:
		return judge_kinship(intents, label);
	case REPLICA_BLOCK_DAMAGED:
		DMWARN("%s: the label of the replica is damaged: everything is copied",
		       replica->name);
		copy_all_of_it(intents);
		return NULL;
	default:
		return "replica has lost its label: another device, or it was written to elsewhere";
	}
}

/* Return: NULL, or why the legs and the log do not belong together. */
const char *replica_label_check(struct replica_intents *intents, bool first)
{
	struct dm_replica_label *label = kmalloc(sizeof(*label), GFP_KERNEL);
	const char *why = NULL;

	if (!label)
		return "not enough memory";
	if (first)
		intents->meta->label_sector =
			replica_label_place(intents, intents->replica->replica_bdev);
	else
		why = judge_label(intents, label);
	kfree(label);
	return why;
}

/* Another replica was accepted, or the device has grown over the label. */
void replica_label_replace(struct replica_intents *intents)
{
	struct dm_replica_label *label = kmalloc(sizeof(*label), GFP_KERNEL);
	struct block_device *origin = intents->replica->origin_bdev;
	struct replica_meta *meta = intents->meta;

	/* One that the origin has, in whichever role, is to tell its role from here on. */
	meta->origin_label_sector = label ? find_label(intents, origin, label) : 0;
	if (meta->origin_label_sector && meta->origin_label_sector < meta->geometry.sectors)
		meta->origin_label_sector = replica_label_place(intents, origin);
	meta->label_sector = replica_label_place(intents, intents->replica->replica_bdev);
	kfree(label);
}

/*
 * An activation that was cut off before its label was written has not been seen by
 * the replica: this one takes its place, lest the label fall two behind.
 */
void replica_label_next_generation(struct replica_intents *intents)
{
	struct dm_replica_superblock *sb = intents->meta->sb;

	/* Nor has one that could not even read it: this is the same activation still. */
	if (intents->label_unread && le16_to_cpu(sb->flags) & DM_REPLICA_SB_PENDING)
		return;
	if (!intents->label_behind) {
		memmove(&sb->history[1], &sb->history[0],
			sizeof(sb->history) - sizeof(sb->history[0]));
		sb->history[0] = sb->generation;
		sb->activation = cpu_to_le64(le64_to_cpu(sb->activation) + 1);
	}
	do {
		sb->generation = cpu_to_le64(get_random_u64());
	} while (!sb->generation);
}

/*
 * The log ends here: the device may come back with what it says now.  The label
 * is all that can tell the next activation that this is not the last word.
 */
void replica_intents_disown(struct replica_intents *intents)
{
	intents->label_behind = false;
	replica_label_next_generation(intents);
	if (!replica_meta_has_label(intents->meta) || !replica_meta_write_label(intents->meta))
		return;
	DMWARN("%s: the label of the replica cannot be written now", intents->replica->name);
	intents->label_pending = true;
}

int replica_label_begin(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;
	int r;

	replica_label_next_generation(intents);
	if (!replica_meta_has_label(intents->meta))
		return replica_intents_write_sb(intents, 0);
	intents->label_pending = true;
	r = replica_intents_write_sb(intents, 0);
	if (r)
		return r;
	if (intents->label_unread)
		return 0;
	r = replica_intents_write_label(intents);
	if (!r && intents->label_pending)
		DMWARN("%s: the label of the replica cannot be written now", replica->name);
	return r;
}

/*
 * The replica is back, and it is looked at before it gets a label of ours.
 * Return: false when it is not to be written to.
 */
static bool judge_late(struct replica_intents *intents)
{
	struct dm_replica_label *label = kmalloc(sizeof(*label), GFP_NOIO);
	struct replica *replica = intents->replica;
	const char *why;

	if (!label)
		return false;
	intents->label_unread = false;
	why = judge_label(intents, label);
	kfree(label);
	if (why) {
		DMERR("%s: %s", replica->name, why);
		intents->label_unread = true;
		replica_state_replica_failed(replica, 0, -ESTALE, why);
	}
	return !intents->label_unread;
}

/*
 * It may answer, and gets nothing now: the old origin after a failover, whose label tells best
 * what it is; between delta updates; before a resync that is to be protected.  What it is has to
 * be known before it is written to, and before a snapshot of it takes the place of another.
 */
static bool rests(const struct replica *replica)
{
	return !replica->clone &&
	       BIT(READ_ONCE(replica->state)) & (REPLICA_VERIFY_STATES |
						 BIT(DM_REPLICA_STATE_UNSYNCHRONIZED) |
						 BIT(DM_REPLICA_STATE_FAILEDOVER));
}

bool replica_label_due(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;

	if (READ_ONCE(replica->ship) || replica_clone_copies(replica) ||
	    replica_delta_copies(replica))
		return true;
	/* One that hangs holds up the log. */
	if (!intents->label_pending || !rests(replica) ||
	    time_before(jiffies, intents->label_retry))
		return false;
	intents->label_retry = jiffies + LABEL_RETRY;
	return true;
}

int replica_intents_write_label(struct replica_intents *intents)
{
	int r;

	if (!intents->label_pending || (intents->label_unread && !judge_late(intents)))
		return 0;
	/* The one on the device may say that it is whole, and must not when it is copied to. */
	if (intents->label_torn) {
		r = replica_intents_write_sb(intents, 0);
		if (r)
			return r;
		intents->label_torn = false;
	}
	/* A replica that fails gets its label when it is back. */
	if (replica_meta_write_label(intents->meta))
		return 0;
	intents->label_pending = false;
	return replica_intents_write_sb(intents, 0);
}
