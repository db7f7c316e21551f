/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DM_REPLICA_TARGET_H
#define DM_REPLICA_TARGET_H

#include <linux/device-mapper.h>

struct replica;
struct replica_target;

extern struct target_type replica_target_type;

/* construct.c APIs: the constructor; and the end of what it has made.  May sleep. */
int replica_target_ctr(struct dm_target *ti, unsigned int argc, char **argv);
void replica_target_put(struct dm_target *ti, struct replica_target *rt);

/*
 * target-meta.c API: open the meta device of a table line, @path or NULL, and see that
 * it is free or holds the log of these legs.  May sleep.  0, or a negative errno with
 * ti->error.
 */
int replica_target_get_meta(struct dm_target *ti, struct replica_target *rt, const char *path);

/*
 * legs.c APIs: are the legs of a table fit to be ones of the target; and, when the meta
 * device is open too, is none of them in the way of another replica?  May sleep.  0, or a
 * negative errno with ti->error.
 */
int replica_target_check_legs(struct dm_target *ti, struct replica_target *rt);
int replica_target_check_free(struct dm_target *ti, struct replica_target *rt);
/* Does another replica have one of the devices?  May sleep. */
bool replica_target_in_other(struct dm_target *ti, struct replica_target *rt);
/* Have the legs changed places since a line with these was written? */
bool replica_target_crossed(const struct replica *old, dev_t origin, dev_t copy);
/* Does the association of the table before go on with the table of @fresh? */
bool replica_target_can_adopt(const struct replica *old, const struct replica *fresh);
/* May @fresh take the place of a clone?  As check_legs. */
int replica_target_check_clone(struct dm_target *ti, const struct replica *fresh);
/* May requests that were given up still change a leg of @fresh?  @old may be NULL.  May sleep. */
bool replica_target_owed(struct replica *old, const struct replica *fresh);

#endif /* DM_REPLICA_TARGET_H */
