/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mapped device that is in use gets a replica under its own name: a hidden device
 * takes a copy of its table and becomes the origin, and the name gets the table of
 * the replica.  The uuid of the name stays, so that the way to tell such a replica is
 * the hidden device that it has as a leg.
 */
#ifndef _REPLICA_ATTACH_H
#define _REPLICA_ATTACH_H

#include "check.h"
#include "dm-lines.h"

/* Of the hidden device; what follows is the uuid of the association. */
#define REPLICA_ORIGIN_UUID_PREFIX	"REPLICA-ORIGIN-"
#define REPLICA_ORIGIN_SUFFIX		"-origin"

struct replica_attach {
	struct replica_ctx *ctx;
	char name[DM_REPLICA_NAME_LEN];
	char origin[DM_REPLICA_NAME_LEN];	/* the hidden device */
	bool hidden;			/* it is there */
	bool locked;			/* replica_lock_tables(): from hide to start, and in undo */
	int lock;
	struct replica_lines old;	/* the table of name, as it was found */
};

/* false: name is too long for a hidden device beside it. */
bool replica_attach_origin_name(const char *name, char origin[DM_REPLICA_NAME_LEN]);

/*
 * Steps of attaching, return values.  hide: makes the hidden device; uuid is that of
 * the association, and number becomes the device's.  start: the name gets the replica,
 * with freeze while its file systems are at rest; REPLICA_TIMEOUT: it has it, and udev is
 * late.  Where they fail, name has its own table and nothing is left of ours, or the error
 * says what is.  undo: takes all of it back that there is, the error stays.  clear: forgets
 * what is in memory, after any of them.
 */
int replica_attach_hide(struct replica_attach *a, struct replica_ctx *ctx, const char *name,
			const char *uuid, char *number, size_t size);
int replica_attach_start(struct replica_attach *a, uint64_t sectors, const char *params,
			 bool freeze);
void replica_attach_undo(struct replica_attach *a);
void replica_attach_clear(struct replica_attach *a);

/* What the arguments ask for and a source that is attached to cannot have. */
int replica_attach_check_args(struct replica_check *check,
			      const struct replica_create_args *args);

/* The same for a change of settings: of a name that has a hidden device. */
int replica_attached_check_settings(struct replica_ctx *ctx, const char *name,
				    const struct replica_settings *settings);

/* What there is under a name. */
struct replica_attached {
	struct replica_ctx *ctx;
	bool attached;			/* a replica of which a leg is a hidden device */
	bool reversed;			/* that leg is the replica, and not the origin */
	bool left;			/* no replica, and a hidden device nevertheless */
	struct replica_lines live;	/* of the name; empty if there is no such device */
	struct replica_lines hidden;
};

/*
 * look: a return value; to be cleared in any case.  check: may it end?  is_clone: of one
 * that is attached.  end: the name gets the very table of the hidden device; when that is
 * the replica, it leads to the other device alone.  drop: the hidden device goes, after all
 * else, since it is by it that what a command has left that was cut off is found.  tidy: all
 * that goes, the log among it; name is what was looked at.  end, drop and tidy take
 * replica_lock_tables().
 */
int replica_attached_look(struct replica_attached *a, struct replica_ctx *ctx,
			  const char *name);
int replica_attached_check(const struct replica_attached *a);
bool replica_attached_is_clone(const struct replica_attached *a);
int replica_attached_end(struct replica_attached *a);
int replica_attached_drop(struct replica_attached *a);
int replica_attached_tidy(struct replica_attached *a, const char *name);
void replica_attached_clear(struct replica_attached *a);

/* Is it the hidden device of a source? */
bool replica_attached_is_hidden(const struct replica_lines *lines);

/*
 * attach-check.c.  source: is the source in use, and can it be attached to?  Sets
 * check->attach, or adds why not.  fault: pure; why a device with this table cannot
 * get a replica under its name, or NULL.
 */
void replica_check_source(struct replica_check *check);
const char *replica_attach_fault(const struct replica_lines *lines, char *text, size_t size);

#endif /* _REPLICA_ATTACH_H */
