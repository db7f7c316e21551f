// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of live replicas, by the number of their mapped device.
 */
#include <linux/list.h>
#include <linux/slab.h>

#include "dm-replica.h"

static DEFINE_MUTEX(registry_lock);
static LIST_HEAD(registry);
/* Retired, with requests that the replica has not returned. */
static LIST_HEAD(orphans);
static unsigned int registry_generation = 1;

static void new_generation(void)
{
	if (!++registry_generation)
		registry_generation = 1;
}

void replica_registry_add(struct replica *replica)
{
	struct replica *other;

	mutex_lock(&registry_lock);
	list_for_each_entry(other, &registry, link)
		if (other->dev > replica->dev)
			break;
	/* Before the first greater one, or at the end. */
	list_add_tail(&replica->link, &other->link);
	new_generation();
	mutex_unlock(&registry_lock);
}

void replica_registry_remove(struct replica *replica)
{
	mutex_lock(&registry_lock);
	list_del_init(&replica->link);
	new_generation();
	mutex_unlock(&registry_lock);
}

void replica_registry_add_orphan(struct replica *replica)
{
	mutex_lock(&registry_lock);
	list_add_tail(&replica->link, &orphans);
	mutex_unlock(&registry_lock);
}

bool replica_registry_orphans(dev_t replica_dev)
{
	struct replica *replica;
	bool found = false;

	mutex_lock(&registry_lock);
	list_for_each_entry(replica, &orphans, link)
		if (replica->replica_dev == replica_dev && atomic_read(&replica->detached)) {
			found = true;
			break;
		}
	mutex_unlock(&registry_lock);
	return found;
}

/* Its legs may be changing places. */
static bool has_device(struct replica *replica, dev_t dev)
{
	bool has;

	spin_lock_irq(&replica->lock);
	has = replica->replica_dev == dev || replica->origin_dev == dev ||
	      replica->meta_dev == dev;
	spin_unlock_irq(&replica->lock);
	return has;
}

bool replica_registry_conflict(dev_t dev, dev_t leg)
{
	struct replica *replica;
	bool found = false;

	mutex_lock(&registry_lock);
	list_for_each_entry(replica, &registry, link)
		if (replica->dev != dev && has_device(replica, leg)) {
			found = true;
			break;
		}
	mutex_unlock(&registry_lock);
	return found;
}

unsigned int replica_registry_generation(void)
{
	unsigned int generation;

	mutex_lock(&registry_lock);
	generation = registry_generation;
	mutex_unlock(&registry_lock);
	return generation;
}

struct replica *replica_registry_find_dev(dev_t dev)
{
	struct replica *replica, *found = NULL;

	mutex_lock(&registry_lock);
	list_for_each_entry(replica, &registry, link)
		if (replica->dev == dev) {
			found = replica;
			replica_get(found);
			break;
		}
	mutex_unlock(&registry_lock);
	return found;
}

struct replica *replica_registry_next(dev_t after)
{
	struct replica *replica, *found = NULL;

	mutex_lock(&registry_lock);
	list_for_each_entry(replica, &registry, link)
		if (replica->dev > after) {
			found = replica;
			replica_get(found);
			break;
		}
	mutex_unlock(&registry_lock);
	return found;
}

struct replica *replica_registry_find_name(const char *name)
{
	struct replica *replica;
	char found[DM_REPLICA_NAME_LEN];
	dev_t after = 0;

	while ((replica = replica_registry_next(after))) {
		if (!replica_registry_name(replica, found, NULL) && !strcmp(found, name))
			return replica;
		after = replica->dev;
		replica_put(replica);
	}
	return NULL;
}

int replica_registry_name(struct replica *replica, char *name, char *uuid)
{
	/* By number, as md may be going; the reference keeps it meanwhile. */
	struct mapped_device *md = dm_get_md(replica->dev);
	char now_name[DM_REPLICA_NAME_LEN], now_uuid[DM_REPLICA_UUID_LEN];

	if (md && md == READ_ONCE(replica->md) &&
	    !dm_copy_name_and_uuid(md, now_name, now_uuid)) {
		spin_lock_irq(&replica->lock);
		strscpy(replica->name, now_name, sizeof(replica->name));
		strscpy(replica->uuid, now_uuid, sizeof(replica->uuid));
		spin_unlock_irq(&replica->lock);
	}
	if (md)
		dm_put(md);

	spin_lock_irq(&replica->lock);
	if (name)
		strscpy(name, replica->name, DM_REPLICA_NAME_LEN);
	if (uuid)
		strscpy(uuid, replica->uuid, DM_REPLICA_UUID_LEN);
	spin_unlock_irq(&replica->lock);
	return 0;
}
