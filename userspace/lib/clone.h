/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _REPLICA_CLONE_PRIVATE_H
#define _REPLICA_CLONE_PRIVATE_H

#include "attach.h"
#include "old-label.h"

static inline bool replica_is_clone(const struct replica_create_args *args)
{
	return args->sync_type == REPLICA_SYNC_TYPE_CLONE;
}

/* Return values with the error filled in, both. */

/* What contradicts a copy of one instant. */
int replica_clone_check(struct replica_ctx *ctx, const struct replica_create_args *args);
/* What replica_finish() does. */
int replica_clone_finish(struct replica_ctx *ctx, const char *name, uint32_t *ended);
/*
 * A clone that was waited for: if it is complete the association ends.  For who has
 * claimed it.
 */
int replica_clone_end(struct replica_ctx *ctx, const struct replica_create_args *args,
		      const struct replica_info *info, uint32_t *ended);

/*
 * clone-watch.c.  claim: the end of the clone is the caller's alone, until he unlocks; a
 * return value.  tidy_rest: for who has not claimed it and is about to make a replica of that
 * name: what the end of a clone that had it has left goes.  begin: that, and a clone is claimed,
 * which nobody ends then before he has looked at it.
 * made: for him when he has; waits: he will until it is complete, and ends it.  left: when he goes
 * all the same, as one whose time is over: does anybody else end it?
 * watched: is there somebody who will end it when it is complete, as far as can be seen?
 * claimed: one of them does it, or has created it: 1, 0, or -errno where it cannot be seen, as by
 * who is not root.
 * has_unit: is a unit of that name installed, and not masked?
 */
bool replica_has_unit(struct replica_ctx *ctx, const char *unit);
int replica_clone_claim(struct replica_ctx *ctx, const char *name, int *fd);
void replica_clone_tidy_rest(struct replica_ctx *ctx, const char *name);
int replica_clone_begin(struct replica_ctx *ctx, const struct replica_create_args *args,
			const char *name, int *fd);
void replica_clone_made(struct replica_ctx *ctx, struct replica_info *info, bool waits);
void replica_clone_left(struct replica_ctx *ctx, struct replica_info *info);
bool replica_clone_watched(struct replica_ctx *ctx, const struct replica_info *info);
int replica_clone_claimed(const char *name);

/*
 * clone-rest.c.  What an end has to do once the mapping is gone is written down before, so
 * that it is done even when the end is killed.  note: writes it.  resume: does it, for who has
 * claimed the clone; *done: there was something to be done for a clone of that name, and
 * nothing is left.  A return value.  has_rest: there is something noted.
 * association: the uuid that the clone's log has, if this library made it.
 */
bool replica_clone_association(const struct replica_info *info,
			       const struct replica_attached *attached, uint8_t uuid[16]);
void replica_clone_rest_note(struct replica_ctx *ctx, const struct replica_info *info,
			     const struct replica_attached *attached,
			     const struct replica_old_label *label);
int replica_clone_resume(struct replica_ctx *ctx, const char *name, bool *done);
bool replica_clone_has_rest(struct replica_ctx *ctx, const char *name);

#endif /* _REPLICA_CLONE_PRIVATE_H */
