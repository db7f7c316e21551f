// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generations, and the label that carries them at the tail of the replica: do legs and
 * log belong together?
 */
#include <linux/random.h>
#include <linux/slab.h>

#include "compat.h"
#include "dm-replica-intent-priv.h"

/*
 * A place for a label at the tail of the replica, if nothing else is there.  A label of
 * another association is no hindrance: what it stands for ends here.
 */
static void find_label_place(struct replica_intents *intents, struct dm_replica_label *label)
{
	struct block_device *leg = intents->replica->replica_bdev;
	u64 sector = replica_label_sector(bdev_nr_sectors(leg), intents->meta->geometry.sectors);
	enum replica_verdict verdict;

	intents->meta->label_sector = 0;
	if (!sector || replica_meta_read_label(intents->meta, leg, sector, label))
		return;
	verdict = replica_label_judge(label);
	if (verdict == REPLICA_BLOCK_GOOD || verdict == REPLICA_BLOCK_ZERO)
		intents->meta->label_sector = sector;
}

static bool origin_has_label(struct replica_intents *intents, struct dm_replica_label *label)
{
	struct dm_replica_superblock *sb = intents->meta->sb;

	return !replica_meta_read_label(intents->meta, intents->replica->origin_bdev,
					le64_to_cpu(sb->label_sector), label) &&
	       replica_label_judge(label) == REPLICA_BLOCK_GOOD &&
	       !memcmp(label->uuid, sb->uuid, sizeof(sb->uuid));
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
		replica_intents_everything(intents);
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
	int r;

	if (!intents->meta->label_sector)
		return NULL;
	if (origin_has_label(intents, label))
		return "origin and replica are swapped: the origin has the replica's label";
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
		replica_intents_everything(intents);
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
		find_label_place(intents, label);
	else
		why = judge_label(intents, label);
	kfree(label);
	return why;
}

/* Another replica was accepted, or the device has grown over the label. */
void replica_label_replace(struct replica_intents *intents)
{
	struct dm_replica_label *label = kmalloc(sizeof(*label), GFP_KERNEL);

	intents->meta->label_sector = 0;
	if (!label)
		return;
	find_label_place(intents, label);
	kfree(label);
}

/*
 * An activation that was cut off before its label was written has not been seen by
 * the replica: this one takes its place, lest the label fall two behind.
 */
static void next_generation(struct replica_intents *intents)
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
	next_generation(intents);
	if (!intents->meta->label_sector || !replica_meta_write_label(intents->meta))
		return;
	DMWARN("%s: the label of the replica cannot be written now", intents->replica->name);
	intents->label_pending = true;
}

int replica_label_begin(struct replica_intents *intents)
{
	struct replica *replica = intents->replica;
	int r;

	next_generation(intents);
	if (!intents->meta->label_sector)
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

int replica_intents_write_label(struct replica_intents *intents)
{
	if (!intents->label_pending || (intents->label_unread && !judge_late(intents)))
		return 0;
	/* A replica that fails gets its label when it is back. */
	if (replica_meta_write_label(intents->meta))
		return 0;
	intents->label_pending = false;
	return replica_intents_write_sb(intents, 0);
}
